"""Whether a critic that is a hypernetwork learns more from few steps, and whether it knows its gradient better.

    python -m experiments.critics [SETTING …] [--seeds 5] [--steps 100k] [--threads 2]

Keynan et al. 2021 claim both of SA-Hyper. TD3 on Walker2d-v5, where the paper's effect is largest (5412 against 3449 of
1 M steps, d = 3.2), with its settings: batches of 100, a critic's learning rate of 5e-5 for hypernetworks, else 3e-4.
Every 10,000 steps the policy is evaluated on 10 episodes, and the critics' gradients are held against returns; neither
counts as steps of the search. The best evaluation over training is the paper's figure, the return of the last policy
over 100 episodes is ours.

Seed by seed over all settings, so that they can be compared at any time; what is done is not repeated, and a search
that was interrupted goes on. `experiments/results/critics.json` is rewritten after every run. Sizes are small: at the
paper's size (`sa-hyper-paper`) one seed takes hours.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from compactrl.learners.base import NO_DESIGN
from compactrl.quantities import read_count
from compactrl.runs.evaluation import run_episodes
from compactrl.runs.run import Run
from compactrl.searches.api import finish, reopen, start
from compactrl.searches.search import Search
from compactrl.searches.studies import studies, summary
from compactrl.storage.files import write_json
from compactrl.types import Floats
from compactrl.versions import versions

RESULTS = Path(__file__).parent / "results" / "critics.json"
RUNS = Path("runs") / "critics"
EVERY = 10_000
"""Environment steps between evaluations, and between studies of critics."""
EPISODES = 10
SEEDS = {"mlp": 10, "sa-hyper": 5, "mlp-matched": 5, "as-hyper": 3}
"""Setting → seeds by default: more of what all are compared with. Others run only where they are named."""

_TD3 = {"method": "td3", "env": "Walker2d-v5", "batch_size": 100, "gradient_interval": EVERY}
_HYPER = {**_TD3, "critic_size": "small", "critic_learning_rate": 5e-5}
SETTINGS: dict[str, dict[str, Any]] = {
    "mlp": {**_TD3, "critic": "mlp"},
    "sa-hyper": {**_HYPER, "critic": "sa-hyper"},
    "mlp-matched": {**_TD3, "critic": "mlp-large", "critic_size": "small"},
    "as-hyper": {**_HYPER, "critic": "as-hyper"},
    "sa-hyper-fast": {**_HYPER, "critic": "sa-hyper", "critic_learning_rate": 3e-4},
    "sa-hyper-bias": {**_HYPER, "critic": "sa-hyper", "critic_init": "bias-hyper"},
    "sa-hyper-paper": {**_HYPER, "critic": "sa-hyper", "critic_size": "paper"},
}
LABELS = {
    "mlp": "plain, [256, 256], 0.07 M",
    "sa-hyper": "SA-Hyper, small, 0.54 M",
    "mlp-matched": "plain, [720, 720], 0.54 M",
    "as-hyper": "AS-Hyper, small, 0.72 M",
    "sa-hyper-fast": "SA-Hyper, small, learning rate 3e-4",
    "sa-hyper-bias": "SA-Hyper, small, `--critic-init bias-hyper`",
    "sa-hyper-paper": "SA-Hyper, the paper's size, 8.5 M",
}


class Evaluations:
    """Evaluates a search's policy every 10,000 steps: a callback, whose results are beside the run."""

    def __init__(self, search: Search) -> None:
        self._path = search.writer.path.with_suffix(".evaluations.json")
        found = json.loads(self._path.read_text()) if self._path.exists() else []
        self.rows = [row for row in found if row[0] <= search.env_steps]
        self._done = search.env_steps // EVERY

    def __call__(self, record: dict[str, float], search: Search) -> None:  # noqa: ARG002
        """Evaluate the policy where it is time."""
        due = search.env_steps // EVERY
        if due <= self._done:
            return
        self._done = due
        seeds = np.random.SeedSequence(search.options.seed, spawn_key=(search.iteration,))
        found = run_episodes(search.policy(NO_DESIGN), search.spec, EPISODES, seeds, search.options.threads)
        self.rows.append([search.env_steps, round(found.mean_return, 2)])
        write_json(self._path, self.rows)


def measure(setting: str, seed: int, steps: int, threads: int) -> dict[str, Any]:
    """Search, or go on searching; return what came of it."""
    path = RUNS / f"{setting}-seed{seed}-{steps}"
    done = (path / "summary.json").exists() and Run(path).summary["finished"]
    if not done:
        begun = (path / "config.json").exists()
        options = {**SETTINGS[setting], "seed": seed, "steps": steps, "threads": threads}
        search = reopen(path, threads=threads) if begun else start(options, path)
        finish(search, Evaluations(search))
    run = Run(path)
    curve = json.loads(path.with_suffix(".evaluations.json").read_text())
    return {
        "seed": seed,
        "env_steps": run.summary["env_steps"],
        "seconds": round(run.summary["seconds"]),
        "return_mean": run.summary["return_mean"],
        "return_best": max(mean for _, mean in curve),
        "curve": curve,
        "gradients": [summary(found) for found in studies(path)],
    }


def effect_size(one: Floats, other: Floats) -> float:
    """Return Cohen's d: the difference of means in pooled standard deviations.

    Example:
        >>> effect_size(np.array([2.0, 4.0]), np.array([1.0, 3.0])) ** 2
        0.5
    """
    degrees = len(one) + len(other) - 2
    squares = np.square(one - one.mean()).sum() + np.square(other - other.mean()).sum()
    pooled = (squares / degrees) ** 0.5 if degrees else 0.0
    return float((one.mean() - other.mean()) / pooled) if pooled > 0 else float("nan")


def interval(one: Floats, other: Floats, statistic: Callable[[Floats, Floats], float]) -> tuple[float, float]:
    """Return the 95 % percentile interval of a statistic of two samples, both drawn anew with replacement."""
    generator = np.random.default_rng(0)
    drawn = [statistic(generator.choice(one, len(one)), generator.choice(other, len(other))) for _ in range(4000)]
    low, high = np.nanpercentile(drawn, (2.5, 97.5))
    return float(low), float(high)


def compared(rows: Sequence[dict[str, Any]], others: Sequence[dict[str, Any]], key: str) -> dict[str, Any]:
    """Return how one setting's seeds differ from another's: difference of means and effect size, with intervals."""
    one, other = (np.array([row[key] for row in each], float) for each in (rows, others))
    gain = float(one.mean() - other.mean())
    low, high = interval(one, other, lambda a, b: float(a.mean() - b.mean()))
    return {
        "seeds": [len(one), len(other)],
        "difference": gain,
        "difference_interval": [low, high],
        "effect_size": effect_size(one, other),
        "effect_size_interval": list(interval(one, other, effect_size)),
        "verdict": verdict(low, high),
    }


def verdict(low: float, high: float) -> str:
    """Say in words what an interval of a difference says.

    Example:
        >>> verdict(-10.0, 200.0)
        'undecided: the interval has both signs'
    """
    if low > 0:
        return "confirmed: the interval lies above zero"
    return "refuted: the interval lies below zero" if high < 0 else "undecided: the interval has both signs"


def last_cosine(row: dict[str, Any]) -> float:
    """Return the mean cosine over the second half of a search's studies: single ones are noisy."""
    found = [study["cosine_mean"] for study in row["gradients"] if study["cosine_mean"] is not None]
    return float(np.mean(found[len(found) // 2 :])) if found else float("nan")


def report(settings: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Return the comparisons of SA-Hyper with every other setting that has two seeds or more."""
    ours = settings.get("sa-hyper", [])
    if len(ours) < 2:
        return {}
    comparisons: dict[str, Any] = {}
    for name, rows in settings.items():
        if name == "sa-hyper" or len(rows) < 2:
            continue
        with_cosines = [[{**row, "cosine": last_cosine(row)} for row in each] for each in (ours, rows)]
        comparisons[name] = {
            **{key: compared(ours, rows, key) for key in ("return_mean", "return_best")},
            "cosine": compared(*with_cosines, "cosine"),
        }
    return comparisons


def main(
    settings: Annotated[list[str] | None, typer.Argument(help="Settings; by default those of the comparison.")] = None,
    seeds: Annotated[int, typer.Option(min=0, help="Seeds of each setting; 0 for its own number.")] = 0,
    steps: Annotated[str, typer.Option(help="Environment steps of each search.")] = "100k",
    threads: Annotated[int, typer.Option(min=0, help="Threads; 0 for every core. Changes no result.")] = 0,
) -> None:
    """Run the comparison, and write its results."""
    budget, chosen = read_count(steps), settings or list(SEEDS)
    for name in chosen:
        if name not in SETTINGS:
            raise SystemExit(f"unknown setting {name}: there are {', '.join(SETTINGS)}")
    counts = {name: seeds or SEEDS.get(name, 3) for name in chosen}
    content = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    kept = content.get("settings", {}) if content.get("steps") == budget else {}
    done = {name: {row["seed"]: row for row in rows} for name, rows in kept.items()}
    for seed in range(max(counts.values())):
        for name in (name for name in chosen if seed < counts[name]):
            if seed in done.setdefault(name, {}):
                continue
            done[name][seed] = row = measure(name, seed, budget, threads)
            rows = {key: [found[key_of] for key_of in sorted(found)] for key, found in done.items() if found}
            write_json(
                RESULTS,
                {
                    "command": f"python -m experiments.critics --steps {steps}",
                    "steps": budget,
                    "options": {key: SETTINGS[key] for key in rows},
                    "versions": versions(),
                    "comparisons": report(rows),
                    "settings": rows,
                },
            )
            print(
                f"{name:16} seed {seed}  {row['return_mean']:7.0f} at the end, {row['return_best']:7.0f} at best, "
                f"cosine {last_cosine(row):.2f}, {row['seconds']} s",
                file=sys.stderr,
                flush=True,
            )


if __name__ == "__main__":
    typer.run(main)
