"""Configurations: the runs that differ in nothing but their seed, and how one is named beside others."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from compactrl.errors import CompactrlError
from compactrl.methods.rows import METHODS
from compactrl.methods.settings import resolve
from compactrl.reports.reading import Record
from compactrl.types import Floats

NO_PART_OF_A_CONFIGURATION = frozenset(
    {
        "seed", "threads", "checkpoint_seconds", "num_envs", "max_envs", "workers", "ray_address", "device",
        "train_contexts", "test_contexts",
    }
)  # fmt: skip
"""Options that runs of one configuration may differ in: the seed and the tasks that it draws, and what changes speed or
the order of episodes."""
NAMED_OTHERWISE = frozenset(
    {
        "method", "env", "controller", "steps", "hidden", "partitions", "preset", "es",
        "engine", "max_episode_steps", "alive_bonus", "context_low", "context_high",
    }
)  # fmt: skip
"""Options that a table shows anyway, that stand in a name for themselves, or that a search fills in by its environment.

They are named only where configurations cannot be told apart without."""
DECIDED_BY_ENVIRONMENT = {"engine": "auto", "max_episode_steps": 0, "alive_bonus": None}
"""Options that a search fills in by its environment, and what they are in a run that did not write down with what."""
FOLDERS = frozenset({"teacher", "start_from", "colorings_from"})
"""Options that are a run's folder, of which a name has the last part."""
UNNAMED = frozenset({"controller_designs"})
"""Options too long to stand in a name."""


@dataclass
class Configuration:
    """The seeds of one configuration; either all of them are finished, or none is."""

    records: list[Record]
    """In the order of their seeds, one per seed."""
    label: str = ""
    """What tells it from the others of its environment."""

    @property
    def options(self) -> dict[str, Any]:
        """Of its first seed."""
        return self.records[0].options

    @property
    def env(self) -> str:
        """The environment's id."""
        return str(self.options.get("env", ""))

    @property
    def finished(self) -> bool:
        """Whether its returns are those of final evaluations."""
        return self.records[0].finished

    @property
    def scores(self) -> dict[int, float]:
        """Seed → mean return, where there is one."""
        return {
            int(record.options.get("seed", 0)): record.score for record in self.records if np.isfinite(record.score)
        }

    @property
    def values(self) -> Floats:
        """The same without the seeds, (n,)."""
        return np.array(list(self.scores.values()))

    @property
    def best(self) -> Record:
        """The run with the highest return."""
        return max(self.records, key=lambda record: record.score if np.isfinite(record.score) else -np.inf)

    def largest(self, key: str) -> float:
        """Return the largest value of a summary's number over the seeds: sizes of masks differ; NaN for none."""
        values = [record.summary.get(key) for record in self.records]
        return max((float(value) for value in values if isinstance(value, int | float)), default=float("nan"))

    @property
    def bytes(self) -> float:
        """The largest `bytes` of its seeds' policies; NaN for none."""
        values = [record.bytes for record in self.records if np.isfinite(record.bytes)]
        return max(values, default=float("nan"))

    @property
    def size(self) -> tuple[float, float]:
        """Bytes, then parameters, for sorting: infinite where there is no policy yet."""
        return _or_infinite(self.bytes), _or_infinite(self.largest("parameters"))

    @property
    def measures(self) -> dict[str, float]:
        """What the environment reports beside the return: name → mean over the seeds of which it is known."""
        keys = {key for record in self.records for key in record.summary if key.endswith("_mean")} - {"return_mean"}
        known = {
            key: [float(record.summary[key]) for record in self.records if record.summary.get(key) is not None]
            for key in sorted(keys)
        }
        return {key.removesuffix("_mean"): float(np.mean(values)) for key, values in known.items() if values}

    def median(self, key: str) -> float:
        """Return the median of a summary's number over the seeds; NaN for none."""
        values = [record.summary.get(key) for record in self.records]
        numbers = [float(value) for value in values if isinstance(value, int | float)]
        return float(np.median(numbers)) if numbers else float("nan")

    @property
    def architecture(self) -> str:
        """Widths of the layers, as in 17–41–6; with dots where there is no policy yet."""
        shape = self.best.shape
        hidden = tuple(self.options.get("hidden", ()))
        return "–".join(map(str, shape)) if shape != hidden else "–".join(map(str, ("…", *hidden, "…")))

    def versions(self, name: str) -> set[str]:
        """Return the versions of a library that its runs recorded."""
        return {record.versions[name] for record in self.records if name in record.versions}


def _or_infinite(value: float) -> float:
    return float("inf") if np.isnan(value) else value


def group(records: Iterable[Record]) -> tuple[list[Configuration], list[str]]:
    """Group runs by configuration, in order of environment, method and options; and say what was left out.

    Runs with another version of MuJoCo are of another configuration, since trajectories differ between versions. So are
    runs that are not finished: what they have come to is not comparable yet.
    """
    records_of: dict[tuple[str, ...], list[Record]] = {}
    notes = []
    for record in records:
        records_of.setdefault(_key_of_configuration(record), []).append(record)
    configurations = []
    for alike in (part for key in sorted(records_of) for part in _split_by_decided(records_of[key])):
        seeds: dict[int, Record] = {}
        for record in alike:
            seed = int(record.options.get("seed", 0))
            if seed in seeds:
                notes.append(
                    f"{record.path} has configuration and seed of {seeds[seed].path}: one of them is enough, and the "
                    "first is taken"
                )
            seeds.setdefault(seed, record)
        configurations.append(Configuration([seeds[seed] for seed in sorted(seeds)]))
    _set_labels(configurations)
    return configurations, notes


def _key_of_configuration(record: Record) -> tuple[str, ...]:
    """Return what runs of one configuration have in common; keys sort by environment, method and controller."""
    options = {**_defaults(record.options), **record.options}
    left_out = NO_PART_OF_A_CONFIGURATION | DECIDED_BY_ENVIRONMENT.keys()
    kept = {name: value for name, value in options.items() if name not in left_out}
    first = (options.get("env"), options.get("method"), options.get("controller"))
    mujoco = record.versions.get("mujoco", "")
    return (*map(str, first), str(not record.finished), json.dumps(kept, sort_keys=True), mujoco)


def _split_by_decided(records: list[Record]) -> list[list[Record]]:
    """Split records by what their environment decided; what a run has not written down fits any other."""
    parts: list[list[Record]] = []
    for record in sorted(records, key=lambda record: -len(_decided(record))):
        fitting = [part for part in parts if all(_agree(_decided(record), _decided(other)) for other in part)]
        if len(fitting) == 1:
            fitting[0].append(record)
        else:
            parts.append([record])
    return parts


def _decided(record: Record) -> dict[str, Any]:
    """Return the options that the environment decided, where the run has written them down."""
    options = {name: record.options.get(name, unwritten) for name, unwritten in DECIDED_BY_ENVIRONMENT.items()}
    return {name: value for name, value in options.items() if value != DECIDED_BY_ENVIRONMENT[name]}


def _agree(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return all(one[name] == other[name] for name in one.keys() & other.keys())


def _defaults(options: Mapping[str, Any], *given: str) -> dict[str, Any]:
    """Return what options would be if only these were given; a run of an older version lacks the newer ones.

    Empty where this version does not know the method, or not these of its options.
    """
    names = (*(given or ("method", "controller", "preset", "es", "hidden")), "colorings_from")
    try:
        return resolve({name: options[name] for name in names if options.get(name)}).flat()
    except CompactrlError:
        return {}


def _set_labels(configurations: Sequence[Configuration]) -> None:
    """Name each configuration by its method, who chooses its designs, and whatever is not as it is by default.

    What all configurations of an environment have in common goes without saying.
    """
    for configuration in configurations:
        others = [other.options for other in configurations if other.env == configuration.env]
        common = {name for name in configuration.options if len(others) > 1 and not _differ(others, name)}
        configuration.label = " · ".join(_label_parts(configuration.options, common))
    for names in (("hidden",), ("steps",), None):  # only where it is needed to tell configurations apart
        for alike in _groups_named_alike(configurations):
            options = [{**_defaults(configuration.options), **configuration.options} for configuration in alike]
            differing = [name for name in sorted(set().union(*options)) if _differ(options, name)]
            wanted = [name for name in (names or differing) if name in differing and name not in UNNAMED]
            for configuration, values in zip(alike, options, strict=True):
                configuration.label = " · ".join(
                    [configuration.label, *(_label_part(name, values.get(name)) for name in wanted)]
                )
    for alike in _groups_named_alike(configurations):
        if len({tuple(configuration.versions("mujoco")) for configuration in alike}) > 1:
            for configuration in alike:
                configuration.label += f" · MuJoCo {' '.join(configuration.versions('mujoco')) or 'of unknown version'}"
    for alike in _groups_named_alike(configurations):
        for number, configuration in enumerate(alike, 1):
            configuration.label += f" ({number})"
    for configuration in configurations:
        configuration.label += "" if configuration.finished else " (not finished)"


def _label_parts(options: Mapping[str, Any], common: Set[str]) -> list[str]:
    method, controller = str(options.get("method", "?")), str(options.get("controller", "none"))
    parts = [method]
    if method not in METHODS or len(METHODS[method].choices) > 1:
        parts.append(controller)
    if "partitions" in options:
        parts.append(f"{options['partitions']} weights")
    for name, given in (("preset", ("method", "controller")), ("es", ("method", "controller", "preset"))):
        if options.get(name) != _defaults(options, *given).get(name, options.get(name)):
            parts.append(_label_part(name, options[name]))
    usual = _defaults(options)
    for name in sorted(usual.keys() & options.keys() - common - NO_PART_OF_A_CONFIGURATION - NAMED_OTHERWISE - UNNAMED):
        if json.dumps(options[name]) != json.dumps(usual[name]):
            parts.append(_label_part(name, options[name]))
    return parts


def _groups_named_alike(configurations: Sequence[Configuration]) -> list[list[Configuration]]:
    """Return groups of configurations, each of one environment, that have the same label so far."""
    named_alike: dict[tuple[str, str, bool], list[Configuration]] = {}
    for configuration in configurations:
        named_alike.setdefault((configuration.env, configuration.label, configuration.finished), []).append(
            configuration
        )
    return [alike for alike in named_alike.values() if len(alike) > 1]


def _differ(options: Sequence[Mapping[str, Any]], name: str) -> bool:
    return name not in NO_PART_OF_A_CONFIGURATION and len({repr(values.get(name)) for values in options}) > 1


def _label_part(name: str, value: Any) -> str:
    words = name.replace("_", " ")
    if isinstance(value, bool):
        return words if value else f"no {words}"
    if name == "steps" and isinstance(value, int | float):
        return f"{value / 1e6:g} M steps" if value >= 1e5 else f"{value:g} steps"
    if name in FOLDERS:
        value = Path(str(value)).name
    if isinstance(value, list | tuple):
        value = ",".join(map(str, value)) or "none"
    return f"{words} {value}"
