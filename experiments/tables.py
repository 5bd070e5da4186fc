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
from experiments.fit_table import fit_table, loss_table, single_table
from experiments.flight_table import flight_speed_table, flight_table
from experiments.hypernets_table import hypernets_table
from experiments.markdown import markdown, mean_and_each
from experiments.on_policy_table import hour_table, lanes_table, on_policy_table
from experiments.returns import results_path
from experiments.speed_table import scaling_table, speed_table

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
FEW = ("chromatic-17", "chromatic-17-pointer", "chromatic-3", "unstructured", "toeplitz", "linear")
"""In the README."""
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


def sharing_table() -> str:
    """Return the Markdown table of instructions with shared weights, beside the same networks without sharing."""
    body = []
    for name, row in json.loads((RESULTS / "export-sharing.json").read_text())["rows"].items():
        cells = [f"`zoo:{name}`", "–".join(map(str, row["shape"])), str(row["weights"])]
        for activation in ("tanh", "relu"):
            shared, dense = (row[activation][kind]["instructions_per_step"] for kind in ("shared", "dense"))
            cells.append(f"{shared} / {dense} = **{shared / dense:.2f}**")
        cells.append(" / ".join(str(row["relu"][kind]["flash"]) for kind in ("shared", "dense")))
        body.append(cells)
    headings = ("", "network", "weights", "instructions, shared / dense", "with ReLU", "flash with ReLU, bytes")
    return markdown(headings, body)


TABLES: dict[str, Callable[[], str]] = {
    "critics": critics_table,
    "fit": fit_table,
    "fit-loss": loss_table,
    "fit-single": single_table,
    "fit-cheetah": lambda: fit_table("cheetah-20min"),
    "cheetah-few": lambda: returns_table(FEW, 20_000_000),
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
    "export-sharing": sharing_table,
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
