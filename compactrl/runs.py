"""A run: a directory with everything needed to resume, evaluate, compare and export.

config.json        every option, resolved, and the format of the directory
versions.json      of Python, the libraries and compactrl
metrics.jsonl      a line an iteration
events.out.*       the same for TensorBoard, over environment steps
checkpoints/N/     the search's whole state after iteration N, rotated
policy.*           what ships
summary.json       what a person or a report wants first
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import platform
import shutil
import socket
import time
import warnings
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from compactrl.errors import CompactrlError, DamagedFileError, InputError
from compactrl.policy import ActionSpec, Policy
from compactrl.storage import load_state, read_json, save_state, write_atomically, write_json
from compactrl.types import Floats, Layer, Metrics, Normalizer, Size, State

DIRECTORY_FORMAT = "compactrl-run-1"
KEPT_CHECKPOINTS = 3
MAY_CHANGE = {"steps", "threads", "checkpoint_seconds"}
"""Options that a resumed search may have other than before."""
EVENTS = "events.out.tfevents"
RECORDED = ("compactrl", "numpy", "torch", "envpool", "gymnasium", "mujoco", "evotorch", "cma", "ray")
EVALUATION_LANES = 128
EVALUATION_STREAM = 0xE7A1
"""Spawn key of evaluation seeds: no lane of a search has them."""


def versions() -> dict[str, str]:
    """Return the versions that a result depends on."""
    found = {"python": platform.python_version(), "platform": f"{platform.system()} {platform.machine()}"}
    for name in RECORDED:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


class Evaluation(NamedTuple):
    """Returns of the noise-free policy over fresh episodes."""

    returns: Floats
    """(episodes,) undiscounted; NaN where an episode failed."""
    steps: NDArray[np.int64]
    """(episodes,)"""
    failures: dict[int, str]

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
        self.config: dict[str, Any] = config["options"]
        self._policy: Policy | None = None

    def __repr__(self) -> str:
        """Show where the run is."""
        return f"Run({str(self.path)!r})"

    @property
    def summary(self) -> dict[str, Any]:
        """What the search came to, or has so far."""
        return dict(read_json(self.path / "summary.json"))

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """One record an iteration; a last line cut short by a crash is left out.

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
            CompactrlError: the search has not got to one yet.
        """
        if self._policy is None:
            if not (self.path / "policy.json").exists():
                raise CompactrlError(
                    f"{self.path} has no policy yet: let the search go on with `compactrl resume {self.path}`"
                )
            self._policy = load_policy(self.path / "policy")
        return self._policy

    def evaluate(self, episodes: int = 100, threads: int = 0) -> Evaluation:
        """Run the noise-free policy for whole episodes from fresh seeds; the same run gives the same numbers.

        Raises:
            InputError: fewer than one episode.
        """
        if episodes < 1:
            raise InputError(f"--episodes {episodes}: expected at least 1")
        from compactrl.envs.registry import describe, load_module
        from compactrl.evaluation.local import LocalEvaluator
        from compactrl.types import Trials

        config, policy = self.config, self.policy
        if config["env_module"]:
            load_module(config["env_module"])
        spec = describe(config["env"], config["engine"], config["max_episode_steps"], config["env_options"])
        if (spec.observation_size, spec.action.size) != (policy.shape[0], policy.shape[-1]):
            raise InputError(
                f"{config['env']} has now {spec.observation_size} observations and {spec.action.size} outputs; "
                f"the policy was trained with {policy.shape[0]} and {policy.shape[-1]}: use the environment of then"
            )
        seed = np.random.SeedSequence(config["seed"], spawn_key=(EVALUATION_STREAM,))
        evaluator = LocalEvaluator(spec, min(episodes, EVALUATION_LANES), seed, threads or None)
        try:
            trials = Trials(policy.batched(episodes), policy.normalizer, np.zeros((episodes, 0), np.int64))
            outcomes = evaluator.evaluate(trials)
        finally:
            evaluator.close()
        if len(outcomes.failures) == episodes:
            raise CompactrlError(f"all {episodes} episodes failed: {next(iter(outcomes.failures.values()))}")
        return Evaluation(outcomes.returns, outcomes.steps, outcomes.failures)

    def report(self, evaluation: Evaluation) -> dict[str, Any]:
        """Return an evaluation with the run's identity and sizes, as JSON values."""
        low, high = evaluation.interval
        fields = ("method", "controller", "env", "seed", "env_steps", "seconds")
        return {
            **{key: self.summary[key] for key in fields},
            **self.policy.size._asdict(),
            "return_mean": evaluation.mean_return,
            "return_std": evaluation.std_return,
            "return_interval": [low, high],
            "episodes": evaluation.episodes,
            "failed": len(evaluation.failures),
        }


class RunWriter:
    """A run's directory, for the search that writes it; holds a lock, so that no two searches write one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._events: EventsWriter | None = None
        try:
            self._lock: IO[bytes] = open(path / ".lock", "wb")  # noqa: SIM115  (held until close)
        except OSError as error:
            raise InputError(f"cannot write to {path}: {error.strerror or error}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock.close()
            raise InputError(
                f"{path} is being written by another search: wait for it, or choose another --out"
            ) from error

    @classmethod
    def create(cls, path: Path, options: dict[str, Any]) -> RunWriter:
        """Start a new run.

        Raises:
            InputError: the directory holds something already, or cannot be written.
        """
        try:
            if path.exists() and not path.is_dir():
                raise InputError(f"--out {path} is a file: give a folder")
            if (path / "config.json").exists():
                raise InputError(
                    f"{path} already holds a run: `compactrl resume {path}` goes on with it; else choose another --out"
                )
            if path.exists() and any(path.iterdir()):
                raise InputError(
                    f"{path} is not empty and holds no run: choose another --out, nothing there was touched"
                )
            (path / "checkpoints").mkdir(parents=True)
            writer = cls(path)
            write_json(path / "versions.json", versions())
            (path / "metrics.jsonl").touch()
            # Last: a directory is a run once this file is there.
            write_json(path / "config.json", {"format": DIRECTORY_FORMAT, "options": options})
        except OSError as error:
            raise InputError(f"cannot write to {path}: {error.strerror or error}. Choose another --out") from error
        return writer

    def extend(self, options: dict[str, Any]) -> None:
        """Record changed options (a larger budget)."""
        write_json(self.path / "config.json", {"format": DIRECTORY_FORMAT, "options": options})

    def close(self) -> None:
        """Let go of the directory."""
        if self._events is not None:
            self._events.close()
        self._lock.close()

    def append_metrics(self, metrics: Metrics) -> None:
        """Add a line to metrics.jsonl, where numbers that JSON does not know become null, and TensorBoard's events."""
        clean = {key: value if np.isfinite(value) else None for key, value in metrics.items()}
        with open(self.path / "metrics.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps(clean) + "\n")
        if self._events is None:
            self._events = EventsWriter(self.path)
        self._events.add(int(metrics.get("env_steps", metrics["iteration"])), metrics)

    def cut_metrics(self, iteration: int) -> None:
        """Drop lines and events after an iteration: they are of work that is done again."""
        path = self.path / "metrics.jsonl"
        kept = [record for record in Run(self.path).metrics if record["iteration"] <= iteration]
        write_atomically(path, "".join(json.dumps(record) + "\n" for record in kept).encode())
        last = max((int(record.get("env_steps") or 0) for record in kept), default=0)
        if any(self.path.glob(EVENTS + "*")):
            self._events = EventsWriter(self.path, purge_from=last + 1)

    def save_checkpoint(self, iteration: int, state: State) -> None:
        """Save the state after an iteration, and drop the oldest."""
        folder = self.path / "checkpoints"
        place, temporary = folder / f"{iteration:08d}", folder / f".{iteration:08d}"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        save_state(temporary / "state", state)
        shutil.rmtree(place, ignore_errors=True)
        os.replace(temporary, place)
        _sync_directory(folder)
        for old in sorted(_checkpoints(folder))[:-KEPT_CHECKPOINTS]:
            shutil.rmtree(old)

    def load_checkpoint(self, options: dict[str, Any] | None = None) -> tuple[int, State] | None:
        """Return the newest checkpoint that is whole, with its iteration; None where none was written yet.

        Args:
            options: of this run; where given, a checkpoint of a search with others is as good as damaged.

        Raises:
            DamagedFileError: there are checkpoints, all of them damaged.
        """
        places = sorted(_checkpoints(self.path / "checkpoints"), reverse=True)
        problems = []
        for place in places:
            try:
                state = load_state(place / "state")
                if options is not None:
                    _check_same_search(place, state, options)
            except DamagedFileError as error:
                problems.append(str(error))
                continue
            for problem in problems:
                warnings.warn(f"{problem}; going on from the one before, {place.name}", stacklevel=2)
            return int(place.name), state
        if problems:
            raise DamagedFileError(f"no checkpoint of {self.path} can be read: {'; '.join(problems)}")
        return None


class EventsWriter:
    """A file of TensorBoard events: one scalar a metric, over environment steps.

    Records go to the file at once and from this thread (`torch.utils.tensorboard` keeps a queue and a thread, and
    loses what is in it by `kill -9`).

    Args:
        path: folder of the file.
        purge_from: TensorBoard is told to forget what earlier files have from this step on.
    """

    def __init__(self, path: Path, purge_from: int | None = None) -> None:
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog
        from tensorboard.summary.writer.record_writer import RecordWriter

        self._event = Event
        # TensorBoard reads the files of a folder in the order of their names.
        name = f"{EVENTS}.{time.time_ns():019d}.{socket.gethostname()}.{os.getpid()}"
        self._records = RecordWriter(open(path / name, "ab"))  # noqa: SIM115  (held until close)
        self._write(Event(file_version="brain.Event:2"))
        if purge_from is not None:
            self._write(Event(step=purge_from, session_log=SessionLog(status=SessionLog.START)))

    def add(self, step: int, metrics: Metrics) -> None:
        """Add the metrics of an iteration that ended at this environment step."""
        event = self._event(step=step)
        for key, value in metrics.items():
            if key not in ("iteration", "env_steps") and np.isfinite(value):
                event.summary.value.add(tag=key, simple_value=value)
        self._write(event)

    def close(self) -> None:
        """Close the file."""
        self._records.close()

    def _write(self, event: Any) -> None:
        event.wall_time = time.time()
        self._records.write(event.SerializeToString())
        self._records.flush()


def _check_same_search(place: Path, state: State, options: dict[str, Any]) -> None:
    """Raise DamagedFileError where a checkpoint was saved by a search with other options that matter."""
    saved = json.loads(state.get("options") or "{}")
    for option in saved.keys() & options.keys() - MAY_CHANGE:
        if saved[option] != options[option]:
            raise DamagedFileError(
                f"{place} is the checkpoint of another search, or config.json was altered: "
                f"{option} is {saved[option]!r} there and {options[option]!r} here"
            )


def _checkpoints(folder: Path) -> Iterator[Path]:
    return (place for place in folder.iterdir() if place.name.isdigit()) if folder.is_dir() else iter(())


def _sync_directory(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def save_policy(stem: Path, policy: Policy) -> None:
    """Write `stem.safetensors` (numbers) and `stem.json` (what they are)."""
    save_state(stem, policy_state(policy))


def load_policy(stem: Path) -> Policy:
    """Read what `save_policy` wrote.

    Raises:
        DamagedFileError: missing, damaged or not a policy.
    """
    try:
        return policy_of(load_state(stem))
    except (KeyError, TypeError, AttributeError) as error:
        raise DamagedFileError(f"{stem.with_suffix('.json')} is not a policy: {error}") from error


def policy_state(policy: Policy) -> State:
    """Return a policy as nested state."""
    action = policy.action
    return {
        "env": policy.env,
        "method": policy.method,
        "size": policy.size._asdict(),
        "action": {
            "kind": action.kind,
            "low": np.array(action.low),
            "high": np.array(action.high),
            "choices": action.choices,
            "start": action.start,
        },
        "normalizer": policy.normalizer._asdict(),
        "layers": {str(index): layer._asdict() for index, layer in enumerate(policy.layers)},
        "design": policy.design,
        "theta": policy.theta,
    }


def policy_of(state: State) -> Policy:
    """Return the policy of `policy_state`."""
    action = state["action"]
    return Policy(
        layers=tuple(Layer(**state["layers"][str(index)]) for index in range(len(state["layers"]))),
        normalizer=Normalizer(**state["normalizer"]),
        action=ActionSpec(
            action["kind"],
            tuple(map(float, action["low"])),
            tuple(map(float, action["high"])),
            action["choices"],
            action["start"],
        ),
        env=state["env"],
        method=state["method"],
        size=Size(**state["size"]),
        design=state["design"],
        theta=state["theta"],
    )


def load(path: str | Path) -> Run:
    """Open a run's directory."""
    return Run(path)
