"""Hindsight experience replay: some drawn transitions get a goal that their episode reached later.

Andrychowicz et al., "Hindsight experience replay" (2017), strategy `future`: with probability k / (k + 1) a drawn
transition gets the goal that a later step of the same episode achieved, and the reward of this goal. Transitions are
relabelled when they are drawn, so that one stored step serves many goals.

Departures: an episode enters the buffer when it has ended; one with a failed step is left out as a whole.
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
        self._left: Integers = np.zeros(capacity, np.int64)  # steps of the episode after each row
        self._unfinished: list[list[Singles]] = [[] for _ in range(lanes)]  # rows of each lane's current episode
        self._failed = np.zeros(lanes, bool)

    @property
    def _width(self) -> int:
        return super()._width + self._goal.size  # the achieved goal

    def add(self, transitions: Transitions) -> None:
        """Keep transitions, of T steps in L lanes."""
        rows = np.concatenate([pack(transitions), transitions.achieved], axis=-1, dtype=np.float32)
        ended = transitions.terminated | transitions.truncated
        begun = np.zeros_like(ended) if transitions.begun is None else transitions.begun
        for step, lane in np.ndindex(*ended.shape):
            if begun[step, lane]:
                self._close(lane)  # the one before has been cut since its last step
            self._unfinished[lane].append(rows[step, lane])
            self._failed[lane] |= not transitions.valid[step, lane]
            if ended[step, lane] or not transitions.valid[step, lane]:
                self._close(lane)

    def _close(self, lane: int) -> None:
        """Take in the episode of a lane, which has ended."""
        episode = self._unfinished[lane]
        if episode and not self._failed[lane]:
            self._left[self._append(np.stack(episode))] = np.arange(len(episode))[::-1]
        self._unfinished[lane], self._failed[lane] = [], False

    def sample(self, count: int, generator: np.random.Generator) -> Experience:
        """Draw transitions uniformly, with replacement, and relabel a share of them."""
        places = generator.integers(len(self), size=count)
        later = (places + generator.integers(self._left[places] + 1)) % self.capacity
        relabelled = generator.random(count) < self._share
        rows = self._rows[places]
        experience = self._unpack(rows)
        goals = self._rows[later[relabelled], -self._goal.size :]
        experience.observation[relabelled, -self._goal.size :] = goals
        experience.next_observation[relabelled, -self._goal.size :] = goals
        experience.reward[relabelled] = self._goal.reward(rows[relabelled, -self._goal.size :], goals)
        return experience

    def state_dict(self) -> State:
        """Everything needed to continue bit for bit."""
        unfinished = {str(lane): np.stack(rows) for lane, rows in enumerate(self._unfinished) if rows}
        return {**super().state_dict(), "left": self._left[: len(self)], "going": unfinished}

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned."""
        super().load_state_dict(state)
        self._left[: len(self)] = state["left"]
        for lane in range(len(self._unfinished)):
            self._unfinished[lane] = list(state["going"].get(str(lane), ()))
