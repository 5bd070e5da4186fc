"""A run: a directory with everything needed to resume, evaluate, compare and export; `writer.py` writes it.

config.json        every option, resolved, and the format of the directory
versions.json      of Python, the libraries and compactrl
metrics.jsonl      one line per iteration
events.out.*       the same for TensorBoard, over environment steps (`events.py`)
checkpoints/N/     the search's whole state after iteration N, of the last few (`checkpoints.py`)
policy.*           what ships
teacher.*          the policy that is imitated, where one is
designs.*          the designs that led, where the method has any (`history.py`)
summary.json       result, sizes and progress, for people and reports
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from compactrl.encodings.storage import stored_bytes
from compactrl.errors import CompactrlError, DamagedFileError, InputError
from compactrl.evaluation import Evaluator
from compactrl.methods.names import current
from compactrl.policies.files import load_policy
from compactrl.policies.policy import Policy
from compactrl.storage.files import read_json
from compactrl.types import Floats

DIRECTORY_FORMAT = "compactrl-run-1"
TEACHER = "teacher"
"""Stem of the files of the policy that is imitated."""
EVALUATION_LANES = 128
EVALUATION_STREAM = 0xE7A1
"""Spawn key of evaluation seeds: no lane of a search has them."""


class Evaluation(NamedTuple):
    """Returns of the noise-free policy over fresh episodes."""

    returns: Floats
    """(episodes,) undiscounted; NaN where an episode failed."""
    steps: NDArray[np.int64]
    """(episodes,)"""
    failures: dict[int, str]
    measures: Mapping[str, Floats] = {}
    """Name → (episodes,) what the environment reports beside the return, NaN as above."""

    @property
    def successes(self) -> Floats | None:
        """(episodes,) 1 where the goal was reached at the end, 0 elsewhere, NaN as above; where that is reported."""
        return self.measures.get("success")

    @property
    def measure_means(self) -> dict[str, float | None]:
        """`NAME_mean` of each measure over the episodes where it is known; None where it is known in none."""
        return {f"{name}_mean": mean_of_known(values) for name, values in self.measures.items()}

    @property
    def episodes(self) -> int:
        """Episodes that did not fail."""
        return int(np.isfinite(self.returns).sum())

    @property
    def mean_return(self) -> float:
        """Mean over the episodes that did not fail."""
        return float(np.nanmean(self.returns))

    @property
    def std_return(self) -> float:
        """Standard deviation over episodes."""
        return float(np.nanstd(self.returns, ddof=1)) if self.episodes > 1 else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the mean (normal approximation)."""
        half = 1.96 * self.std_return / max(1, self.episodes) ** 0.5
        return self.mean_return - half, self.mean_return + half


class Run:
    """A run's directory, for reading.

    Raises:
        InputError: the directory holds no run.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not (self.path / "config.json").exists():
            raise InputError(
                f"{self.path} holds no run: there is no config.json. Give the folder that a search wrote to."
            )
        config = read_json(self.path / "config.json")
        known = isinstance(config, dict) and config.get("format") == DIRECTORY_FORMAT
        if not known or not isinstance(config.get("options"), dict):
            raise DamagedFileError(
                f"{self.path / 'config.json'} is not the record of a compactrl run ({DIRECTORY_FORMAT})"
            )
        self.config: dict[str, Any] = current(config["options"])
        self._policy: Policy | None = None

    def __repr__(self) -> str:
        """Show where the run is."""
        return f"Run({str(self.path)!r})"

    @property
    def summary(self) -> dict[str, Any]:
        """Result, sizes and progress of the search so far."""
        return dict(read_json(self.path / "summary.json"))

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """One record per iteration; a last line that was cut short by a crash is left out.

        Raises:
            DamagedFileError: the file is something else.
        """
        path = self.path / "metrics.jsonl"
        records = []
        try:
            for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
                with contextlib.suppress(json.JSONDecodeError):
                    records.append(json.loads(line))
        except UnicodeDecodeError as error:
            raise DamagedFileError(
                f"{path} is not text: it is damaged or another kind of file. Move it away; a search goes on without it"
            ) from error
        return [record for record in records if isinstance(record, dict) and "iteration" in record]

    @property
    def policy(self) -> Policy:
        """The policy that ships.

        Raises:
            CompactrlError: the search has none yet.
        """
        if self._policy is None:
            if not (self.path / "policy.json").exists():
                raise CompactrlError(
                    f"{self.path} has no policy yet: let the search go on with `compactrl resume {self.path}`"
                )
            self._policy = load_policy(self.path / "policy")
        return self._policy

    def evaluate(
        self,
        episodes: int = 100,
        threads: int = 0,
        watch: Callable[[Evaluator, int], None] | None = None,
        num_envs: int = 0,
    ) -> Evaluation:
        """Run the noise-free policy for whole episodes from fresh seeds; the same run gives the same numbers.

        Args:
            episodes: how many.
            threads: that step environments; 0 for every core. Changes no result.
            watch: called as they begin with who runs them, whose `underway` tells how far they are, and with the
                environment steps that they have at most.
            num_envs: parallel environments at most; 0 for as many as its search was given. Changes results.

        Raises:
            InputError: fewer than one episode.
        """
        if episodes < 1:
            raise InputError(f"--episodes {episodes}: expected at least 1")
        from compactrl.envs.registry import environment_of
        from compactrl.evaluation.local import LocalEvaluator
        from compactrl.types import Trials

        config, policy = self.config, self.policy
        spec = environment_of({**config, "max_envs": num_envs or config.get("max_envs", 0)})
        if (spec.observation_size, spec.action.size) != (policy.shape[0], policy.shape[-1]):
            raise InputError(
                f"{config['env']} has now {spec.observation_size} observations and {spec.action.size} outputs; "
                f"the policy was trained with {policy.shape[0]} and {policy.shape[-1]}: use the environment of then"
            )
        if policy.names and spec.names != policy.names:
            pairs = enumerate(zip(policy.names, spec.names or ("without a name",) * len(policy.names), strict=True))
            place, (then, now) = next((place, pair) for place, pair in pairs if pair[0] != pair[1])
            raise InputError(
                f"{config['env']} orders its observations otherwise than when the policy was trained: number {place} "
                f"was {then} and is {now}: use the environment of then"
            )
        seed = np.random.SeedSequence(config["seed"], spawn_key=(EVALUATION_STREAM,))
        evaluator = LocalEvaluator(spec, spec.at_most(min(episodes, EVALUATION_LANES)), seed, threads or None)
        try:
            if watch is not None:
                watch(evaluator, episodes * spec.max_episode_steps)
            trials = Trials(policy.batched(episodes), policy.normalizer, np.zeros((episodes, 0), np.int64))
            outcomes = evaluator.evaluate(trials)
        finally:
            evaluator.close()
        if len(outcomes.failures) == episodes:
            raise CompactrlError(f"all {episodes} episodes failed: {next(iter(outcomes.failures.values()))}")
        return Evaluation(outcomes.returns, outcomes.steps, outcomes.failures, outcomes.measures)

    def report(self, evaluation: Evaluation) -> dict[str, Any]:
        """Return an evaluation with the run's identity and sizes, as JSON values."""
        low, high = evaluation.interval
        fields = ("method", "controller", "env", "seed", "env_steps", "seconds")
        return {
            **{key: self.summary[key] for key in fields},
            **self.policy.size._asdict(),
            "bytes": stored_bytes(self.policy),
            "return_mean": evaluation.mean_return,
            "return_std": evaluation.std_return,
            "return_interval": [low, high],
            "episodes": evaluation.episodes,
            "failed": len(evaluation.failures),
            **evaluation.measure_means,
        }


def mean_of_known(values: Floats) -> float | None:
    """Return the mean of the finite values; None where there are none."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None


def load(path: str | Path) -> Run:
    """Open a run's directory."""
    return Run(path)
