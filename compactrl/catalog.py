"""Every architecture of a graph hyper policy: their returns, and the choice of one for a robot with so much memory.

Hegde & Sukhatme 2022, section IV: each architecture is evaluated over 5 episodes; of interest are the best one, and the
smallest that reach 90 % and 80 % of it. Their public code means 90 % of the way from the worst positive return to the
best, which is not 90 % of the best: both are given by name. Table II asks what is lost by choosing without evaluation,
by the largest memory dimension or by size, under random limits of parameters. In environments with goals it is the
success rate that is compared.

The table is saved in the run after every few architectures, and goes on where it was. About the smallest come first:
in the order of the shapes that they are evaluated with, so that those running at once share their products.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from compactrl.architectures import Widths, by_memory, designs_of, memory_dimension, parameters, widths_of
from compactrl.compressions import COMPRESSIONS, Hypernet, Options
from compactrl.compressions.plain import Plain, crop, join
from compactrl.envs.registry import EnvironmentSpec
from compactrl.errors import CompactrlError, DamagedFileError, InputError
from compactrl.learners.base import normalizer_of, shipped_theta
from compactrl.loop import environment, network_sizes
from compactrl.networks import padded
from compactrl.options import Settings, resolve
from compactrl.policy import Policy
from compactrl.policy_files import save_policy
from compactrl.runs import EVALUATION_STREAM, Run
from compactrl.selection import together
from compactrl.storage import read_json, write_json
from compactrl.types import Designs, Normalizer, Trials
from compactrl.writer import load_checkpoint

FILE = "architectures.json"
LANES = 160
"""About: lanes are a multiple of the episodes, so that those of an architecture run side by side."""
ROUNDS = 4
"""Episodes of each lane between two savings of the table."""
CUTOFFS = (1000, 1_000_000, 5000)
"""Table II: limits from, to, and how many."""
BYTES = 4
"""Of a number."""
EPISODES = 5
COLUMNS = {"widths", "parameters", "memory_dimension", "return_mean", "episodes"}
"""Of every table; where there are goals, `success_mean` as well."""
Row = dict[str, Any]


class Catalog(NamedTuple):
    """A trained hypernetwork and what it is for."""

    run: Run
    settings: Settings
    spec: EnvironmentSpec
    hypernet: Hypernet
    theta: Any
    """(P,) in single precision."""
    normalizer: Normalizer
    iteration: int
    """Of the checkpoint that theta is from."""
    env_steps: int

    @property
    def architectures(self) -> list[Widths]:
        """All there are, the smallest first."""
        size = self.spec.observation_size, self.spec.action.size
        return sorted(self.hypernet.architectures, key=lambda each: (parameters(size[0], each, size[1]), each))

    def parameters(self, widths: Widths) -> int:
        """Return the deployed parameters of an architecture."""
        return parameters(self.spec.observation_size, widths, self.spec.action.size)

    def memory(self, widths: Widths) -> int:
        """Return the lossless memory dimension of an architecture."""
        return memory_dimension(self.spec.observation_size, widths, self.spec.action.size)

    def designs(self, architectures: Sequence[Widths]) -> Designs:
        """Return their designs (n, D)."""
        return designs_of(architectures, self.hypernet.widths, self.hypernet.max_layers)

    def policy(self, architecture: str) -> Policy:
        """Return the policy of the architecture with these widths, as in `16,8`.

        Raises:
            InputError: the run has no such architecture.
        """
        widths = tuple(int(part) for part in architecture.split(",") if part.strip().isdigit())
        if widths not in self.architectures or ",".join(map(str, widths)) != architecture.replace(" ", ""):
            raise InputError(
                f"--architecture {architecture} is not one of {self.run.path}: its hidden layers are 1 to "
                f"{self.hypernet.max_layers} of {', '.join(map(str, self.hypernet.widths))} units, as in "
                f"{','.join(map(str, self.architectures[-1]))}"
            )
        return self.policies([widths])[0]

    def policies(self, architectures: Sequence[Widths]) -> list[Policy]:
        """Return the policies that the hypernetwork writes for these architectures."""
        designs = self.designs(architectures)
        actions = self.spec.action.size
        found = []
        for design, layers in zip(designs, self.hypernet.expand_each(self.theta, designs), strict=True):
            deployed = crop(layers, actions)
            theta = join(deployed)
            sizes = (self.spec.observation_size, *widths_of(design, self.hypernet.widths), actions)
            size = Plain(sizes, Options()).size(np.zeros(0, np.int64))
            found.append(
                Policy(
                    deployed,
                    self.normalizer,
                    self.spec.action,
                    self.spec.id,
                    self.settings.search.method,
                    size,
                    design,
                    theta.astype(float),
                    "relu",
                )
            )
        return found


def open_catalog(run: Run) -> Catalog:
    """Read the last checkpoint of a graph hyper policy.

    Raises:
        InputError: the run is of another method, or has settled on one architecture.
        CompactrlError: it has no checkpoint yet.
    """
    settings = resolve(run.config)
    if settings.choice.compression != Hypernet.name:
        raise InputError(
            f"{run.path} is a run of --method {settings.search.method}, with one architecture: this is for --method ghp"
        )
    found = load_checkpoint(run.path, only=_needed)
    if found is None:
        raise CompactrlError(
            f"{run.path} has no checkpoint yet: let the search go on with `compactrl resume {run.path}`"
        )
    iteration, state = found
    if state["settled"] is not None:
        raise InputError(f"{run.path} has settled on one architecture: evaluate it without --architectures")
    spec = environment(settings)
    hypernet = COMPRESSIONS[Hypernet.name](network_sizes(settings, spec), settings.compression)
    if not isinstance(hypernet, Hypernet):
        raise TypeError(f"expected a hypernetwork, got {type(hypernet).__name__}")
    count = float(state["count"]) if settings.learner.normalize_observations else 0.0
    normalizer = normalizer_of(count, np.asarray(state["total"]), np.asarray(state["square"]))
    theta = shipped_theta(state).astype(np.float32)
    return Catalog(run, settings, spec, hypernet, theta, normalizer, iteration, int(state["env_steps"]))


def _needed(state: dict[str, Any]) -> dict[str, Any]:
    """Return what of a checkpoint a catalogue needs: not the replay buffer."""
    learner, names = state["learner"], ("settled", "theta", "average_theta", "count", "total", "square")
    return {"env_steps": state["env_steps"], **{name: learner[name] for name in names if name in learner}}


def evaluate_all(
    catalog: Catalog,
    episodes: int = EPISODES,
    threads: int = 0,
    on_rows: Callable[[int, int], None] = lambda *_: None,
) -> list[Row]:
    """Evaluate every architecture over whole episodes, without noise; goes on with a table that was begun.

    Args:
        catalog: what is evaluated.
        episodes: of each architecture.
        threads: that step environments; 0 for every core.
        on_rows: called with how many architectures are done, and of how many.

    Raises:
        InputError: fewer than one episode.
    """
    from compactrl.evaluation.local import LocalEvaluator

    if episodes < 1:
        raise InputError(f"--episodes {episodes}: expected at least 1")
    every = in_turn(catalog.architectures, catalog.parameters)
    side_by_side = max(1, LANES // episodes)
    rows = _begun(catalog, episodes)
    if len(rows) < len(every) and [tuple(row["widths"]) for row in rows] != every[: len(rows)]:
        rows = []  # begun in another order, by another version
    rows = rows[: len(rows) // (side_by_side * ROUNDS) * side_by_side * ROUNDS] if len(rows) < len(every) else rows
    if len(rows) == len(every):
        return rows
    seed = np.random.SeedSequence(catalog.settings.search.seed, spawn_key=(EVALUATION_STREAM, 1))
    lanes = side_by_side * episodes
    evaluator = LocalEvaluator(catalog.spec, lanes, seed, threads or None)
    try:
        evaluator.load_state_dict({"resets": np.full(lanes, len(rows) // side_by_side)})
        while len(rows) < len(every):
            part = every[len(rows) : len(rows) + side_by_side * ROUNDS]
            rows += _evaluate(catalog, part, evaluator, episodes)
            if len(rows) == len(every):
                rows.sort(key=lambda row: (row["parameters"], row["widths"]))
            write_json(catalog.run.path / FILE, {**_identity(catalog, episodes), "architectures": rows})
            on_rows(len(rows), len(every))
    finally:
        evaluator.close()
    return rows


def in_turn(architectures: Sequence[Widths], parameters: Callable[[Widths], int]) -> list[Widths]:
    """Return architectures in the order in which they are evaluated; `parameters` counts those of one."""
    return sorted(architectures, key=lambda each: (parameters(padded(each)), padded(each), each))


def _evaluate(catalog: Catalog, part: Sequence[Widths], evaluator: Any, episodes: int) -> list[Row]:
    policies = catalog.policies(part)
    count = len(part) * episodes
    trials = Trials(together(policies, episodes), catalog.normalizer, np.zeros((count, 0), np.int64))
    outcomes = evaluator.evaluate(trials)
    returns = outcomes.returns.reshape(len(part), episodes)
    rows = []
    for number, (widths, each) in enumerate(zip(part, returns, strict=True)):
        known = each[np.isfinite(each)]
        row: Row = {
            "widths": list(widths),
            "parameters": catalog.parameters(widths),
            "memory_dimension": catalog.memory(widths),
            "return_mean": float(known.mean()) if len(known) else None,
            "return_std": float(known.std(ddof=1)) if len(known) > 1 else None,
            "episodes": len(known),
        }
        if outcomes.successes is not None:
            reached = outcomes.successes.reshape(len(part), episodes)[number]
            row["success_mean"] = float(np.nanmean(reached)) if np.isfinite(reached).any() else None
        rows.append(row)
    return rows


def _identity(catalog: Catalog, episodes: int) -> dict[str, Any]:
    return {"checkpoint": catalog.iteration, "env_steps": catalog.env_steps, "episodes": episodes}


def _begun(catalog: Catalog, episodes: int) -> list[Row]:
    """Return the rows of a table of this very checkpoint with as many episodes; none where there is no such table.

    Another table is not lost: it is kept aside.
    """
    path, wanted = catalog.run.path, _identity(catalog, episodes)
    table = table_of(path)
    found = {key: table.get(key) for key in wanted}
    if table and found != wanted:
        kept = path / _aside(found)
        (path / FILE).replace(kept)
        warnings.warn(
            f"{path / FILE} was of {found['episodes']} episodes after {found['env_steps']} steps: it is kept as "
            f"{kept.name}",
            stacklevel=3,
        )
        if (path / _aside(wanted)).exists():
            (path / _aside(wanted)).replace(path / FILE)
            table = table_of(path)
            found = {key: table.get(key) for key in wanted}
    return list(table["architectures"]) if found == wanted else []


def _aside(identity: dict[str, Any]) -> str:
    """Return where a table is kept while another one is the run's."""
    return f"architectures-{identity['checkpoint']}-{identity['episodes']}-episodes.json"


def table_of(path: Path) -> dict[str, Any]:
    """Return a run's saved table; empty where there is none.

    Raises:
        DamagedFileError: the file is something else.
    """
    if not (path / FILE).exists():
        return {}
    try:
        table = read_json(path / FILE)
    except DamagedFileError as error:
        raise DamagedFileError(f"{error}; move it away, and evaluate again") from error
    rows = table.get("architectures") if isinstance(table, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) and row.keys() >= COLUMNS for row in rows):
        raise DamagedFileError(f"{path / FILE} is not a table of architectures: move it away, and evaluate again")
    found: dict[str, Any] = table
    return found


def report(rows: Sequence[Row]) -> dict[str, Any]:
    """Say what a whole table shows, as JSON values: the best, the smallest at 90 % and 80 %, and table II.

    `compared` names the column that all this is of.
    """
    known = [row for row in rows if row["return_mean"] is not None]
    if not known:
        raise CompactrlError("every episode of every architecture failed: nothing can be said of them")
    column = "success_mean" if all(row.get("success_mean") is not None for row in known) else "return_mean"
    values = np.array([row[column] for row in known])
    best = float(values.max())
    worst = float(values[values > 0].min() if best > 0 else values.min())

    def smallest(least: float) -> Row:
        fitting = [row for row in known if row[column] >= least]
        return min(fitting, key=lambda row: (row["parameters"], -row[column], row["widths"]))

    found: dict[str, Any] = {"max": smallest(best)}
    for share in (0.9, 0.8):
        name = f"{100 * share:.0f}%"
        found[f"{name} of the maximum"] = smallest(share * best) if best > 0 else None
        found[f"{name} from minimum to maximum"] = smallest(min(worst + share * (best - worst), best))
    return {"compared": column, "chosen": found, "without_evaluation": choice_without_evaluation(known, column)}


def choice_without_evaluation(
    rows: Sequence[Row], column: str = "return_mean", seed: int = 0
) -> dict[str, float | None]:
    """Return table II: what memory dimension and size choose over the best that fits, mean over random limits.

    As a ratio of this column's values, where the best is positive, and of the way from the worst of all to the best.
    """
    low, high, count = CUTOFFS
    size, memory, returns = (np.array([row[key] for row in rows]) for key in ("parameters", "memory_dimension", column))
    order = np.lexsort((-memory, size))  # of equal size the largest memory last to be passed over
    size, memory, returns = size[order], memory[order], returns[order]
    worst = returns.min()
    limits = np.random.default_rng(seed).uniform(low, high, count)
    fitting = np.searchsorted(size, limits, side="left")  # how many are smaller
    fitting = fitting[fitting > 0]
    if not len(fitting):
        return {}
    highest = np.maximum.accumulate(returns)[fitting - 1]
    by_size = returns[fitting - 1]
    leads = np.maximum.accumulate(memory)
    first = np.array([np.flatnonzero(memory == lead)[0] for lead in leads[fitting - 1]])
    found: dict[str, float | None] = {}
    for name, chosen in (("size", by_size), ("memory", returns[first])):
        found[f"{name}, ratio"] = float((chosen / highest).mean()) if (highest > 0).all() else None
        ways = np.divide(chosen - worst, highest - worst, out=np.ones_like(chosen), where=highest > worst)
        found[f"{name}, min-max"] = float(ways.mean())  # 1 where all that fit are equally bad: it is the best of them
    return found


def select(catalog: Catalog, limit: int, by: str) -> dict[str, Any]:
    """Choose an architecture of at most `limit` parameters and write its policy as the run's.

    Args:
        catalog: what is chosen from.
        limit: in parameters.
        by: `return` (of the saved table), `memory` (dimension) or `size`.

    Raises:
        InputError: nothing fits, the table is not there, or `by` is something else.
    """
    if by not in ("return", "memory", "size"):
        raise InputError(f"--by {by}: expected return, memory or size")
    every = catalog.architectures
    fitting = [each for each in every if catalog.parameters(each) <= limit]
    if not fitting:
        smallest = catalog.parameters(every[0])
        raise InputError(
            f"no architecture has at most {limit:,} parameters: the smallest, {_name(every[0])}, has {smallest:,} "
            f"({BYTES * smallest:,} bytes)"
        )
    rows = {tuple(row["widths"]): row for row in _current(catalog)}
    if by == "return":
        widths = _best_return(catalog, fitting, rows)
        why = f"the highest mean return of the {len(fitting):,} that fit, over {rows[widths]['episodes']} episodes"
    elif by == "memory":
        widths = by_memory(catalog.spec.observation_size, catalog.spec.action.size, fitting)
        why = f"the largest lossless memory dimension of the {len(fitting):,} that fit; no return was looked at"
    else:
        widths = fitting[-1]
        why = f"the most parameters of the {len(fitting):,} that fit; no return was looked at"
    (policy,) = catalog.policies([widths])
    save_policy(catalog.run.path / "policy", policy)
    run = Run(catalog.run.path)
    evaluation = run.evaluate(SELECTED_EPISODES, catalog.settings.search.threads)
    summary = {**run.summary, **run.report(evaluation)}
    write_json(run.path / "summary.json", summary)
    return {
        "widths": list(widths),
        "parameters": policy.size.parameters,
        "bytes": BYTES * policy.size.parameters,
        "memory_dimension": catalog.memory(widths),
        "limit": limit,
        "by": by,
        "why": why,
        **{key: summary[key] for key in REPORTED if key in summary},
    }


REPORTED = ("return_mean", "return_std", "return_interval", "episodes", "failed", "success_mean")
SELECTED_EPISODES = 100
"""Fresh episodes behind what is said of a selected policy."""


def _current(catalog: Catalog) -> list[Row]:
    """Return the saved rows of this checkpoint, with however many episodes."""
    table = table_of(catalog.run.path)
    same = table.get("checkpoint") == catalog.iteration and table.get("env_steps") == catalog.env_steps
    return list(table["architectures"]) if same else []


def _best_return(catalog: Catalog, fitting: Sequence[Widths], rows: dict[Widths, Row]) -> Widths:
    missing = [each for each in fitting if each not in rows]
    if missing:
        raise InputError(
            f"--by return needs the returns of every architecture that fits, and {len(missing):,} of {len(fitting):,} "
            f"have none from this checkpoint: first `compactrl evaluate {catalog.run.path} --architectures all`"
        )
    known = [each for each in fitting if rows[each]["return_mean"] is not None]
    if not known:
        raise CompactrlError(f"every episode of the {len(fitting):,} architectures that fit failed")
    return min(known, key=lambda each: (-rows[each]["return_mean"], catalog.parameters(each), each))


def _name(widths: Widths) -> str:
    return "[" + ", ".join(map(str, widths)) + "]"
