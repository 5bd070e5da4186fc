"""Generalised advantage estimation, and the scale of rewards, as pure functions of T steps in L standing environments.

Schulman et al., "High-dimensional continuous control using generalized advantage estimation" (2016), equation 16:

    delta_t = r_t + gamma V(s_{t+1}) - V(s_t)
    A_t     = delta_t + gamma lambda A_{t+1}

V(s_{t+1}) is 0 where the episode terminated there, and the value of the observation that the step led to where a limit
of steps cut it. The sum ends wherever the next step of the lane is not the next step of the episode: at every end, at
the last step that was collected, before a step that failed. So nothing goes across an episode's boundary.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from compactrl.learners.moments import Seen
from compactrl.types import Floats, State, Transitions

Flags = NDArray[np.bool_]


def continues(transitions: Transitions) -> Flags:
    """Return where a lane's next step goes on with the same episode, (T, L); never at the last step."""
    whole = transitions.valid & ~(transitions.terminated | transitions.truncated)
    begun = np.zeros_like(whole) if transitions.begun is None else transitions.begun
    goes_on = np.zeros_like(whole)
    goes_on[:-1] = whole[:-1] & transitions.valid[1:] & ~begun[1:]
    return goes_on


def advantages(
    reward: Floats, value: Floats, following: Floats, terminated: Flags, goes_on: Flags, gamma: float, gae_lambda: float
) -> Floats:
    """Return the advantages (T, L).

    Args:
        reward: (T, L)
        value: (T, L) of each step's observation.
        following: (T, L) of the observation that each step led to, of the same episode.
        terminated: (T, L)
        goes_on: (T, L), see `continues`.
        gamma: discount factor per step.
        gae_lambda: 0 is one step of temporal difference, 1 the whole return that is known.

    Example:
        >>> one = np.ones((3, 1))
        >>> on = np.array([[True], [True], [False]])
        >>> advantages(one, 0 * one, 2 * one, ~on, on, 0.5, 1.0).ravel()
        array([3.25, 2.5 , 1.  ])
    """
    delta = reward + gamma * np.where(terminated, 0.0, following) - value
    carried = gamma * gae_lambda * goes_on
    result, later = np.empty_like(delta), np.zeros(delta.shape[1:])
    for step in range(len(delta) - 1, -1, -1):
        later = delta[step] + carried[step] * later
        result[step] = later
    return result


@dataclass
class ReturnScale:
    """The standard deviation of discounted returns so far, by which rewards are divided.

    Engstrom et al., "Implementation matters in deep RL" (2020), section 2: R_t = r_t + gamma R_{t-1} in every lane,
    begun anew with every episode. All architectures share the scale.
    """

    gamma: float
    running: Floats
    """(L,) R of the episodes that stand."""
    seen: Seen = field(default_factory=lambda: Seen(0.0, np.zeros(1), np.zeros(1)))

    @property
    def scale(self) -> float:
        """What rewards are divided by."""
        return max(float(self.seen.std[0]), 1e-4) if self.seen.count > 1 else 1.0

    def add(self, reward: Floats, transitions: Transitions) -> None:
        """Take in rewards (T, L) of these transitions; those of steps that failed are 0."""
        ended = transitions.terminated | transitions.truncated | ~transitions.valid
        begun = np.zeros_like(ended) if transitions.begun is None else transitions.begun
        returns = np.empty_like(reward)
        for step in range(len(reward)):
            self.running = np.where(begun[step], 0.0, self.running) * self.gamma + reward[step]
            returns[step] = self.running
            self.running = np.where(ended[step], 0.0, self.running)
        known = returns[transitions.valid]
        if len(known):
            mean = known.mean()
            spread = np.square(known - mean).sum()
            self.seen = self.seen.joined(Seen(float(len(known)), np.array([mean]), np.array([spread])))

    def state_dict(self) -> State:
        """Everything needed to continue bit for bit."""
        return {"running": self.running.copy(), **self.seen.state_dict()}

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned."""
        self.running = np.array(state["running"])
        self.seen = Seen(float(state["count"]), np.asarray(state["mean"]), np.asarray(state["spread"]))
