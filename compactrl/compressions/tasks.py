"""Policies of many tasks: a design is the number of a task, theta and design give the plain network of that task.

A table has the contexts of the tasks, those that train first, then those that test. It is among the options, and so in
a run's record, which fills it in from the environment's family of tasks and the seed. The network that ships for a
context sees the observation alone: whatever theta says of contexts is folded into its weights and biases, for tasks of
the table and for any other.

    plain-tasks   the same network for every task (here)
    context       the context beside the observation (`context_tasks.py`)
    hyper         the context goes into a hypernetwork that writes the network (`hyper_tasks.py`)

theta is told of contexts as they are scaled, -1 … 1 of the family's range.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from compactrl.compressions.base import AnyOptions, Compact, Compression, Described, Options
from compactrl.compressions.plain import Plain, PlainOptions
from compactrl.compressions.trainable import layers_function
from compactrl.policies.contexts import Contexts, scaled
from compactrl.policies.skeleton import Skeleton, interleaved
from compactrl.types import Design, Designs, Floats, Layers, Size
from controllers.base import Space

if TYPE_CHECKING:
    from torch import Tensor

    from compactrl.networks.pullback import PerceptronPullback

Rows = tuple[tuple[float, ...], ...]
"""Contexts, a row each."""
_RECORDED: dict[str, Any] = {"recorded_only": True}


class TaskOptions(Options):
    """Options of policies of many tasks; the contexts are filled in."""

    train_tasks: int = Field(100, ge=1, description="Tasks that are trained in; a family of fewer has just those.")
    test_tasks: int = Field(
        30, ge=0, description="Tasks that are tried at the end, and never trained in; a family of fewer has just those."
    )
    activation: Literal["relu", "tanh"] = Field("relu", description="Activation of the hidden layers.")
    initialization: Literal["xavier", "orthogonal"] = Field(
        "xavier", description="First weights: Xavier uniform, or orthogonal with a small last layer."
    )
    context_low: tuple[float, ...] = Field(
        (), description="Lowest contexts of the family of tasks.", json_schema_extra=_RECORDED
    )
    context_high: tuple[float, ...] = Field(
        (), description="Highest contexts of the family of tasks.", json_schema_extra=_RECORDED
    )
    train_contexts: Rows = Field((), description="Contexts of the tasks that train.", json_schema_extra=_RECORDED)
    test_contexts: Rows = Field((), description="Contexts of the tasks that test.", json_schema_extra=_RECORDED)

    def completed(self, contexts: Contexts | None, seed: int) -> Self:
        """Return the options with tasks drawn from a family, where they have none yet.

        Raises:
            ValueError: the environment has no tasks.
        """
        if self.train_contexts:
            return self
        if contexts is None:
            raise ValueError("this environment has no tasks")
        # One stream each: another number of training tasks leaves the test tasks as they are.
        streams = (np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(STREAM, part))) for part in range(2))
        train, test = (
            different(sampler(stream, count)) if count else ()
            for sampler, stream, count in zip(
                (contexts.train, contexts.test), streams, (self.train_tasks, self.test_tasks), strict=True
            )
        )
        known = {"context_low": contexts.low, "context_high": contexts.high}
        return self.model_copy(update={**known, "train_contexts": train, "test_contexts": test})


STREAM = 7_003
"""Of a run's seed, what tasks are drawn from."""


def different(contexts: Floats) -> Rows:
    """Return contexts (n, C) without those that come again, in their order.

    Example:
        >>> different(np.array([[1.0], [-1.0], [1.0]]))
        ((1.0,), (-1.0,))
    """
    return tuple(dict.fromkeys(tuple(map(float, row)) for row in contexts))


@dataclass(frozen=True)
class TaskFeatures:
    """What critics are told of tasks: their contexts, scaled."""

    scaled: Floats
    """(K, C) of all tasks."""

    def features(self, designs: Designs) -> Floats:
        """Return what is told of designs (n, D), whose last number is that of the task, (n, C)."""
        return self.scaled[designs[:, -1]]


class OfTasks(Compression):
    """One theta for all tasks of a family; the design, (1,), is a task's number.

    Args:
        skeleton: of the network of one task, which sees the observation.
        options: with the tasks, see `TaskOptions.completed`.

    Raises:
        ValueError: there are no tasks to train in.
    """

    container: ClassVar[str] = "mixed"
    Options: ClassVar[type[AnyOptions]] = TaskOptions
    options: TaskOptions

    def __init__(self, skeleton: Skeleton, options: TaskOptions) -> None:
        super().__init__(skeleton, options)
        if not options.train_contexts:
            raise ValueError(f"expected contexts of tasks to train in, which {self.name} policies are for: got none")
        self.base = Plain(skeleton, PlainOptions(activation=options.activation, initialization=options.initialization))
        """The network of one task."""
        self.skeleton = self.base.skeleton
        self.num_weights = self.base.num_weights
        self.contexts: Floats = np.array((*options.train_contexts, *options.test_contexts), float)  # (K, C)
        numbers = np.arange(len(self.contexts))[:, None]
        train = len(options.train_contexts)
        self.space = Space(length=1, choices=len(numbers), rows=numbers[:train])
        self.design_space = Space(length=1, choices=len(numbers), rows=numbers)
        self.shipped_design = np.array([nearest_to_middle(self.scaled(self.contexts[:train]))])

    @classmethod
    def skeleton_of(cls, sizes: tuple[int, ...], options: AnyOptions | None = None) -> Skeleton:  # noqa: ARG003
        """Return biases on every layer; the options say which activation."""
        return Skeleton.relu(sizes)

    @property
    def summary(self) -> str:
        """What is searched, in words."""
        train, all_of_them = len(self.options.train_contexts), len(self.contexts)
        return f"{'-'.join(map(str, self.sizes))} policies of {train} tasks, and {all_of_them - train} to test"

    def scaled(self, contexts: Floats) -> Floats:
        """Return contexts (n, C) as theta is told of them: -1 … 1 of the family's range."""
        return scaled(np.asarray(contexts, float), self.options.context_low, self.options.context_high)

    def tasks(self, designs: Designs) -> Floats:
        """Return the contexts (n, C) of designs (n, D)."""
        return self.contexts[designs[:, -1]]

    @property
    def told_size(self) -> int:
        """F, how many numbers theta is told of a task."""
        return int(self.contexts.shape[1])

    def told(self, contexts: Floats) -> Floats:
        """Return what theta is told of tasks with these contexts (n, C), (n, F)."""
        return self.scaled(contexts)

    @property
    def test_designs(self) -> Designs:
        """The designs of the tasks that test, (n, 1)."""
        return np.arange(len(self.options.train_contexts), len(self.contexts))[:, None]

    def for_tests(self, contexts: Floats) -> Self:
        """Return the same policies, whose test tasks are these contexts (n, C)."""
        given = tuple(tuple(map(float, row)) for row in contexts)
        return type(self)(self.skeleton, self.options.model_copy(update={"test_contexts": given}))

    @property
    def described(self) -> Described:
        """Tasks as critics are told of them."""
        return TaskFeatures(self.scaled(self.contexts))

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

    def expand(self, theta: Any, design: Any) -> Layers:
        """Return the network of one theta (P,) and one design (D,); `expand_each` takes several.

        Numpy in gives numpy out; a torch theta gives torch, differentiable in theta. The dtype is theta's.

        Raises:
            ValueError: a wrong length of theta or of the design, or a decision out of range.
        """
        decisions = np.asarray(design)
        if decisions.ndim != 1:
            raise ValueError(f"expected one design with shape ({self.design_space.length},), got {decisions.shape}")
        return self.expand_each(theta, decisions[None])[0]

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
        told = theta.new_tensor(self.told(self.tasks(designs)))
        return self.skeleton.layers_of_interleaved(torch.vmap(one)(theta, told))

    def network(self, theta: Tensor, designs: Designs) -> Callable[[Tensor], Tensor]:
        """Return the networks of a torch theta (P,) and designs (n, D) as one function that can be trained."""
        self._check(theta, designs)
        layers = self.skeleton.layers_of_interleaved(self._written_for(theta, designs))
        return layers_function(layers, self.skeleton.activation)

    def _written_for(self, theta: Tensor, designs: Designs) -> Tensor:
        return self.written(theta, theta.new_tensor(self.told(self.tasks(designs))))

    def _check(self, theta: Any, designs: Designs) -> None:
        if tuple(theta.shape) != (self.num_parameters,):
            raise ValueError(
                f"expected theta with shape ({self.num_parameters},) for {self.name}, got {tuple(theta.shape)}"
            )
        self.design_space.check(designs)

    def size(self, design: Design) -> Size:
        """Return the exact size of the network of a task, the same for all."""
        self.design_space.check(design[None])
        return self._size(self.num_weights, dictionary=0)

    def compact(self, theta: Floats, design: Design) -> Compact:
        """Return what ships of theta (P,) for this task (D,): a plain network."""
        settled, numbers = self.settle(theta, design)
        return settled.compact(numbers, np.zeros(0, np.int64))

    def settle(self, theta: Floats, design: Design) -> tuple[Compression, Floats]:
        """Freeze a task (D,): its plain network, which is trained in that task alone from here on."""
        (layers,) = self.expand_each(theta, design[None])
        settled = Plain(self.skeleton, self.base.options)
        settled.task = self.task_of(design)
        return settled, interleaved(layers)


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


def nearest_to_middle(told: Floats) -> int:
    """Return which of scaled contexts (n, C) is nearest to the middle of their range, the first of equals."""
    return int(np.argmin(np.square(told).sum(axis=1)))
