"""What commands say of their results, in sentences."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compactrl.quantities import DASH, a_return, mean_and_spread
from compactrl.searches.pace import count, duration

if TYPE_CHECKING:
    from compactrl.catalogs.catalog import Catalog
    from compactrl.reports.film import Played
    from compactrl.runs.run import Run


def describe_sizes(values: dict[str, Any]) -> str:
    """Say what a policy costs to store.

    `bits` are those of the paper's formula. `bytes` are what the tables of an export take; runs of before have not
    written them down.
    """
    stored = f"; its tables take {values['bytes']:,} bytes" if values.get("bytes") is not None else ""
    fewer = f" ({100 * values['compression']:.0f} % fewer than unstructured)" if values["compression"] else ""
    return (
        f"{values['weights']} weights + {values['biases']} biases = {values['parameters']} parameters{fewer}, "
        f"{values['bits']:,} bits by the paper's formula{stored}"
    )


def describe_result(run: Run, program: str = "compactrl") -> str:
    """Say what a search came to, and what to do next.

    Args:
        run: that has ended.
        program: how the command line is called here.
    """
    summary = run.summary
    failed = f"; {summary['failed']} more failed and are left out" if summary["failed"] else ""
    return "\n".join(
        (
            f"{summary['method']} policy for {summary['env']}{_task(summary)}: {describe_sizes(summary)}",
            f"return {mean_and_spread(summary)} (mean ± standard deviation over "
            f"{summary['episodes']} fresh episodes, without noise{failed}){_measures(summary)}",
            *compared_with(run),
            f"found in {summary['env_steps']:,} environment steps and {duration(summary['seconds'])}"
            f"{_why_it_ended(run)}; final policy in {run.path / 'policy.safetensors'}",
            "next:",
            *_next_commands(run, program),
        )
    )


def compared_with(run: Run) -> list[str]:
    """Say what the return is to be held against, where that is known; a line or none."""
    baselines, threshold = run.summary.get("baselines") or {}, run.summary.get("reward_threshold")
    zero = "the first action always" if run.policy.action.kind == "discrete" else "doing nothing"
    names = {"random": "random actions", "zero": zero}
    known = {name: values for name, values in baselines.items() if values["return_mean"] is not None}
    parts = [
        f"{names[name]} {a_return(values['return_mean'])} (mean of {values['episodes']} episodes)"
        for name, values in known.items()
    ]
    if threshold is not None:
        parts.append(f"solved from {threshold:g} on, says the environment")
    return ["to compare: " + "; ".join(parts)] if parts else []


def _why_it_ended(run: Run) -> str:
    """Say why a search ended before its budget was spent."""
    return {
        "callback": ", ended by the callback",
        "stop_at": f", where the final policy had reached --stop-at {run.config.get('stop_at') or 0:g}",
        "patience": f", since nothing had improved for --patience {run.config.get('patience') or 0:g} of the budget",
    }.get(run.summary.get("stopped_by") or "", "")


def _next_commands(run: Run, program: str) -> list[str]:
    """Return the commands that are of use now, with what they do."""
    path, other = shlex.quote(str(run.path)), shlex.quote(f"{run.path.name}-c")
    budget, taken = run.config["steps"], run.summary.get("env_steps", 0)  # re-evaluations are beyond the budget
    larger = budget * (max(budget, taken) // budget + 1)
    more = {"stop_at": "--stop-at none", "patience": "--patience 0", "callback": ""}.get(
        run.summary.get("stopped_by") or "", f"--steps {count(larger)}"
    )
    commands = [
        *_film(path, run.config["env"]),
        (f"report {path} --html report.html", "figures; name more runs to compare them"),
        (f"export {path} --out {other}", "C for a robot"),
        (f"resume {path} {more}".rstrip(), "search on"),
    ]
    if "widths" in run.config:
        commands.insert(0, (f"evaluate {path} --architectures all", "how well each of its architectures does"))
    if "train_contexts" in run.config:
        commands.insert(0, (f"evaluate {path} --tasks all", "how well it does in each of its tasks"))
    width = max(len(command) for command, _ in commands)
    return [f"  {program} {command:{width}}  # {purpose}" for command, purpose in commands]


def _film(folder: str, env: str) -> list[tuple[str, str]]:
    """Return the command that films a policy, where its environment can be filmed."""
    from compactrl.reports.stage import has_camera

    return [(f"play {folder}", "film it")] if has_camera(env) else []


def next_commands(path: Path, env: str, program: str) -> list[str]:
    """Return the commands that are of use for any folder with a policy for an environment, with what they do."""
    folder, other = shlex.quote(str(path)), shlex.quote(f"{path.name}-c")
    commands = [(f"export {folder} --out {other} --verify", "C for a robot"), *_film(folder, env)]
    width = max(len(command) for command, _ in commands)
    return [f"  {program} {command:{width}}  # {purpose}" for command, purpose in commands]


def _task(values: dict[str, Any]) -> str:
    """Say which task of a family a policy is for, where it is for one."""
    context = values.get("context")
    return f", task {', '.join(f'{number:g}' for number in context)}" if context else ""


def _measures(values: dict[str, Any]) -> str:
    """Say what the environment reports beside the return: its means are `NAME_mean`."""
    means = {key.removesuffix("_mean"): value for key, value in values.items() if key.endswith("_mean")}
    text = ""
    for name, mean in means.items():
        if name == "success" and mean is not None:
            text += f"; the goal reached in {100 * mean:.0f} %"
        elif name != "return" and mean is not None:
            text += f"; {name} {mean:.3g}"
    return text


def describe_evaluation(run: Run, result: dict[str, Any]) -> str:
    """Say what an evaluation gave."""
    (low, high), mean = result["return_interval"], result["return_mean"]
    failed = f", {result['failed']} episodes failed and are left out" if result["failed"] else ""
    return "\n".join(
        (
            f"{result['method']} policy for {result['env']}{_task(result)} ({run.path}): {describe_sizes(result)}",
            f"return {mean_and_spread(result)} (mean ± standard deviation over "
            f"{result['episodes']} fresh episodes, without noise{failed}){_measures(result)}",
            f"95 % interval of the mean: {a_return(low, mean)} to {a_return(high, mean)}",
            f"the episodes follow from --seed {result['evaluation_seed']}; the search and its summary had others",
        )
    )


def describe_tasks(run: Run, table: dict[str, Any], file: Path, figures: Sequence[Path]) -> str:
    """Say what the policies of tasks came to, those that trained and those that test apart.

    Args:
        run: of the tasks.
        table: of them.
        file: that the table is in.
        figures: that it is drawn in.
    """
    names, widths = ", ".join(table["names"]), table.get("widths")
    which = f"[{', '.join(map(str, widths))}] " if widths else ""
    lines = [f"{which}{run.config['method']} policies for {run.config['env']} ({run.path}), told by {names}"]
    for split, summary in table["summary"].items():
        lines.append(f"{split}: {_split(summary, table['episodes'])}")
        if table["adaptation_episodes"]:
            lines[-1] += f", after adapting by {table['adaptation_episodes']} episodes of each"
            lines.append(f"{split}, before: {_split(summary, table['episodes'], 'before_')}")
        known = [row for row in table[split] if row["return_mean"] is not None]
        ends = (max, min) if len(known) > 2 else ()
        for end, word in zip(ends, ("best", "worst"), strict=False):
            row = end(known, key=lambda row: row["return_mean"])
            told = ", ".join(f"{name} {value:.4g}" for name, value in zip(table["names"], row["context"], strict=True))
            lines.append(f"  the {word}: {told}, return {a_return(row['return_mean'])}{_measures(row)}")
    drawn = f"; drawn in {figures[0]}" if figures else ""
    return "\n".join((*lines, f"every task is in {file}{drawn}"))


def _split(summary: dict[str, Any], episodes: int, prefix: str = "") -> str:
    """Say what the tasks of a split came to."""
    mean, spread = summary[f"{prefix}return_mean"], summary[f"{prefix}return_std"]
    count = f"{summary['tasks']} task{'s' * (summary['tasks'] != 1)}"
    if mean is None:
        return f"{count}, of which every episode failed"
    low, high = summary[f"{prefix}return_interval"]
    between = f" ± {a_return(spread, mean)} (standard deviation between tasks)" if spread is not None else ""
    failed = f"; {summary[f'{prefix}failed']} tasks failed" if summary[f"{prefix}failed"] else ""
    after = {key: value for key, value in summary.items() if not key.startswith("before_")}
    measures = "" if prefix else _measures(after)
    return (
        f"{count}, return {a_return(mean)}{between}, 95 % interval of the mean {a_return(low, mean)} to "
        f"{a_return(high, mean)} by {episodes} episode{'s' * (episodes != 1)} of each{failed}{measures}"
    )


def _architecture(row: dict[str, Any] | None) -> str:
    if row is None:
        return f"{DASH} (the highest is not positive)"
    means = {key.removesuffix("_mean"): value for key, value in row.items() if key.endswith("_mean")}
    measures = "".join(f", {name} {mean:.3g}" for name, mean in means.items() if name != "return" and mean is not None)
    widths = ", ".join(map(str, row["widths"]))
    return f"[{widths}], {row['parameters']:,} parameters, return {a_return(row['return_mean'])}{measures}"


def _of_task(catalog: Catalog) -> str:
    """Say which task the policies of a catalogue are for, where they are for one."""
    if not catalog.of_task:
        return ""
    which = "" if catalog.chosen else ", the one in the middle (--context has others)"
    return f" in the task {catalog.of_task}{which}"


def describe_catalog(catalog: Catalog, rows: Sequence[dict[str, Any]], summary: dict[str, Any]) -> str:
    """Say what the architectures of a graph hyper policy came to."""
    path = catalog.run.path
    known = [row["return_mean"] for row in rows if row["return_mean"] is not None]
    lines = [
        f"{len(rows):,} architectures{_of_task(catalog)}, {rows[0]['parameters']:,} to {rows[-1]['parameters']:,} "
        f"parameters; mean returns {a_return(min(known))} to {a_return(max(known))}"
    ]
    if "success_mean" in rows[0]:
        succeeding = sum((row["success_mean"] or 0) >= 0.95 for row in rows)
        lines.append(f"success at least 0.95: {succeeding:,} ({100 * succeeding / len(rows):.1f} %)")
    compared = {"return_mean": "return", "success_mean": "success rate"}[summary["compared"]]
    lines.append(f"by {compared}, the smallest with:")
    lines += [f"{name:28} {_architecture(row)}" for name, row in summary["chosen"].items()]
    for by in ("memory", "size"):
        values = [summary["without_evaluation"].get(f"{by}, {kind}") for kind in ("ratio", "min-max")]
        shown = [DASH if value is None else f"{value:.2f}" for value in values]
        lines.append(
            f"chosen by {by + ', untried:':18} {shown[0]} of the best {compared} that fits; {shown[1]} of its way "
            "from the minimum (mean over random limits)"
        )
    lines.append(
        f"the table is in {path / catalog.file}; next: compactrl select {path} --max-parameters COUNT{catalog.option}"
    )
    return "\n".join(lines)


def describe_selection(catalog: Catalog, result: dict[str, Any]) -> str:
    """Say what was chosen, why, and what it does."""
    path = catalog.run.path
    widths = ", ".join(map(str, result["widths"]))
    failed = f", {result['failed']} failed and are left out" if result["failed"] else ""
    return "\n".join(
        (
            f"[{widths}]: {result['parameters']:,} parameters; its tables take {result['bytes']:,} bytes; lossless "
            f"memory dimension {result['memory_dimension']:,}",
            f"chosen for {result['why']}{_of_task(catalog) and f';{_of_task(catalog)}'}",
            f"return {mean_and_spread(result)} (mean ± standard deviation over "
            f"{result['episodes']} fresh episodes, without noise{failed}){_measures(result)}",
            f"policy in {path / 'policy.safetensors'}; next: compactrl evaluate {path}",
        )
    )


def describe_analysis(analysis: dict[str, Any]) -> str:
    """Say what an analysis found: of the colouring, of each layer, and of the designs that led the search."""
    low, high = analysis["entropy_random_interval"]
    lines = [
        f"{analysis['run']}: {analysis['edges_used']} of {analysis['edges']} edges in use, "
        f"{analysis['colors_used']} of {analysis['colors']} weights",
        f"entropy of the weights' frequencies: {analysis['entropy']:.3f} nats; 95 % of random colourings: {low:.3f} to "
        f"{high:.3f}; as even as can be: {analysis['entropy_even']:.3f}",
    ]
    lines += [_layer(number, layer) for number, layer in enumerate(analysis["layers"], 1)]
    if analysis["similarity"] is None:
        lines.append("its search has recorded no designs to compare with each other")
    else:
        lines += _similarity(analysis["similarity"])
    return "\n".join(lines)


def _layer(number: int, layer: dict[str, Any]) -> str:
    rows, columns = layer["shape"]
    ranks = ", ".join(
        f"{kind} {rank} ({layer['rounded_ranks'][kind]} without entries below a tenth of the largest)"
        for kind, rank in layer["ranks"].items()
    )
    return f"displacement rank of layer {number} ({rows} × {columns}, at most {min(rows, columns)}): {ranks}"


def _similarity(similarity: dict[str, Any]) -> list[str]:
    count = len(similarity["iterations"])
    tenth = max(1, count // 10)
    parts = (slice(0, tenth), slice(count // 2, count // 2 + tenth), slice(-tenth, None))
    lines = [f"each of {count + 1} designs that led, beside the one before; first, middle and last tenth:"]
    for key, name in (
        ("rand_index", "RandIndex"),
        ("variation_of_information", "variation of information (nats)"),
        ("distance", "edges of another colour"),
    ):
        values_of_parts = [similarity[key][part] for part in parts]
        means = ", ".join(f"{sum(values) / len(values):.3g}" for values in values_of_parts)
        lines.append(f"  {name}: {means}")
    return lines


def describe_play(run: Run, played: Played) -> str:
    """Say what a policy did in the episodes that were played, and what film there is of them."""
    returns = ", ".join(map(a_return, played.returns))
    steps = ", ".join(map(str, played.steps))
    lines = [f"return {returns} in {steps} steps"]
    if played.path is not None:
        lines = [f"film in {played.path}, {played.pace}", f"{lines[0]}, played in Gymnasium's {run.config['env']}"]
    summary = run.summary if (run.path / "summary.json").exists() else {}
    same = played.context is None or played.context.tolist() == summary.get("context")
    same = same and summary.get("parameters") == run.policy.size.parameters  # or it is another architecture's
    if summary.get("return_mean") is not None and same:
        lines[-1] += (
            f"; its search ended with {mean_and_spread(summary)} over "
            f"{summary['episodes']} episodes in {run.config['engine']}"
        )
    return "\n".join(lines)


WORKER_VERSIONS = ("python", "compactrl", "envpool", "mujoco", "gymnasium", "numpy", "ray")
"""What the doctor shows of a worker."""
CHECK_WIDTH = 18
"""Of the doctor's names, in letters."""


def describe_checks(report: dict[str, Any]) -> str:
    """Say what the doctor found: the machine, versions, what there is beside them, and what is missing for what."""
    sections = [("machine", {**report["machine"], **report["versions"]}), ("found", report["found"])]
    lines = []
    for title, values in sections:
        lines += [title, *(f"  {name:{CHECK_WIDTH}} {value}" for name, value in values.items())]
    for number, worker in enumerate(report.get("workers", []), 1):
        versions = ", ".join(f"{name} {worker['versions'].get(name, DASH)}" for name in WORKER_VERSIONS)
        description = f"{worker['machine']}, {worker['cores']} cores, {worker['memory']}, {versions}"
        lines.append(f"{f'worker {number}':{CHECK_WIDTH + 2}} {description}")
    if report["missing"]:
        lines.append("not here, and only needed for what is named")
        lines += [f"  {need['name']:{CHECK_WIDTH}} {need['purpose']}: {need['install']}" for need in report["missing"]]
    lines += [f"note: {note}" for note in report["notes"]]
    lines += [f"problem: {problem}" for problem in report["problems"]] or ["all well: searches run here"]
    return "\n".join(lines)
