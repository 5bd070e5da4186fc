"""Policies of many tasks: a hypernetwork beside a network that sees the context, and which size of policy wants which.

    python -m experiments.tasks [ROW …] [--seeds 0,1,2,3,4] [--steps 1e6]

Each row has a budget of its own, in environment steps; `--steps` changes it. Rows run one after the other; an
interrupted one resumes where it was, a finished one is not repeated. A row's results are in
`experiments/results/tasks/ROW-BUDGET.json`, rewritten after every seed: the return of every task, train and test apart,
over 10 episodes of each, and the means of both.

`learning`: HalfCheetah-FwdBack and HalfCheetah-Vel by TRPO, 100 iterations of 8000 steps, 5 seeds: a small
hypernetwork beside context networks of about as many parameters, and of the policy's own size (Keynan, Sarafian & Kraus
2021, section 5.3, at a smaller scale). `sizes`: HalfCheetah-Vel, policies 17-h-6 of a context, h = 4, 8, 16 and 64, by
PPO, 3 seeds: what ships of both methods takes the same bytes. `pearl`: PEARL beside hyper-PEARL in their reduced
setting, HalfCheetah-Vel and HalfCheetah-Vel-Medium, whose test tasks lie beyond the training tasks, 3 seeds, before and
after adaptation. A group's name stands for its rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from compactrl.catalogs.task_table import evaluate_tasks
from compactrl.quantities import a_return
from compactrl.storage.files import write_json
from compactrl.versions import versions
from experiments.returns import RUNS
from experiments.searching import finished_run

RESULTS = Path(__file__).parent / "results" / "tasks"
EPISODES = 10
"""Of each task."""
LANES, STEPS_OF_EPISODE, ITERATIONS = 40, 200, 100
LEARNING = LANES * STEPS_OF_EPISODE * ITERATIONS
SIZED = 2_000_000
INFERRED = 500_000


@dataclass(frozen=True)
class Row:
    """A search and its budget."""

    options: dict[str, Any]
    steps: int
    seeds: tuple[int, ...]


TRPO = {"learner": "trpo", "num_envs": LANES, "meta_batch": 20, "batch_size": 400}
FAMILIES = {"fwdback": "HalfCheetah-FwdBack", "vel": "HalfCheetah-Vel"}
AS_LARGE = "880,880"
"""Hidden layers of a context network with as many parameters, about, as the hypernetwork of 17-64-6 policies."""
FORMS = {
    "hyper": {"method": "hyper-tasks", "hidden": "64"},
    "context": {"method": "context-tasks", "hidden": "64"},
    "context-large": {"method": "context-tasks", "hidden": AS_LARGE},
}
ROWS: dict[str, Row] = {
    **{
        f"{form}-{family}": Row({**options, **TRPO, "tasks": name}, LEARNING, (0, 1, 2, 3, 4))
        for family, name in FAMILIES.items()
        for form, options in FORMS.items()
    },
    **{
        f"{form}-{width}": Row({"method": f"{form}-tasks", "hidden": width, "tasks": FAMILIES["vel"]}, SIZED, (0, 1, 2))
        for width in ("4", "8", "16", "64")
        for form in ("hyper", "context")
    },
    **{
        f"{method}-{family}": Row({"method": method, "tasks": name}, INFERRED, (0, 1, 2))
        for family, name in (("vel", FAMILIES["vel"]), ("vel-medium", "HalfCheetah-Vel-Medium"))
        for method in ("pearl", "hyper-pearl")
    },
}
GROUPS: dict[str, list[str]] = {
    "learning": [f"{form}-{family}" for family in FAMILIES for form in FORMS],
    "sizes": [f"{form}-{width}" for width in ("4", "8", "16", "64") for form in ("hyper", "context")],
    "pearl": [name for name in ROWS if "pearl" in name],
}
"""Name → rows."""


def given_to(row: Row, seed: int, steps: int | None = None) -> dict[str, Any]:
    """Return the options of a row's search with this seed."""
    return {"steps": steps or row.steps, **row.options, "seed": seed}


def budget_of(row: Row, steps: int | None = None) -> str:
    """Return a row's budget in a file's name: `1M`."""
    return f"{(steps or row.steps) / 1e6:g}M"


def measure(name: str, row: Row, seed: int, steps: int | None = None) -> dict[str, Any]:
    """Train, or go on training, and evaluate every task."""
    run = finished_run(RUNS / f"tasks-{name}-seed{seed}-{budget_of(row, steps)}", given_to(row, seed, steps))
    table = evaluate_tasks(run, "all", EPISODES)
    curve = [
        [record["env_steps"], round(record["seconds"]), round(record["return_mean"], 1)]
        for record in run.metrics
        if record.get("return_mean") is not None and np.isfinite(record["return_mean"])
    ]
    sizes = {key: run.summary[key] for key in ("parameters", "bytes", "env_steps", "seconds")}
    return {"seed": seed, **sizes, **table, "curve": curve[:: max(1, len(curve) // 100)]}


def main(
    rows: Annotated[list[str] | None, typer.Argument(help="Rows or groups; all of them by default.")] = None,
    seeds: Annotated[str, typer.Option(help="Seeds, with commas between them; by default each row's own.")] = "",
    steps: Annotated[float | None, typer.Option(help="Budget in environment steps, in place of the rows' own.")] = None,
) -> None:
    """Run rows one after the other."""
    names = [name for given in rows or list(ROWS) for name in GROUPS.get(given, [given])]
    for name in names:
        if name not in ROWS:
            raise typer.BadParameter(f"unknown row {name}; there are {', '.join([*GROUPS, *ROWS])}")
    budget = None if steps is None else int(steps)
    for name in names:
        row, results = ROWS[name], []
        for seed in [int(part) for part in seeds.split(",")] if seeds else row.seeds:
            results.append(measure(name, row, seed, budget))
            RESULTS.mkdir(parents=True, exist_ok=True)
            write_json(
                RESULTS / f"{name}-{budget_of(row, budget)}.json",
                {"row": name, "options": row.options, "versions": versions(), "seeds": results},
            )
            means = results[-1]["summary"]
            shown = ", ".join(f"{split} {a_return(values['return_mean'])}" for split, values in means.items())
            typer.echo(f"{name}, seed {seed}: {shown}")


if __name__ == "__main__":
    typer.run(main)
