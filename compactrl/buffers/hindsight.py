"""Hindsight experience replay: what was reached is, now and then, what was wanted.

Andrychowicz et al., "Hindsight experience replay" (2017), strategy `future`: a drawn transition gets, with
probability k / (k + 1), the goal that a later step of the same episode achieved, and the reward that this goal
gives. Relabelling happens when drawing, so that one stored step serves many goals.

Departures: an episode enters the buffer when it has ended; one that failed is left out whole.
"""

from __future__ import annotations

import numpy as np

from compactrl.buffers.replay import Experience, ReplayBuffer, Singles, pack
from compactrl.envs.goals import Goal
from compactrl.types import Integers, State, Transitions


class HindsightBuffer(ReplayBuffer):
    """Whole episodes, relabelled when drawn.

    Args:
        capacity: in transitions.
        observation: O, the desired goal at its end included.
        action: A.
        goal: what the environment's goals are.
        share: of drawn transitions that are relabelled, k / (k + 1).
        lanes: L.
    """

    def __init__(self, capacity: int, observation: int, action: int, goal: Goal, share: float, lanes: int) -> None:
        self._goal, self._share = goal, share
        super().__init__(capacity, observation, action)
        self._left: Integers = np.zeros(capacity, np.int64)  # steps of the episode that come after a row
        self._going: list[list[Singles]] = [[] for _ in range(lanes)]  # rows of the episodes that have not ended
        self._spoilt = np.zeros(lanes, bool)

    @property
    def _width(self) -> int:
        return super()._width + self._goal.size  # the goal that the step achieved

    def add(self, transitions: Transitions) -> None:
        """Keep transitions, of T steps in L lanes."""
        rows = np.concatenate([pack(transitions), transitions.achieved], axis=-1, dtype=np.float32)
        ended = transitions.terminated | transitions.truncated
        for step, lane in np.ndindex(*ended.shape):
            self._going[lane].append(rows[step, lane])
            self._spoilt[lane] |= not transitions.valid[step, lane]
            if ended[step, lane] or not transitions.valid[step, lane]:
                episode = self._going[lane]
                if not self._spoilt[lane]:
                    self._left[self._append(np.stack(episode))] = np.arange(len(episode))[::-1]
                self._going[lane], self._spoilt[lane] = [], False

    def sample(self, count: int, generator: np.random.Generator) -> Experience:
        """Draw transitions uniformly, with replacement, and relabel their share."""
        places = generator.integers(len(self), size=count)
        later = (places + generator.integers(self._left[places] + 1)) % self.capacity
        relabelled = generator.random(count) < self._share
        rows = self._rows[places]
        found = self._unpack(rows)
        goals = self._rows[later[relabelled], -self._goal.size :]
        found.observation[relabelled, -self._goal.size :] = goals
        found.next_observation[relabelled, -self._goal.size :] = goals
        found.reward[relabelled] = self._goal.reward(rows[relabelled, -self._goal.size :], goals)
        return found

    def state_dict(self) -> State:
        """Everything needed to continue bit for bit."""
        going = {str(lane): np.stack(rows) for lane, rows in enumerate(self._going) if rows}
        return {**super().state_dict(), "left": self._left[: len(self)], "going": going}

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned."""
        super().load_state_dict(state)
        self._left[: len(self)] = state["left"]
        for lane in range(len(self._going)):
            self._going[lane] = list(state["going"].get(str(lane), ()))
