"""Write the tables of README and docs from `experiments/results`, between markers such as `<!-- table: cheetah -->`.

python -m experiments.tables [--check]
"""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from compactrl.quantities import a_return
from experiments.critics_table import critics_table
from experiments.fit_table import fit_table
from experiments.flight_table import flight_speed_table, flight_table
from experiments.hypernets_table import hypernets_table
from experiments.markdown import markdown, mean_and_each
from experiments.on_policy_table import hour_table, lanes_table, on_policy_table
from experiments.returns import results_path

RESULTS = Path(__file__).parent / "results"
ROOT = Path(__file__).parent.parent
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))

LABELS = {
    "chromatic-17": "`chromatic`, 17 weights (`latent`, the default)",
    "chromatic-17-pointer": "`chromatic`, 17 weights, `--controller pointer`",
    "chromatic-17-evolution": "`chromatic`, 17 weights, `--controller evolution`",
    "chromatic-17-random": "`chromatic`, 17 weights, `--controller random`",
    "chromatic-17-fixed": "`chromatic`, 17 weights, `--controller fixed`",
    "chromatic-17-paper": "`chromatic`, 17 weights, `--preset paper`",
    "chromatic-3": "`chromatic`, 3 weights",
    "unstructured": "`unstructured`",
    "masked": "`masked`",
    "toeplitz": "`toeplitz`",
    "circulant": "`circulant`",
    "linear": "`linear`",
    "hopper": "Hopper-v5, `--partitions 11`",
    "walker2d": "Walker2d-v5, `--partitions 17`",
    "swimmer": "Swimmer-v5, `--partitions 8 --hidden none`",
    "ant": "Ant-v5, `--partitions 50 --hidden 41,41`",
    "reacher": "Reacher-v5",
    "pusher": "Pusher-v5",
    "striker": "Striker-v0",
    "thrower": "Thrower-v0",
    "minitaur": "Minitaur-v0",
}
ROBOTS = ("hopper", "walker2d", "swimmer", "ant")
ARMS = ("reacher", "pusher", "striker", "thrower", "minitaur")
CHEETAH = tuple(name for name in LABELS if name not in ROBOTS + ARMS)
PAPER = {
    "chromatic-17-pointer": "2148 (3779)",
    "unstructured": "– (3614)",
    "masked": "– (4806)",
    "toeplitz": "– (2525)",
    "circulant": "– (1728)",
    "hopper": "247 (3408)",
    "walker2d": "1943 (3695)",
    "swimmer": "97 (365)",
    "ant": "1047 (1440)",
    "reacher": "-144 (-6)",
    "pusher": "-419 (-144)",
    "striker": "-1926 (-248)",
    "thrower": "-1651 (-61)",
    "minitaur": "7.12 (9.34)",
}
"""Mean, and maximum that any worker ever saw (Song et al. 2020, tables 1 and 2, on older versions of the robots)."""


def rows(names: Sequence[str], steps: int) -> list[list[str]]:
    """Return one row per setting that has been measured with this budget."""
    body = []
    for name, seeds in _measured(names, steps):
        weights = sorted({row["weights"] for row in seeds})
        bits = sorted({row["bits"] for row in seeds})
        body.append(
            [
                LABELS[name],
                _range(weights),
                f"{seeds[0]['biases']}",
                _range(bits),
                *mean_and_each(seeds),
                PAPER.get(name, "–"),
            ]
        )
    return body


def returns_table(names: Sequence[str], steps: int) -> str:
    """Return the Markdown table of returns with this budget."""
    headings = ("", "weights", "biases", "bits", "mean return", "of each seed, ± over episodes", "paper: mean (max)")
    return markdown(headings, rows(names, steps))


def arms_table(steps: int) -> str:
    """Return the Markdown table of arms and lost robots with this budget."""
    body = []
    for name, seeds in _measured(ARMS, steps):
        successes = [100 * row["success_mean"] for row in seeds if "success_mean" in row]
        body.append(
            [
                LABELS[name],
                *mean_and_each(seeds),
                ", ".join(f"{share:.0f} %" for share in successes) or "–",
                *(a_return(seeds[0]["baselines"][what]["return_mean"]) for what in ("random", "zero")),
                f"{statistics.median(row['seconds'] for row in seeds) / 60:.0f}",
                PAPER[name],
            ]
        )
    headings = (
        "",
        "mean return",
        "of each seed, ± over episodes",
        "success",
        "random actions",
        "no action",
        "minutes a seed",
        "paper: mean (max)",
    )
    return markdown(headings, body)


def _measured(names: Sequence[str], steps: int) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield each setting that has been measured with this budget, and what was measured of its seeds."""
    for name in names:
        path = results_path(name, steps)
        if path.exists():
            yield name, json.loads(path.read_text())["seeds"]


def _range(values: Sequence[int]) -> str:
    return f"{values[0]}" if len(values) == 1 else f"{values[0]} – {values[-1]}"


def _throughput(content: dict[str, Any]) -> list[list[str]]:
    body = []
    for result in content["results"]:
        ours, env = {"envpool": result["systems"]["compactrl"]}, result["env"]
        mujoco = result.get("mujoco_engine", {"systems": {}})
        for name, row in mujoco["systems"].items():
            if name.startswith("compactrl"):
                ours["mujoco"] = row
        for engine, row in ours.items():
            what = f"{env}, {content['trials']} untrained policies, engine `{engine}`: share of what `mujoco.rollout`"
            share = f"{row['rollout_by_system']:.2f} ({row['median_steps_per_second'] / 1000:.1f} k steps/s)"
            body.append([f"{what} reaches open loop", share])
        other = result["systems"].get("EvoTorch GymNE")
        if other:
            what = f"{env}: times as fast as EvoTorch's `GymNE` with {content['actors']} actors"
            factors = {"envpool": other["compactrl_by_system"], "mujoco": mujoco.get("times_evotorch")}
            said = ", ".join(f"{factor:.1f} on `{engine}`" for engine, factor in factors.items() if factor)
            body.append([what, said])
    return body


def _controller(content: dict[str, Any]) -> list[list[str]]:
    both = content["parts"]["pointer propose + feedback"]
    what = f"pointer, {content['trials']} designs of 943 edges: propose and learn; share of a generation"
    body = [[what, f"{both['median_seconds']:.2f} s; {100 * both['share']:.0f} %"]]
    for search in content["searches"]:
        options = f"`--controller pointer --es {search['es']}`"
        what = f"all outside evaluation, {options}, {search['designs']} designs a generation"
        body.append([what, f"{100 * search['share_outside_with_rest']:.0f} %"])
    return body


def _evotorch(content: dict[str, Any]) -> list[list[str]]:
    body = []
    for row in content["rows"]:
        marks = ", ".join(
            f"{a_return(mark['return_mean'])} at {mark['env_steps'] / 1e6:.1f} M ({mark['seconds']:.0f} s)"
            for mark in row["marks"]
        )
        body.append([f"`unstructured`, PGPE with 64 evaluations, {row['system']}, seed {row['seed']}", marks])
    return body


def _ghp(content: dict[str, Any]) -> list[list[str]]:
    systems, body = content["systems"], []
    for name, row in systems.items():
        rate = f"{row['median_steps_per_second']:.0f} updates/s, {row['over_plain']:.2f} times as long as a plain one"
        body.append([f"SAC, batches of 256, one thread: {name}", rate])
    memory, evaluated = content["memory"], content["evaluation"]
    rate, engine = evaluated["compactrl"]["median_steps_per_second"], evaluated["share_of_limit_of_envpool"]
    share = f"{evaluated['share_of_limit']:.2f} ({rate / 1000:.1f} k steps/s); EnvPool alone {engine:.2f}"
    what = (
        f"evaluating {evaluated['architectures']} architectures, engine `{{}}`: share of what `mujoco.rollout` reaches"
    )
    rows = [
        *body,
        ["weights of all 4680 architectures", f"{content['weights_of_all_seconds']:.1f} s"],
        ["peak memory with 1 M transitions of HalfCheetah", f"{memory['megabytes']:.0f} MB"],
        [what.format("envpool"), share],
    ]
    if mujoco := content.get("evaluation_mujoco"):
        rate = mujoco["compactrl"]["median_steps_per_second"]
        rows.append([what.format("mujoco"), f"{mujoco['share_of_limit']:.2f} ({rate / 1000:.1f} k steps/s)"])
    return rows


def speed_table() -> str:
    """Return the Markdown table of speeds."""
    body = []
    readers = {"throughput": _throughput, "controller": _controller, "evotorch": _evotorch, "ghp": _ghp}
    for name, read in readers.items():
        path = RESULTS / f"bench-{name}.json"
        if path.exists():
            body += read(json.loads(path.read_text()))
    return markdown(("what", "measured"), body)


def scaling_table() -> str:
    """Return the Markdown table of workers, real and simulated."""
    path = RESULTS / "bench-scaling.json"
    if not path.exists():
        return ""
    content = json.loads(path.read_text())
    body = []
    for row in content["real"]:
        steps, begun = row["on_workers"]["median_steps_per_second"], row["seconds_to_begin"]
        body.append(
            [
                f"{row['workers']} worker{'s' * (row['workers'] > 1)}, {content['env']}: steps/s by those of as many "
                "threads in process",
                f"{row['workers_by_process']:.2f} ({steps / 1000:.1f} k steps/s; {begun:.1f} s to begin; "
                f"{max(row['resident_megabytes']):.0f} MB a worker with {row['lanes_of_a_worker']} lanes)",
            ]
        )
    faults = RESULTS / "bench-faults.json"
    if faults.exists():
        content_of_faults = json.loads(faults.read_text())
        same = "the same policy, byte for byte" if all(content_of_faults["same"].values()) else "another policy"
        body.append([f"{content_of_faults['kills']} workers killed at random moments of one search", same])
    body.append(["on the wire for a candidate of 943 edges, both ways", f"{content['wire']['bytes'] / 1000:.1f} kB"])
    for row in content["simulated"]:
        kind = f"{row['workers']} simulated workers, `--controller {row['controller']}`"
        what = f"{kind}, {row['population']} candidates a generation"
        body.append(
            [
                f"{what}: driver's share of a generation",
                f"{100 * row['driver_share']:.0f} % of {row['seconds_generation']:.2f} s "
                f"({row['driver_milliseconds_a_candidate']:.2f} ms a candidate)",
            ]
        )
    return markdown(("what", "measured"), body)


EXPORTS = {
    "chromatic": "`chromatic`, 17 weights",
    "chromatic, rational": "… `--tanh rational`",
    "chromatic, float32": "… `--weights float32`",
    "chromatic, speed": "… `--optimize speed`",
    "chromatic, speed, rational": "… `--optimize speed --tanh rational`",
    "dense": "`unstructured`",
    "dense, speed": "… `--optimize speed`",
    "dense, speed, rational": "… `--optimize speed --tanh rational`",
    "dense, int8": "… `--weights int8`",
    "masked": "`masked`",
    "toeplitz": "`toeplitz`",
    "circulant": "`circulant`",
    "linear": "`chromatic`, 17 weights, 17–6, no normaliser",
}


def export_table() -> str:
    """Return the Markdown table of what exported policies take."""
    body = []
    for name, row in json.loads((RESULTS / "export.json").read_text())["rows"].items():
        sizes, verification = row["sizes"], row["verification"]
        loop, library = verification["closed_loop"], sizes["flash_c_library"]
        flash = f"{sizes['flash_tables']} + {sizes['flash_code']}"
        c, python = (a_return(loop[name]["return_mean"]) for name in ("c", "python"))
        returns = f"{c} ({python}, {loop['episodes']} episodes)"
        body.append(
            [
                EXPORTS[name],
                row["weight_format"],
                f"{flash} = **{sizes['flash']}**" + (f" (+ {library})" if library else ""),
                f"{sizes['stack_with_c_library']}",
                f"{sizes['instructions_per_step']}",
                f"{verification['largest_difference']:.0e}",
                "not trained" if name == "linear" else returns,
            ]
        )
    headings = (
        "policy, 17–41–6",
        "weights as",
        "flash: tables + code (+ libm), bytes",
        "stack, bytes",
        "instructions a step",
        "action differs by",
        "return in C (in Python)",
    )
    return markdown(headings, body)


TABLES: dict[str, Callable[[], str]] = {
    "critics": critics_table,
    "fit": fit_table,
    "cheetah": lambda: returns_table(CHEETAH, 20_000_000),
    "methods": lambda: returns_table(CHEETAH, 5_000_000),
    "robots": lambda: returns_table(ROBOTS, 5_000_000),
    "arms": lambda: arms_table(5_000_000),
    "hypernets": hypernets_table,
    "on-policy": on_policy_table,
    "on-policy-scaling": lanes_table,
    "on-policy-hour": hour_table,
    "speed": speed_table,
    "scaling": scaling_table,
    "export": export_table,
    "flight": flight_table,
    "flight-speed": flight_speed_table,
}


MARKED = re.compile(r"(<!-- table: (.*?) -->\n).*?(<!-- end -->)", re.DOTALL)


def written(text: str) -> str:
    """Return a page with its tables up to date."""
    return MARKED.sub(lambda match: f"{match[1]}{TABLES[match[2]]()}\n{match[3]}", text)


def main(check: Annotated[bool, typer.Option(help="Only say whether the pages are up to date.")] = False) -> None:
    """Write the tables of README and docs."""
    before = {page: page.read_text(encoding="utf-8") for page in PAGES}
    for name in TABLES.keys() - {match[2] for text in before.values() for match in MARKED.finditer(text)}:
        raise SystemExit(f"no page has a place marked <!-- table: {name} --> … <!-- end -->")
    for page, text in before.items():
        after = written(text)
        if check and after != text:
            raise SystemExit(f"the tables of {page.name} are not those of experiments/results: run make results")
        if after != text:
            page.write_text(after, encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
