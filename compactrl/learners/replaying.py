"""Base of learners from a replay buffer: how an iteration is divided into steps and updates, and the checkpoint."""

from __future__ import annotations

import warnings

from compactrl.buffers import ReplayBuffer
from compactrl.learners.gradient import GradientLearner
from compactrl.learners.options import ReplayOptions
from compactrl.networks.adam import Adam
from compactrl.types import Metrics, State


class ReplayLearner(GradientLearner):
    """Makes `updates_per_step` updates for each step from a replay buffer.

    The designs that act change less often than those that learn: a policy that acts for a few steps only never sees
    where it gets by itself.

    Args:
        context: see `GradientLearner`.
    """

    options: ReplayOptions
    _optimizer: Adam

    def _new_optimizer(self) -> Adam:
        return Adam(self._theta, self.options.actor_learning_rate, self.options.weight_decay)

    def _anneal(self, progress: float) -> Metrics:
        """Set the learning rate of theta for this share of the budget that is spent; return it as a metric."""
        options = self.options
        self._optimizer.rate = options.actor_learning_rate * (1 - progress * (1 - options.actor_learning_rate_decay))
        return {"actor_learning_rate": self._optimizer.rate}

    @property
    def _steps_per_part(self) -> int:
        """Steps in every lane that the updates of one part are for."""
        options = self.options
        resample = self.batch.resample_updates / options.updates_per_step or options.iteration_steps
        return max(1, round(resample / self.lanes))

    @property
    def num_parts(self) -> int:
        """How many groups of n designs learn in an iteration."""
        return max(1, round(self.options.iteration_steps / (self._steps_per_part * self.lanes)))

    @property
    def num_steps(self) -> int:
        """T, steps in every lane in an iteration."""
        return self.num_parts * self._steps_per_part

    @property
    def updates_per_part(self) -> int:
        """Updates with the same n designs."""
        return max(1, round(self._steps_per_part * self.lanes * self.options.updates_per_step))

    def _saved_buffer(self, buffer: ReplayBuffer) -> State | None:
        return buffer.state_dict() if self.options.save_replay else None

    @staticmethod
    def _restore_buffer(buffer: ReplayBuffer, state: State | None) -> None:
        if state is not None:
            buffer.load_state_dict(state)
            return
        warnings.warn(
            "the replay buffer was not saved (--no-save-replay): the search goes on with an empty one, and differs "
            "from one that was not interrupted",
            stacklevel=2,
        )
