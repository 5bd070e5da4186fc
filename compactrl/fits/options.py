"""Options of a fit: budgets of one kind, and of time or steps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from compactrl.envs.spec import EnvironmentSpec
from compactrl.errors import InputError, either
from compactrl.exports.options import ExportOptions
from compactrl.exports.taken import check_target
from compactrl.fits.budgets import KINDS, Kind, check_tools, read_positive
from compactrl.fits.portfolio import EVOLVERS
from compactrl.fits.sizes import combinations, fitting, smallest
from compactrl.fits.stages import Amount
from compactrl.quantities import read_count, read_time

DEFAULT_SECONDS = 3600
"""An hour."""


@dataclass(frozen=True)
class FitOptions:
    """What decides how a fit goes; the same after a stop."""

    env: str
    env_module: str
    env_options: dict[str, Any]
    engine: str
    max_episode_steps: int
    budgets: tuple[int, ...]
    """Of one kind, rising."""
    seconds: int | None
    steps: int | None
    stop_at: float | None
    seed: int
    limit: str = "bytes"
    """The kind of the budgets."""
    target: str = ""
    """Of the export, where its code is limited."""

    @property
    def kind(self) -> Kind:
        """What is limited."""
        return KINDS[self.limit]

    @property
    def total(self) -> Amount:
        """The whole budget."""
        if self.steps is not None:
            return Amount(float(self.steps), seconds=False)
        return Amount(float(self.seconds or DEFAULT_SECONDS), seconds=True)

    @property
    def environment(self) -> dict[str, Any]:
        """Options of every search that say what is controlled."""
        names = ("env", "env_module", "env_options", "engine", "max_episode_steps")
        return {name: getattr(self, name) for name in names}

    def record(self) -> dict[str, Any]:
        """Return all of them, as JSON values."""
        values = {**self.environment, "seconds": self.seconds, "steps": self.steps, "stop_at": self.stop_at}
        target = {"target": self.target} if self.target else {}
        return {**values, f"max_{self.limit}": list(self.budgets), "seed": self.seed, **target}

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> FitOptions:
        """Return the options with this record."""
        values = dict(record)
        limit = next(name for name in KINDS if f"max_{name}" in values)
        return cls(limit=limit, budgets=tuple(values.pop(f"max_{limit}")), **values)


def total_of(time: int | float | str | None, steps: int | float | str | None) -> tuple[int | None, int | None]:
    """Return seconds and steps, one of them None.

    Raises:
        InputError: both are given, or one is no such number.
    """
    if time is not None and steps is not None:
        raise InputError("--time and --steps contradict each other: give one of them")
    if steps is not None:
        return None, read_positive("--steps", steps, read_count)
    return DEFAULT_SECONDS if time is None else read_positive("--time", time, read_time, "second"), None


def return_of(stop_at: Any) -> float | None:
    """Return the mean return that is enough.

    Raises:
        InputError: it is none.
    """
    if stop_at is None:
        return None
    try:
        enough = float(stop_at)
    except (TypeError, ValueError):
        enough = math.nan
    if math.isnan(enough):
        raise InputError(f"--stop-at {stop_at}: expected a number, the mean return that is enough")
    return enough


def target_of(target: str, kind: Kind) -> str:
    """Return the target of an export, where the code is limited.

    Raises:
        InputError: there is no such target, or no code is limited.
    """
    if target and not kind.needs:
        limits = either(each.option for each in KINDS.values() if each.needs)
        raise InputError(f"--target {target} is for code: it goes with {limits}")
    return ExportOptions(target=target).target if target else ""


def check_possible(options: FitOptions, spec: EnvironmentSpec) -> None:
    """Check that each budget can be measured, and that a policy for an environment fits it.

    Raises:
        InputError: none fits, or the target takes no policy for this environment.
        CompactrlError: what measures it is not installed.
    """
    kind = options.kind
    check_tools(kind)
    for most in options.budgets:
        if not any(fitting(row, spec, most, True, kind) for row in EVOLVERS):
            least = kind.say(smallest(EVOLVERS, spec, kind).size)
            raise InputError(f"{kind.option} {most}: no policy for {spec.id} fits; the smallest possible takes {least}")
    if options.target:
        one = next(one for row in EVOLVERS for one in combinations(row, spec, normalized=True))
        check_target(replace(one.policy, env=spec.id), options.target, options.env_options)
