"""A run: a directory with everything needed to resume, evaluate, compare and export; `writer.py` writes it.

config.json        every option, resolved, and the format of the directory
versions.json      of Python, the libraries and compactrl
metrics.jsonl      one line per iteration
events.out.*       the same for TensorBoard, over environment steps (`events.py`)
checkpoints/N/     the search's whole state after iteration N, of the last few (`checkpoints.py`)
policy.*           what ships
teacher.*, start.* the policies that are imitated and begun from, where there are any
designs.*          the designs that led, where the method has any (`history.py`)
summary.json       result, sizes and progress, for people and reports
"""

from __future__ import annotations

import contextlib
import fcntl
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compactrl.encodings.storage import stored_bytes
from compactrl.envs.engines import engine_before
from compactrl.envs.given import is_local, stand_in, take
from compactrl.errors import CompactrlError, DamagedFileError, InputError
from compactrl.methods.names import current
from compactrl.policies.files import load_policy
from compactrl.policies.html import card
from compactrl.policies.policy import Policy
from compactrl.policies.zoo import located
from compactrl.quantities import mean_and_spread
from compactrl.runs.evaluation import Evaluation, Watch, check_episodes, fresh_seeds, run_episodes, seeds_behind_summary
from compactrl.storage.files import read_json

if TYPE_CHECKING:
    from compactrl.envs.given import Environment
    from compactrl.envs.spec import EnvironmentSpec

DIRECTORY_FORMAT = "compactrl-run-1"
TEACHER = "teacher"
"""Stem of the files of the policy that is imitated."""
START = "start"
"""The same of the policy that a search begins from."""


class Run:
    """A run's directory, for reading; or a policy that ships in the package, by its name (`zoo:CartPole-v1/64B`).

    Raises:
        InputError: the directory holds no run.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = located(path)
        if not (self.path / "config.json").exists():
            if (self.path / "versions.json").exists():
                raise InputError(
                    f"{self.path} holds no run yet: its search ended as it began, before it had written config.json. "
                    "Nothing is lost: delete the folder and search again"
                )
            lacking = "there is no config.json" if self.path.exists() else "there is no such folder"
            raise InputError(f"{self.path} holds no run: {lacking}. Give the folder that a search wrote to.")
        config = read_json(self.path / "config.json")
        known = isinstance(config, dict) and config.get("format") == DIRECTORY_FORMAT
        if not known or not isinstance(config.get("options"), dict):
            raise DamagedFileError(
                f"{self.path / 'config.json'} is not the record of a compactrl run ({DIRECTORY_FORMAT})"
            )
        options = current(config["options"])
        self.config: dict[str, Any] = {"engine": engine_before(options.get("env", "")), **options}
        self._policy: Policy | None = None

    def __repr__(self) -> str:
        """Show where the run is."""
        return f"Run({str(self.path)!r})"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: where it is, its policy and what that is worth."""
        try:
            summary, rows = self.summary, self.policy.described()
        except CompactrlError:
            summary, rows = {}, {"environment": self.config["env"], "method": self.config["method"]}
        mean, ended = summary.get("return_mean"), summary.get("finished")
        rows["return"] = "not known yet"
        if mean is not None:
            over = "fresh episodes" if ended else "episodes of a re-evaluation; the search has not ended"
            spread = f"mean ± standard deviation over {summary['episodes']} {over}"
            rows["return"] = f"{mean_and_spread(summary)} ({spread})"
        return card(f"Run {self.path}", rows)

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
                    f"{self.path} has no policy yet: its search is running and has saved nothing so far; wait a little"
                    if self.running
                    else f"{self.path} has no policy yet: let the search go on with `compactrl resume {self.path}`"
                )
            self._policy = load_policy(self.path / "policy")
        return self._policy

    def with_policy(self, policy: Policy) -> Run:
        """Return this run with another policy of it in place of the one that ships: for another task, for example."""
        run = Run(self.path)
        run._policy = policy
        return run

    @property
    def running(self) -> bool:
        """Whether a search is writing this run now."""
        try:
            with open(self.path / ".lock", "rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return False

    def evaluate(
        self,
        episodes: int | None = None,
        threads: int | None = None,
        *,
        seed: int | None = None,
        env: Environment | None = None,
        env_options: dict[str, Any] | None = None,
        watch: Watch | None = None,
        num_envs: int | None = None,
    ) -> Evaluation:
        """Run the noise-free policy for whole episodes that neither the search nor its summary has seen.

        Args:
            episodes: how many; 100 by default.
            threads: that step the environments, by default every core; changes no result.
            seed: what the episodes follow from; the same seed gives any run the same ones. By default the run's own, so
                that the same call gives the same numbers.
            env: another environment, as `compactrl.search` takes one; by default the run's.
            env_options: its options; by default the run's where it is the run's environment, those that it was made
                with where it is a made one, else none.
            watch: see `run_episodes`.
            num_envs: parallel environments at most; by default as many as its search was given. Changes results.

        Raises:
            InputError: fewer than one episode, or an environment that the policy is not for.
            CompactrlError: the run has no policy yet, or every episode failed.
        """
        seed, episodes = int(self.config["seed"]) if seed is None else seed, 100 if episodes is None else episodes
        check_episodes(episodes)
        if seed < 0:
            raise InputError(f"--seed {seed}: expected a whole number, at least 0")
        policy, spec = self.policy, self._environment(env, env_options, num_envs or 0)
        return run_episodes(policy, spec, episodes, fresh_seeds(seed), threads or 0, watch)._replace(seed=seed)

    def evaluate_for_summary(self, episodes: int, threads: int = 0, watch: Watch | None = None) -> Evaluation:
        """Run the episodes that are behind the run's summary: always the same ones; see `evaluate`."""
        seed = seeds_behind_summary(self.config["seed"])
        return run_episodes(self.policy, self._environment(), episodes, seed, threads, watch)

    def _environment(
        self, environment: Environment | None = None, options: dict[str, Any] | None = None, num_envs: int = 0
    ) -> EnvironmentSpec:
        """Return the environment of an evaluation."""
        from compactrl.envs.registry import environment_of

        own = self.config["env"]
        given = take(own if environment is None else environment)
        has_its_own = "engine" in given.options  # a made one, whose options are part of it
        if (given.name == own or is_local(own)) and not has_its_own:  # the run's own, or what stands for it
            described = {**self.config, "env": given.name}
        else:
            anew = {"engine": "auto", "max_episode_steps": 0, "env_options": {}}
            described = {**self.config, **anew, **given.options, "env": given.name}
        described["max_envs"] = num_envs or self.config.get("max_envs", 0)
        return environment_of(described if options is None else {**described, "env_options": options})

    def report(self, evaluation: Evaluation) -> dict[str, Any]:
        """Return an evaluation with the run's identity and sizes, as JSON values."""
        low, high = evaluation.interval
        fields = ("method", "controller", "env", "seed", "env_steps", "seconds")
        return {
            **{key: self.summary[key] for key in fields},
            **self.policy.size._asdict(),
            "bytes": stored_bytes(self.policy),
            **({} if self.policy.context is None else {"context": self.policy.context.tolist()}),
            "return_mean": evaluation.mean_return,
            "return_std": evaluation.std_return,
            "return_interval": [low, high],
            "episodes": evaluation.episodes,
            "failed": len(evaluation.failures),
            **evaluation.measure_means,
        }


def load(path: str | Path, env: Environment | None = None) -> Run:
    """Open a run's directory.

    Args:
        path: of the run.
        env: the environment, where it was given in Python and no other process finds it: evaluating, playing and
            exporting take this one.

    Raises:
        InputError: the directory holds no run, or the run was begun in another environment, or with other options.
    """
    run = Run(path)
    if env is not None:
        stand_in(run.config["env"], env, run.config["env_options"])
    return run
