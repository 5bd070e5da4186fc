"""The interface of critics: C networks that value actions, learn together, and have slowly following targets.

A learner calls them with an observation, an action and what they are told of the policy, each on its own: a critic may
be any network of the three. What differs between critics is their `Form`; parameters are one flat vector, whatever the
form, so that Adam, targets and checkpoints are the same for all.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Protocol, Self

import numpy as np
import torch
from torch import Tensor

from compactrl.errors import InputError
from compactrl.learners.critics.inputs import Inputs
from compactrl.machine.hardware import memory
from compactrl.networks.adam import Adam
from compactrl.networks.threads import in_shards
from compactrl.types import Floats, State

COPIES = 7
"""Vectors that learning holds of each critic at its peak, at 4 bytes a parameter: weights, targets, gradient, two
moments of Adam, and the first draw in double precision."""


class Critics(Protocol):
    """Value actions: Q(observation, action, what is told of the policy)."""

    def __call__(
        self, observation: Tensor, action: Tensor, told: Tensor, learn: bool = False, only: int | None = None
    ) -> Tensor:
        """Return the values (C, n · B).

        Args:
            observation: (n, B, O).
            action: (n, B, A) in -1 … 1.
            told: (n, F), of each of the n policies.
            learn: let gradients go to the critics' weights; else only to the action.
            only: of so many critics, the first ones; None for all. Not while they learn.
        """

    def targets(self, observation: Tensor, action: Tensor, told: Tensor) -> Tensor:
        """Return the targets' values (C, n · B)."""

    def descend(self, loss: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
        """Take a step down a loss; return its gradients with respect to other tensors."""

    def follow(self, rate: float) -> None:
        """Move the targets by this share of the way to the critics."""

    def state_dict(self) -> State:
        """Everything needed to continue bit for bit."""

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned."""


class Twins(Protocol):
    """C networks of one form on one vector."""

    def __call__(
        self, observation: Tensor, action: Tensor, told: Tensor, learn: bool, only: int | None = None
    ) -> Tensor:
        """Return the values (C, n · B); see `Critics`."""


class Form(ABC):
    """A critic as a function of a flat vector: a row of `CRITICS`."""

    @classmethod
    @abstractmethod
    def of(cls, inputs: Inputs, options: Any) -> Self:
        """Return the form for these inputs, with a learner's options."""

    @property
    @abstractmethod
    def num_parameters(self) -> int:
        """P, of one critic."""

    @abstractmethod
    def initial(self, generator: np.random.Generator) -> Floats:
        """Draw the first parameters of one critic, (P,)."""

    @abstractmethod
    def on(self, flat: Tensor, count: int) -> Twins:
        """Return C networks on a vector (C · P,); they follow when it is changed in place."""


class FlatCritics:
    """C independent critics of one form, on one vector, that learn together by Adam.

    Args:
        form: of each.
        count: C.
        learning_rate: of Adam.
        generator: draws the first weights.
        device: of their tensors.
    """

    def __init__(
        self,
        form: Form,
        count: int,
        learning_rate: float,
        generator: np.random.Generator,
        device: torch.device,
    ) -> None:
        check_memory(form, count, device)
        self.form, self.count = form, count
        weights = np.concatenate([form.initial(generator) for _ in range(count)])
        self._weights = torch.as_tensor(weights, dtype=torch.float32, device=device).requires_grad_()
        self._targets = self._weights.detach().clone()
        self._learning = form.on(self._weights, count)
        self._following = form.on(self._targets, count)
        self._adam = Adam(self._weights, learning_rate)

    def __call__(
        self, observation: Tensor, action: Tensor, told: Tensor, learn: bool = False, only: int | None = None
    ) -> Tensor:
        """Return the values (C, n · B); see `Critics`."""
        return self._learning(observation, action, told, learn, only)

    def targets(self, observation: Tensor, action: Tensor, told: Tensor) -> Tensor:
        """Return the targets' values (C, n · B)."""
        return self._following(observation, action, told, learn=False)

    def descend(self, loss: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
        """Take a step of Adam down a loss; return its gradients with respect to other tensors."""
        gradient, *gradients = torch.autograd.grad(loss, [self._weights, *others])
        self._adam.step(gradient)
        return tuple(gradients)

    def follow(self, rate: float) -> None:
        """Move the targets by this share of the way to the critics."""
        in_shards(lambda targets, weights: targets.lerp_(weights, rate), self._targets, self._weights.detach())

    def state_dict(self) -> State:
        """Everything needed to continue bit for bit."""
        return {
            "weights": self._weights.detach().cpu().numpy().copy(),
            "targets": self._targets.cpu().numpy().copy(),
            "adam": self._adam.state_dict(),
        }

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned."""
        self._weights.detach().copy_(torch.as_tensor(state["weights"]))
        self._targets.copy_(torch.as_tensor(state["targets"]))
        self._adam.load_state_dict(state["adam"])


def check_memory(form: Form, count: int, device: torch.device) -> None:
    """Check that C critics of a form can learn in the memory that is free.

    Raises:
        InputError: they cannot; a process that tries is killed without a word.
    """
    needed, free = form.num_parameters * count * COPIES * 4 / 2**20, memory().free * 1024
    if device.type == "cpu" and needed > free:
        raise InputError(
            f"{count} critics of {form.num_parameters:,} parameters take {needed:,.0f} MB of memory to learn, and "
            f"{free:,.0f} MB are free: give a smaller --critic-hidden or --critic-size, or another --critic"
        )
