"""Toy environments with known answers, as cheap as Gymnasium allows.

- `compactrl/Target-v0`: learnable, with a known best return of 0.
- `compactrl/BitFlip-v0`: a goal environment whose reward is sparse: without hindsight there is next to nothing to
learn from.
- `compactrl/Faulty-v0`: fails in a chosen way after a chosen number of steps, for trying out how failures are met.
- `compactrl/PointMass-v0`: takes tasks, reports measures, and steps all lanes in one call (`toy_batched`).

Importing this module registers the first three with Gymnasium; who describes an environment imports it.

Example:
    >>> import gymnasium
    >>> env = gymnasium.make("compactrl/Target-v0")
    >>> observation, _ = env.reset(seed=0)
    >>> _, reward, *_ = env.step(np.tanh(Target.MATRIX @ observation))
    >>> abs(reward) < 1e-12
    True
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal, get_args

import gymnasium
import numpy as np
from numpy.typing import NDArray

from compactrl.types import Floats

STEPS = 20
"""Length of an episode, in environment steps."""

Fault = Literal["raise", "nan", "huge", "size", "endless", "none"]
Answer = tuple[Floats, float, bool, bool, dict[str, Any]]


class Target(gymnasium.Env):  # type: ignore[misc]  # (Gymnasium is not followed by the type checker)
    """The action should be `tanh(A · observation)`; an episode's best return is 0.

    Observations are (3,) uniform in [-1, 1], drawn anew every step by the environment's own generator. Actions are a
    box (2,) in [-1, 1]. Reward: `-|action - tanh(A · observation)|²`. A policy's output goes through a tanh, so the
    linear policy with the weights `MATRIX` reaches 0; doing nothing gets about -11 in its 20 steps.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": []}
    MATRIX: ClassVar[Floats] = np.array([[1.0, -0.5, 0.25], [0.5, 0.25, -1.0]])
    """A, shape (2, 3)."""

    def __init__(self) -> None:
        self.observation_space = gymnasium.spaces.Box(-1.0, 1.0, (3,), np.float64)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float64)
        self._seen: Floats = np.zeros(3)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Floats, dict[str, Any]]:
        """Begin an episode."""
        super().reset(seed=seed, options=options)
        return self._look(), {}

    def step(self, action: NDArray[Any]) -> Answer:
        """Compare the action with what the last observation asks for."""
        missed = np.asarray(action, np.float64) - np.tanh(self.MATRIX @ self._seen)
        return self._look(), -float(missed @ missed), False, False, {}

    def _look(self) -> Floats:
        self._seen = self.np_random.uniform(-1.0, 1.0, 3)
        return self._seen


class BitFlip(gymnasium.Env):  # type: ignore[misc]
    """Bits are to become the desired ones, one flip a step at most (Andrychowicz et al. 2017, section 3.1, here a box).

    The bit whose action is the largest is flipped where that is above 0. Reward 0 at the goal and -1 elsewhere; an
    episode has as many steps as bits, so that the best policy ends at the goal in every one.

    Args:
        bits: how many.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": []}

    def __init__(self, bits: int = 8) -> None:
        bit = gymnasium.spaces.Box(0.0, 1.0, (bits,), np.float64)
        keys = ("observation", "achieved_goal", "desired_goal")
        self.observation_space = gymnasium.spaces.Dict(dict.fromkeys(keys, bit))
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (bits,), np.float64)
        self._bits, self._state, self._goal, self._steps = bits, np.zeros(bits), np.zeros(bits), 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode."""
        super().reset(seed=seed, options=options)
        self._state, self._goal = self.np_random.integers(2, size=(2, self._bits)).astype(float)
        self._steps = 0
        return self._look(), {}

    def step(self, action: NDArray[Any]) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Flip a bit, or none."""
        self._steps += 1
        chosen = int(np.argmax(action))
        if action[chosen] > 0:
            self._state = self._state.copy()
            self._state[chosen] = 1 - self._state[chosen]
        reward = float(self.compute_reward(self._state, self._goal, {}))
        return self._look(), reward, False, self._steps >= self._bits, {}

    def compute_reward(self, achieved: NDArray[Any], desired: NDArray[Any], info: Any) -> NDArray[Any]:  # noqa: ARG002
        """Return 0 where all bits are as desired, -1 elsewhere."""
        return np.asarray(np.all(np.asarray(achieved) == np.asarray(desired), axis=-1), float) - 1

    def _look(self) -> dict[str, Floats]:
        return {"observation": self._state, "achieved_goal": self._state, "desired_goal": self._goal}


class Faulty(gymnasium.Env):  # type: ignore[misc]
    """Pays 1 a step and fails in a chosen way.

    Args:
        fault: `raise` an error, return `nan` or `huge` numbers, change the observation's `size`, never end
            (`endless`: only the limit of steps cuts the episode), or `none`.
        after: environment steps before the fault; 0 for a reset that fails.
        chance: probability that an episode has the fault, drawn at its reset.

    Raises:
        ValueError: an unknown fault.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": []}

    def __init__(self, fault: Fault = "raise", after: int = 5, chance: float = 1.0) -> None:
        if fault not in get_args(Fault):
            raise ValueError(f"unknown fault '{fault}': expected one of {', '.join(get_args(Fault))}")
        self.fault, self.after, self.chance = fault, after, chance
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (3,), np.float64)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float64)
        self._steps = 0
        self._present: Fault = "none"

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Floats, dict[str, Any]]:
        """Begin an episode and decide whether it has the fault."""
        super().reset(seed=seed, options=options)
        self._steps = 0
        self._present = self.fault if self.np_random.random() < self.chance else "none"
        return self._look(), {}

    def step(self, action: NDArray[Any]) -> Answer:  # noqa: ARG002  (nothing that is done here matters)
        """Go on, or fail."""
        self._steps += 1
        ended = self._steps >= STEPS and self._present != "endless"
        return self._look(), 1.0, ended, False, {}

    def _look(self) -> Floats:
        seen: Floats = self.np_random.uniform(-1.0, 1.0, 3)
        if self._steps < self.after:
            return seen
        match self._present:
            case "raise":
                raise RuntimeError(f"the toy failed on purpose after {self._steps} steps")
            case "nan":
                seen[0] = np.nan
            case "huge":
                seen[0] = 1e30
            case "size":
                seen = np.zeros(5)
        return seen


gymnasium.register("compactrl/Target-v0", f"{__name__}:Target", max_episode_steps=STEPS)
gymnasium.register("compactrl/BitFlip-v0", f"{__name__}:BitFlip", disable_env_checker=True)
gymnasium.register("compactrl/Faulty-v0", f"{__name__}:Faulty")
