"""Compressions for all tasks of a family: the last number of a design is the number of a task.

A table has the contexts of the tasks, those that train first, then those that test. It is among the options, and so in
a run's record, which fills it in from the environment's family of tasks and the seed. The network that ships for a
context sees the observation alone: whatever theta says of contexts is folded into its weights and biases, for tasks of
the table and for any other.

    tasks.py            one network for each task, all of one shape
    hypernet_tasks.py   a network for each architecture and each task

theta is told of contexts as they are scaled, -1 … 1 of the family's range.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from pydantic import Field

from compactrl.compressions.base import AnyOptions, Described, Options
from compactrl.compressions.per_design import PerDesign
from compactrl.policies.contexts import Contexts, scaled
from compactrl.policies.skeleton import Skeleton
from compactrl.types import Design, Designs, Floats
from controllers.base import Space

Rows = tuple[tuple[float, ...], ...]
"""Contexts, a row each."""
_RECORDED: dict[str, Any] = {"recorded_only": True}


class MultiTaskOptions(Options):
    """Options of policies of many tasks; the contexts are filled in."""

    train_tasks: int = Field(100, ge=1, description="Tasks that are trained in; a family of fewer has just those.")
    test_tasks: int = Field(
        30, ge=0, description="Tasks that are tried at the end, and never trained in; a family of fewer has just those."
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
            InputError: a sampler of its draws none of its range.
        """
        if self.train_contexts:
            return self
        if contexts is None:
            raise ValueError("this environment has no tasks")
        # One stream each: another number of training tasks leaves the test tasks as they are.
        streams = [np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(STREAM, part))) for part in range(2)]
        train = different(contexts.drawn("train", streams[0], self.train_tasks))
        test = different(contexts.drawn("test", streams[1], self.test_tasks)) if self.test_tasks else ()
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
    """What critics are told of tasks: their contexts, scaled, after what they are told of the rest of a design."""

    scaled: Floats
    """(K, C) of all tasks."""
    others: Described | None = None
    """Of the decisions before the task's; None where there are none."""

    def features(self, designs: Designs) -> Floats:
        """Return what is told of designs (n, D), whose last number is that of the task, (n, F)."""
        told = self.scaled[designs[:, -1]]
        return told if self.others is None else np.column_stack([self.others.features(designs[:, :-1]), told])


class MultiTask(PerDesign):
    """One theta for all tasks of a family; a design (D,) ends with a task's number.

    Beside another base that has decisions of its own, these come first.

    Args:
        skeleton: see `Compression`.
        options: with the tasks, see `MultiTaskOptions.completed`.

    Raises:
        ValueError: there are no tasks to train in.
    """

    Options: ClassVar[type[AnyOptions]] = MultiTaskOptions
    options: MultiTaskOptions

    def __init__(self, skeleton: Skeleton, options: MultiTaskOptions) -> None:
        super().__init__(skeleton, options)
        if not options.train_contexts:
            raise ValueError(f"expected contexts of tasks to train in, which {self.name} policies are for: got none")
        self.contexts: Floats = np.array((*options.train_contexts, *options.test_contexts), float)  # (K, C)
        numbers = np.arange(len(self.contexts))[:, None]
        train = len(options.train_contexts)
        tasks = Space(length=1, choices=len(numbers), rows=numbers[:train])
        self.space = Space.product(self.space, tasks)
        self.design_space = Space.product(self.design_space, Space(length=1, choices=len(numbers), rows=numbers))
        self.shipped_task = nearest_to_middle(self.scaled(self.contexts[:train]))
        """The number of the task that ships: of those that train, the nearest to the middle of the family's range."""

    @property
    def tasks_in_words(self) -> str:
        """How many tasks there are."""
        train = len(self.options.train_contexts)
        return f"{train} tasks, and {len(self.contexts) - train} to test"

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

    def told_of(self, designs: Designs) -> Floats:
        """Return what theta is told of the tasks of designs (n, D), (n, F)."""
        return self.told(self.tasks(designs))

    def in_tasks(self, design: Design, numbers: Any) -> Designs:
        """Return a design (D,) in each of the tasks with these numbers (n,), (n, D)."""
        return np.column_stack([np.tile(design[:-1], (len(numbers), 1)), numbers])

    def in_tests(self, design: Design) -> Designs:
        """Return a design (D,) in each of the tasks that test, (n, D)."""
        return self.in_tasks(design, np.arange(len(self.options.train_contexts), len(self.contexts)))

    def for_tests(self, contexts: Floats) -> Self:
        """Return the same policies, whose test tasks are these contexts (n, C)."""
        given = tuple(tuple(map(float, row)) for row in contexts)
        return type(self)(self.skeleton, self.options.model_copy(update={"test_contexts": given}))

    def as_shipped(self, designs: Designs) -> Designs:
        """Return designs (n, D) in the task that ships: returns of different tasks are not to be compared."""
        return np.column_stack([designs[:, :-1], np.full(len(designs), self.shipped_task)])

    @property
    def described(self) -> Described:
        """Designs as critics are told of them."""
        return TaskFeatures(self.scaled(self.contexts), super().described)


def nearest_to_middle(told: Floats) -> int:
    """Return which of scaled contexts (n, C) is nearest to the middle of their range, the first of equals."""
    return int(np.argmin(np.square(told).sum(axis=1)))
