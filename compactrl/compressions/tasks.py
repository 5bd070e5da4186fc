"""Policies of many tasks, all of one shape: a design is the number of a task, theta and it give the task's network.

plain-tasks   the same network for every task (here)
context       the context beside the observation (`context_tasks.py`)
hyper         the context goes into a hypernetwork that writes the network (`hyper_tasks.py`)
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from compactrl.compressions.base import AnyOptions
from compactrl.compressions.multitask import MultiTask, MultiTaskOptions
from compactrl.compressions.plain import Plain, PlainOptions
from compactrl.compressions.trainable import layers_function
from compactrl.policies.skeleton import Skeleton
from compactrl.types import Design, Designs, Floats, Layers

if TYPE_CHECKING:
    from torch import Tensor

    from compactrl.networks.pullback import PerceptronPullback


class TaskOptions(MultiTaskOptions):
    """Options of policies of many tasks that have hidden layers of one kind."""

    activation: Literal["relu", "tanh"] = Field("relu", description="Activation of the hidden layers.")
    initialization: Literal["xavier", "orthogonal"] = Field(
        "xavier", description="First weights: Xavier uniform, or orthogonal with a small last layer."
    )


class OfTasks(MultiTask):
    """One theta for all tasks of a family; the design, (1,), is a task's number.

    Args:
        skeleton: of the network of one task, which sees the observation.
        options: with the tasks, see `MultiTaskOptions.completed`.

    Raises:
        ValueError: there are no tasks to train in.
    """

    Options: ClassVar[type[AnyOptions]] = TaskOptions
    options: TaskOptions

    def __init__(self, skeleton: Skeleton, options: TaskOptions) -> None:
        super().__init__(skeleton, options)
        self.base = Plain(skeleton, PlainOptions(activation=options.activation, initialization=options.initialization))
        """The network of one task."""
        self.skeleton = self.base.skeleton
        self.num_weights = self.base.num_weights
        self.shipped_design = np.array([self.shipped_task])

    @classmethod
    def skeleton_of(cls, sizes: tuple[int, ...], options: AnyOptions | None = None) -> Skeleton:  # noqa: ARG003
        """Return biases on every layer; the options say which activation."""
        return Skeleton.relu(sizes)

    @property
    def summary(self) -> str:
        """What is searched, in words."""
        return f"{'-'.join(map(str, self.sizes))} policies of {self.tasks_in_words}"

    @property
    def test_designs(self) -> Designs:
        """The designs of the tasks that test, (n, 1)."""
        return self.in_tests(np.array([self.shipped_task]))

    @abstractmethod
    def written(self, theta: Tensor, told: Tensor) -> Tensor:
        """Return the networks of theta (P,) that is told of n tasks (n, F): [W1 | b1 | W2 | b2 | …], (n, M).

        It is made of torch's own operations, which autograd can follow any number of times.
        """

    def of_contexts(self, theta: Any, contexts: Floats) -> list[Layers]:
        """Return the plain networks of theta (P,) for any contexts (n, C), in numpy and theta's type."""
        return self.of_told(theta, self.told(contexts))

    def of_told(self, theta: Any, told: Floats) -> list[Layers]:
        """Return the plain networks of theta (P,) that is told this of n tasks (n, F), in numpy and theta's type."""
        import torch

        from compactrl.networks.perceptrons import single_threaded_torch

        with torch.no_grad(), single_threaded_torch():
            numbers = torch.as_tensor(theta)
            # One at a time: the last bits of a product depend on how many rows it has.
            rows = [self.written(numbers, row[None])[0].numpy() for row in torch.as_tensor(told, dtype=numbers.dtype)]
        return [self.skeleton.layers_of_interleaved(row) for row in rows]

    def expand_each(self, theta: Any, designs: Designs) -> list[Layers]:
        """Return the networks of one theta (P,) and designs (n, D)."""
        self._check(theta, designs)
        if isinstance(theta, np.ndarray):
            return self.of_contexts(theta, self.tasks(designs))
        return [self.skeleton.layers_of_interleaved(numbers) for numbers in self._written_for(theta, designs)]

    def expand_pairs(self, theta: Tensor, designs: Designs) -> Layers:
        """Return the networks of torch thetas (n, P), each of its own design of (n, D), with a leading axis n."""
        import torch

        def one(own: Tensor, told: Tensor) -> Tensor:
            return self.written(own, told[None])[0]

        self.design_space.check(designs)
        told = theta.new_tensor(self.told_of(designs))
        return self.skeleton.layers_of_interleaved(torch.vmap(one)(theta, told))

    def network(self, theta: Tensor, designs: Designs) -> Callable[[Tensor], Tensor]:
        """Return the networks of a torch theta (P,) and designs (n, D) as one function that can be trained."""
        self._check(theta, designs)
        layers = self.skeleton.layers_of_interleaved(self._written_for(theta, designs))
        return layers_function(layers, self.skeleton.activation)

    def _written_for(self, theta: Tensor, designs: Designs) -> Tensor:
        return self.written(theta, theta.new_tensor(self.told_of(designs)))

    def _check(self, theta: Any, designs: Designs) -> None:
        if tuple(theta.shape) != (self.num_parameters,):
            raise ValueError(
                f"expected theta with shape ({self.num_parameters},) for {self.name}, got {tuple(theta.shape)}"
            )
        self.design_space.check(designs)

    def plain_of(self, design: Design) -> Plain:  # noqa: ARG002  (all tasks have one form)
        """Return the plain network of a task, as a compression of its own."""
        return Plain(self.skeleton, self.base.options)


class PlainTasks(OfTasks):
    """The same plain network for every task: what knows nothing of tasks can come to.

    Example:
        >>> options = TaskOptions().completed(Contexts(("v",), (0.0,), (3.0,), uniform, uniform), seed=0)
        >>> PlainTasks(Skeleton.relu((17, 64, 6)), options).summary
        '17-64-6 policies of 100 tasks, and 30 to test'
    """

    name = "plain-tasks"

    @property
    def num_parameters(self) -> int:
        """P, the length of theta."""
        return self.base.num_parameters

    def initial(self, generator: np.random.Generator) -> Floats:
        """Draw the first theta, (P,)."""
        return self.base.initial(generator)

    def written(self, theta: Tensor, told: Tensor) -> Tensor:
        """Return theta for each of n scaled contexts (n, C)."""
        return theta.expand(len(told), -1)

    def pullback(self, theta: Tensor, designs: Designs) -> PerceptronPullback:
        """Return the network of a torch theta (P,), which it follows, with its gradient."""
        return self.base.pullback(theta, designs)
