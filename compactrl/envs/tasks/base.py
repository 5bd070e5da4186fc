"""What Gymnasium's tasks have in common: models from its installation, starts with noise, options by its names."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from compactrl.envs.mujoco.state import MujocoState
from compactrl.envs.mujoco.task import MujocoTask
from compactrl.errors import InputError, did_you_mean
from compactrl.types import Floats


def asset(name: str) -> str:
    """Return where a model of Gymnasium's is; a path that is one already stays as it is."""
    import gymnasium

    # By its path: importing gymnasium.envs.mujoco would ask for packages that only its pictures need.
    own = Path(gymnasium.__file__).parent / "envs" / "mujoco" / "assets" / name
    return str(own) if own.is_file() else name


def squares(values: Floats) -> Floats:
    """Return the sum of squares of each row, (n, …) → (n,)."""
    flat = np.ascontiguousarray(values).reshape(len(values), -1)
    return np.asarray(np.einsum("ij,ij->i", flat, flat))


def within(values: Floats, limits: tuple[float, float]) -> NDArray[np.bool_]:
    """Return which values are between limits, which are not within."""
    return np.asarray((limits[0] < values) & (values < limits[1]))


def once(function: Callable[[Any, MujocoState], NDArray[Any]]) -> Callable[[Any, MujocoState], NDArray[Any]]:
    """Let a method compute what it says of a state once, whoever asks again (a reward, then what has terminated)."""
    name = f"_{function.__qualname__}"

    @wraps(function)
    def kept(self: Any, state: MujocoState) -> NDArray[Any]:
        found: NDArray[Any] | None = state.__dict__.get(name)
        if found is None:
            found = state.__dict__[name] = function(self, state)
        return found

    return kept


class UsualTask(MujocoTask):
    """A task of Gymnasium's.

    Args:
        options: by Gymnasium's names, in place of `defaults`.
    """

    xml_file: str
    defaults: ClassVar[dict[str, Any]] = {}
    """Every option but the first two, with Gymnasium's value."""

    def __init__(self, xml_file: str = "", frame_skip: int = 0, **options: Any) -> None:
        for name in options:
            if name not in self.defaults:
                taken = ("xml_file", "frame_skip", *self.defaults)
                near = did_you_mean(name, taken)
                raise InputError(f"{type(self).__name__} has no option '{name}'.{near} It has {', '.join(taken)}")
        for name, value in {**self.defaults, **options}.items():
            setattr(self, name, value)
        self.model = asset(xml_file or self.xml_file)
        self.frame_skip = frame_skip or self.frame_skip
        super().__init__()

    def __getattr__(self, name: str) -> Any:
        """Stand for the options, which are set by name; what is none of them is not there."""
        raise AttributeError(f"{type(self).__name__} has no '{name}'")

    def uniform(self, generator: np.random.Generator, size: int) -> Floats:
        """Return noise of a start (size,), uniform to the task's scale."""
        return generator.uniform(-self.reset_noise_scale, self.reset_noise_scale, size)

    def normal(self, generator: np.random.Generator, size: int) -> Floats:
        """Return noise of a start (size,), normal with the task's scale."""
        return np.asarray(self.reset_noise_scale * generator.standard_normal(size))
