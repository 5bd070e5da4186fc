"""Tables 1 and 2 and Figure 4 of Song et al. 2020, at a chosen share of the full budget, and a report of them.

    python -m experiments.chromatic_tables --scale 0.1 [--part table-1 …] [--seeds 0,1,2] [--set threads=2]

The full budget is 20 M environment steps a search: the paper states none. A search that was interrupted goes on where
it was, one that is done is not repeated; the tables are rewritten after each, the report after each seed. Reacher and
Pusher are v5. Striker, Thrower and Minitaur are our own models from the published descriptions, since no library has
them any more; Minitaur's reward is another one too. Their returns are not to be compared with the paper's.

Means are of the policy that ships, without noise, over fresh episodes; the paper's are the highest average that its 301
workers had at one time, and its maxima the best return that any of them ever had, which stands beside ours.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

import compactrl
from compactrl.quantities import a_return
from compactrl.runs.run import Run
from compactrl.storage.files import write_atomically, write_json
from compactrl.versions import versions
from experiments.markdown import markdown
from experiments.searching import finished_run

RESULTS = Path(__file__).parent / "results" / "chromatic-tables"
FULL_STEPS = 20_000_000


class Row(NamedTuple):
    """A search of a table."""

    label: str
    options: dict[str, Any]
    paper: str
    """What the paper has."""


def _chromatic(env: str, hidden: str, partitions: int, mean: str, best: str) -> Row:
    name = {"none": "L", "41": "H41", "41,41": "H41, H41"}[hidden]
    options = {"env": env, "method": "chromatic", "hidden": hidden, "partitions": partitions}
    return Row(f"{env}, {name}, {partitions} weights", options, f"{mean} (max {best})")


TABLE_1 = [
    _chromatic("Swimmer-v5", "none", 8, "97", "365"),
    _chromatic("Reacher-v5", "none", 11, "-144", "-6"),
    _chromatic("Hopper-v5", "none", 11, "216", "999"),
    _chromatic("Hopper-v5", "41", 11, "247", "3408"),
    _chromatic("HalfCheetah-v5", "none", 17, "1812", "3653"),
    _chromatic("HalfCheetah-v5", "none", 50, "1383", "4318"),
    _chromatic("HalfCheetah-v5", "41", 17, "2148", "3779"),
    _chromatic("HalfCheetah-v5", "41,41", 17, "3036", "5285"),
    _chromatic("Walker2d-v5", "41", 17, "1943", "3695"),
    _chromatic("Pusher-v5", "41", 23, "-419", "-144"),
    _chromatic("Striker-v0", "41", 23, "-1926", "-248"),
    _chromatic("Thrower-v0", "41", 23, "-1651", "-61"),
    _chromatic("Ant-v5", "41,41", 50, "1047", "1440"),
    _chromatic("Minitaur-v0", "none", 13, "4.84", "7.2"),
    _chromatic("Minitaur-v0", "none", 50, "6.08", "7.91"),
    _chromatic("Minitaur-v0", "41", 13, "7.12", "9.34"),
]


def _table_2() -> list[Row]:
    published = {  # chromatic, masked, Toeplitz, circulant, unstructured: the maxima of table 2
        "Striker-v0": (23, 25, ("-248", "-967", "-129", "-120", "-117")),
        "HalfCheetah-v5": (17, 40, ("3779", "4806", "2525", "1728", "3614")),
        "Hopper-v5": (11, 17, ("3408", "2196", "2749", "2680", "2691")),
        "Walker2d-v5": (17, 19, ("3695", "1781", "1", "3", "2230")),
    }
    rows = []
    for env, (partitions, kept, best) in published.items():
        methods: list[dict[str, Any]] = [
            {"method": "chromatic", "partitions": partitions},
            {"method": "masked", "kept_weights": kept},
            {"method": "toeplitz"},
            {"method": "circulant"},
            {"method": "unstructured"},
        ]
        for options, value in zip(methods, best, strict=True):
            rows.append(Row(f"{env}, {options['method']}", {"env": env, "hidden": "41", **options}, f"max {value}"))
    return rows


FIGURE_4 = [
    Row(f"Walker2d-v5, {what}", {"env": "Walker2d-v5", "method": "chromatic", "partitions": 17, "controller": name}, "")
    for name, what in (("fixed", "fixed random population"), ("random", "random controller"), ("pointer", "pointer"))
]
PARTS: dict[str, list[Row]] = {"table-1": TABLE_1, "table-2": _table_2(), "figure-4": FIGURE_4}


def path_of(row: Row, options: dict[str, Any], folder: Path) -> Path:
    """Return a search's folder: rows of two tables with the same options share it."""
    name = "-".join(
        str(row.options[key]) for key in ("env", "method", "controller", "partitions") if key in row.options
    )
    hidden = str(row.options.get("hidden", "41")).replace(",", "x")
    return folder / f"{name}-hidden{hidden}-{options['preset']}-seed{options['seed']}-{options['steps']}"


def measured(row: Row, runs: list[Run], seeds: int) -> list[str]:
    """Return a row's cells: sizes, mean over seeds of what ships, and the best return that any candidate ever had."""
    if not runs:
        return [row.label, "–", "–", "not run yet", "–", row.paper]
    report = compactrl.compare(runs)
    summary = report.table.iloc[0]
    low, high = (a_return(summary[end], summary["return"]) for end in ("return_low", "return_high"))
    interval = f" ({low} to {high})" if summary["seeds"] > 1 else ""
    many = f", {summary['seeds']} of {seeds} seeds" if summary["seeds"] < seeds else ""
    mean = f"**{a_return(summary['return'])}**{interval}{many}"
    return [
        row.label,
        f"{summary['weights']:.0f}",
        f"{summary['bits']:.0f}",
        mean,
        a_return(summary["return_ever"]),
        row.paper,
    ]


def write_tables(done: dict[str, dict[str, list[Run]]], settings: dict[str, Any], out: Path) -> None:
    """Write the tables as Markdown and JSON, and the report of all runs so far."""
    out.mkdir(parents=True, exist_ok=True)
    headings = (
        "",
        "weights",
        "bits",
        "mean return (95 % interval over seeds)",
        "best return of any candidate",
        "paper",
    )
    lines, content = [f"# Tables at {settings['scale']:g} of {FULL_STEPS / 1e6:g} M steps", ""], {}
    for part, rows in PARTS.items():
        if part not in settings["parts"]:
            continue
        cells = [measured(row, done[part].get(row.label, []), len(settings["seeds"])) for row in rows]
        lines += [f"## {part}", "", markdown(headings, cells), ""]
        content[part] = [dict(zip(("row", *headings[1:]), row, strict=True)) for row in cells]
    lines += [
        "The paper's means are the highest average of 301 workers at one time, on older versions of the robots; its "
        "maxima are the best return that any worker ever had.",
        "",
    ]
    write_atomically(out / "tables.md", "\n".join(lines).encode())
    write_json(out / "tables.json", {"settings": settings, "versions": versions(), "tables": content})


def main(
    scale: Annotated[float, typer.Option(min=1e-6, help=f"Share of {FULL_STEPS / 1e6:g} M steps a search.")] = 0.1,
    part: Annotated[list[str], typer.Option(help=f"Among {', '.join(PARTS)}; may be repeated.")] = list(PARTS),  # noqa: B006
    seeds: Annotated[str, typer.Option(help="Seeds, separated by commas.")] = "0,1,2",
    preset: Annotated[str, typer.Option(help="default, or paper for its own settings.")] = "default",
    given: Annotated[
        list[str], typer.Option("--set", metavar="NAME=VALUE", help="Any other option of a search, such as threads=2.")
    ] = [],  # noqa: B006
    runs: Annotated[Path, typer.Option(help="Folder of the runs.")] = Path("runs/chromatic-tables"),
    out: Annotated[Path, typer.Option(help="Folder of the tables and the report.")] = RESULTS,
) -> None:
    """Run what is not done yet, seed by seed over all rows, and write the tables after each search."""
    for name in part:
        if name not in PARTS:
            sys.exit(f"unknown --part {name}: there are {', '.join(PARTS)}")
    all_seeds = [int(seed) for seed in seeds.split(",")]
    steps = max(1, round(scale * FULL_STEPS))
    extra = dict(option.split("=", 1) for option in given)
    settings = {"scale": scale, "steps": steps, "seeds": all_seeds, "preset": preset, "parts": list(part), **extra}
    done: dict[str, dict[str, list[Run]]] = {name: {} for name in part}
    write_tables(done, settings, out)
    for seed in all_seeds:
        for name in part:
            for row in PARTS[name]:
                options = {"steps": steps, "seed": seed, "preset": preset}
                run = finished_run(path_of(row, options, runs), {**extra, **row.options, **options})
                done[name].setdefault(row.label, []).append(run)
                result = {key: run.summary[key] for key in ("return_mean", "weights", "bits", "env_steps", "seconds")}
                print(f"{name}  {row.label}  seed {seed}  {json.dumps(result)}", file=sys.stderr, flush=True)
                write_tables(done, settings, out)
        finished = [run for part_done in done.values() for part_runs in part_done.values() for run in part_runs]
        if finished:
            compactrl.compare(finished).save(out / "report.html")


if __name__ == "__main__":
    typer.run(main)
