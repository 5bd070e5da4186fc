"""Options of a fit: budgets in bytes, and of time or steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from compactrl.envs.spec import EnvironmentSpec
from compactrl.errors import InputError
from compactrl.fits.portfolio import EVOLVERS
from compactrl.fits.sizes import smallest
from compactrl.fits.stages import Amount
from compactrl.quantities import read_count, read_size, read_time

DEFAULT_SECONDS = 3600
"""An hour."""
Sizes = int | str | Iterable[int | str]


@dataclass(frozen=True)
class FitOptions:
    """What decides how a fit goes; the same after a stop."""

    env: str
    env_module: str
    env_options: dict[str, Any]
    engine: str
    max_episode_steps: int
    budgets: tuple[int, ...]
    """In bytes, rising."""
    seconds: int | None
    steps: int | None
    stop_at: float | None
    seed: int

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
        return {**values, "max_bytes": list(self.budgets), "seed": self.seed}


def budgets_of(max_bytes: Sizes | None) -> tuple[int, ...]:
    """Return budgets in bytes, rising, each once.

    Raises:
        InputError: there is none, or one is no size.

    Example:
        >>> budgets_of("2kB,512"), budgets_of([256, "1KiB"]), budgets_of(300)
        ((512, 2000), (256, 1024), (300,))
    """
    if max_bytes is None:
        raise InputError("a fit needs --max-bytes: what the policy's tables may take, such as 1024, 2kB or 256,512")
    if isinstance(max_bytes, str):
        given: Iterable[Any] = max_bytes.split(",")
        if "" in map(str.strip, max_bytes.split(",")):
            raise InputError(f"--max-bytes {max_bytes}: expected sizes with commas between them, such as 256,512,2kB")
    else:
        given = max_bytes if isinstance(max_bytes, Iterable) else [max_bytes]
    sizes = {_read("--max-bytes", each, read_size) for each in given}
    if not sizes:
        raise InputError("--max-bytes: expected a number of bytes, or several")
    return tuple(sorted(sizes))


def total_of(time: int | float | str | None, steps: int | float | str | None) -> tuple[int | None, int | None]:
    """Return seconds and steps, one of them None.

    Raises:
        InputError: both are given, or one is no such number.
    """
    if time is not None and steps is not None:
        raise InputError("--time and --steps contradict each other: give one of them")
    if steps is not None:
        return None, _read("--steps", steps, read_count)
    return DEFAULT_SECONDS if time is None else _read("--time", time, read_time), None


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


def check_budgets(budgets: Iterable[int], spec: EnvironmentSpec) -> None:
    """Raise InputError where no policy for an environment fits a budget."""
    least = smallest(EVOLVERS, spec)
    for most in budgets:
        if most < least:
            raise InputError(
                f"--max-bytes {most}: no policy for {spec.id} fits; the smallest possible takes {least} bytes"
            )


def _read(option: str, value: Any, read: Callable[[str], int]) -> int:
    text = f"{value:g}" if isinstance(value, float) and value.is_integer() else str(value)
    try:
        number = read(text.strip())
    except ValueError as error:
        raise InputError(f"{option} {value}: {error}") from error
    if number < 1:
        raise InputError(f"{option} {value}: expected at least 1")
    return number
