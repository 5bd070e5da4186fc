"""How a policy's raw outputs become actions of its environment."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compactrl.types import Floats, State

LARGEST = float(np.finfo(np.float32).max)
"""A bound of this size or beyond is none: single precision has no number outside it."""


@dataclass(frozen=True)
class ActionSpec:
    """How raw outputs become actions.

    Box: `center + scale · tanh(output)` where an action is bounded on both sides; the output clipped to its bound where
    it has one; the output as it is where it has none. A bound at or beyond single precision's largest number is none.
    Box of integers: the nearest integer of that (a half goes to the even one), clipped to the bounds, or to what the
    type holds. The first and the last of a range are the nearest of half as wide a part of it as the others.
    Discrete: the index of the largest output.

    Example:
        >>> ActionSpec("box", (-1.0, 0.0, -np.inf), (2.0, np.inf, np.inf)).act(np.full((3, 1), -50.0, np.float32))
        array([[ -1.,   0., -50.]])
        >>> ActionSpec("box", (-2.0,), (2.0,), dtype="int64").act(np.array([[-9, -1, 0.3, 9]], np.float32))
        array([[-2],
               [-2],
               [ 1],
               [ 2]])
    """

    kind: str
    """`box` or `discrete`."""
    low: tuple[float, ...] = ()
    """(A,) bounds of a box."""
    high: tuple[float, ...] = ()
    choices: int = 0
    """Number of discrete actions."""
    start: int = 0
    """The first discrete action."""
    dtype: str = ""
    """The type of a box of integers, such as `int32`; empty where actions are real numbers."""
    real: str = field(default="float32", compare=False)
    """The type of a box of real numbers, which `for_space` gives; all else has double precision."""

    @property
    def size(self) -> int:
        """A, the width of the policy's output."""
        return self.choices if self.kind == "discrete" else len(self.low)

    @cached_property
    def limits(self) -> tuple[Floats, Floats]:
        """Lowest and highest value of each action of a box, (A,) each; infinite where there is none."""
        low, high = np.array(self.low, np.float64), np.array(self.high, np.float64)
        return np.where(low > -LARGEST, low, -np.inf), np.where(high < LARGEST, high, np.inf)

    @cached_property
    def squashed(self) -> NDArray[np.bool_]:
        """Which actions of a box are bounded on both sides, and so go through a tanh, (A,)."""
        low, high = self.limits
        return np.asarray(np.isfinite(low) & np.isfinite(high))

    @cached_property
    def free(self) -> NDArray[np.bool_]:
        """Which actions of a box have no bound at all, (A,)."""
        low, high = self.limits
        return np.asarray(np.isinf(low) & np.isinf(high))

    @cached_property
    def scaling(self) -> tuple[Floats, Floats]:
        """Center and scale of the actions of a box, (A,) each; 0 and 1 where an action is not squashed."""
        low, high = (np.where(self.squashed, limit, 0.0) for limit in self.limits)
        return (high + low) / 2, np.where(self.squashed, (high - low) / 2, 1.0)

    @cached_property
    def bounds(self) -> tuple[Floats, Floats] | None:
        """Center and scale, (A, 1) each, of a box that is bounded everywhere; None of any other."""
        if not self.squashed.all():
            return None
        center, scale = self.scaling
        return center[:, None], scale[:, None]

    def act(self, outputs: NDArray[np.float32]) -> NDArray[Any]:
        """Turn raw outputs (A, width) into actions.

        Returns:
            (width, A) float64, of `dtype` in a box of integers; (width,) int64 where discrete.
        """
        if self.kind == "discrete":
            return np.asarray(np.argmax(outputs, axis=0) + self.start)
        if self.bounds is not None and not self.dtype:
            center, scale = self.bounds
            return np.ascontiguousarray((np.tanh(outputs) * scale + center).T)
        if self.free.all():
            return self._finished(outputs.T.astype(np.float64))
        center, scale = (part[:, None] for part in self.scaling)
        if self.squashed.all():
            return self._finished((np.tanh(outputs) * scale + center).T)
        return self._finished((np.where(self.squashed[:, None], np.tanh(outputs), outputs) * scale + center).T)

    def for_space(self, actions: NDArray[Any]) -> NDArray[Any]:
        """Return actions of `act` as the action space has them: real numbers of its type."""
        return actions if self.kind == "discrete" or self.dtype else actions.astype(self.real)

    def scaled(self, squashed: Floats) -> NDArray[Any]:
        """Turn actions (n, A) in -1 … 1 into the box's, of its type; where one is free it is left as it is.

        Discrete actions are numbers from 0 on, (n, 1), and become those of the environment, (n,).
        """
        if self.kind == "discrete":
            return squashed[:, 0].astype(np.int64) + self.start
        if self.free.all():
            return self._finished(squashed)
        center, scale = self.scaling
        return self._finished(squashed * scale + center)

    @cached_property
    def clips(self) -> tuple[Floats, Floats]:
        """Lowest and highest value that actions of a box are clipped to, (A,) each; infinite where they are not.

        These are bounds that have no other side; of integers all bounds, and where there are none those of the type.
        """
        low, high = self.limits
        if not self.dtype:
            return np.where(self.squashed, -np.inf, low), np.where(self.squashed, np.inf, high)
        if self.squashed.all():
            return low, high
        held = np.iinfo(self.dtype)
        return np.maximum(low, inside(held.min, np.inf)), np.minimum(high, inside(held.max, -np.inf))

    def _finished(self, actions: Floats) -> NDArray[Any]:
        """Return scaled actions (n, A) as they are sent: clipped, and rounded where they are integers."""
        if self.dtype:
            return np.ascontiguousarray(np.clip(np.rint(actions), *self.clips).astype(self.dtype))
        if self.squashed.all() or self.free.all():
            return np.ascontiguousarray(actions)
        return np.ascontiguousarray(np.clip(actions, *self.clips))

    def state_dict(self) -> State:
        """Return it as nested state."""
        return {
            "kind": self.kind,
            "low": np.array(self.low),
            "high": np.array(self.high),
            "choices": self.choices,
            "start": self.start,
            **({"dtype": self.dtype} if self.dtype else {}),
            **({"real": self.real} if self.real != "float32" else {}),
        }

    def warning(self) -> str:
        """Say which actions have no bounds, and so what becomes of them; nothing where all have."""
        places = np.flatnonzero(self.free).tolist()
        if not places:
            return ""
        which = f"action {places[0]} has" if len(places) == 1 else f"actions {', '.join(map(str, places))} have"
        return f"{which} no bounds: the policy's outputs are sent as they are, however large"


def inside(bound: int, towards: float) -> float:
    """Return an integer as the nearest double precision number that is not beyond it, seen from `towards`.

    Example:
        >>> inside(2**63 - 1, -np.inf) < 2**63 - 1
        True
    """
    nearest = float(bound)
    beyond = nearest > bound if towards < 0 else nearest < bound
    return float(np.nextafter(nearest, towards)) if beyond else nearest
