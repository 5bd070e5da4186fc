"""What an engine is: it steps a block of environments, each with its own seed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from compactrl.types import Floats, Integers


class Answer(NamedTuple):
    """What an engine's lanes answered to the last command, in the order they were commanded."""

    observation: Floats
    """(n, O)"""
    reward: NDArray[Any]
    """(n,), meaningless after a reset."""
    done: NDArray[np.bool_]
    """(n,) the episode has ended, by termination or truncation."""
    errors: dict[int, str]
    """Position → what the environment raised."""
    terminated: NDArray[np.bool_] | None = None
    """(n,) the episode has ended other than by its limit of steps; who only wants returns need not know."""
    achieved: Floats | None = None
    """(n, G) the goals achieved, in environments with goals."""
    measures: Mapping[str, Floats] = {}
    """Name → (n,) the environment's own measures, of episodes that have ended; anything where they have not."""

    @classmethod
    def blank(cls, count: int, size: int, measures: Iterable[str]) -> Answer:
        """Return an answer of n lanes that is still to be filled in: zeros, and NaN for the measures so named."""
        return cls(
            observation=np.zeros((count, size)),
            reward=np.zeros(count),
            done=np.zeros(count, bool),
            errors={},
            terminated=np.zeros(count, bool),
            measures={name: np.full(count, np.nan) for name in measures},
        )

    def put(self, rows: Integers, some: Answer) -> None:
        """Fill in what some of the lanes, at these rows (n,), answered: all but goals."""
        self.observation[rows], self.reward[rows], self.done[rows] = some.observation, some.reward, some.done
        if self.terminated is not None:
            self.terminated[rows] = some.terminated
        for name, values in some.measures.items():
            self.measures[name][rows] = values
        self.errors.update({int(rows[position]): reason for position, reason in some.errors.items()})


class Engine(Protocol):
    """A block of environments, each with its own seed; a command is sent, then its answer received."""

    def send(
        self, lanes: Integers, actions: NDArray[Any] | None, restart: NDArray[np.bool_], tasks: Floats | None = None
    ) -> None:
        """Command lanes (n,): those marked in restart (n,) begin a new episode, the others take their action.

        An episode that begins gets its lane's row of tasks (n, C), where there are tasks.

        Raises:
            InputError: there are tasks, and the environments take none.
        """

    def receive(self) -> Answer:
        """Wait for the answer to the last command."""

    def close(self) -> None:
        """Give the environments back."""


class Lending(Protocol):
    """An engine that can hand lanes over to another one of its kind, and carries out nothing before it is asked to."""

    def lend(self, lanes: Integers) -> Any:
        """Return all that lanes (n,) are; they are not stepped again before they begin anew."""

    def borrow(self, lanes: Integers, lent: Any) -> None:
        """Make of lanes (n,) what another engine has lent."""


def lends(engine: Engine) -> bool:
    """Return whether an engine is a `Lending` one."""
    return hasattr(engine, "lend")


Command = tuple[Integers, NDArray[Any] | None, NDArray[np.bool_], Floats | None]
"""What `Engine.send` takes: lanes (n,), their actions, who begins anew (n,), tasks."""


class DeferredEngine(ABC):
    """An engine of this process: a command waits until its answer is asked for, and is carried out then."""

    _command: Command | None = None

    def send(
        self, lanes: Integers, actions: NDArray[Any] | None, restart: NDArray[np.bool_], tasks: Floats | None = None
    ) -> None:
        """See `Engine`."""
        self._command = (lanes, actions, restart, tasks)

    def receive(self) -> Answer:
        """See `Engine`."""
        if self._command is None:
            raise RuntimeError("receive was called before send")
        command, self._command = self._command, None
        return self._answer(*command)

    @abstractmethod
    def _answer(
        self, lanes: Integers, actions: NDArray[Any] | None, restart: NDArray[np.bool_], tasks: Floats | None
    ) -> Answer:
        """Carry a command out."""

    @abstractmethod
    def close(self) -> None:
        """See `Engine`."""


def reset_seed(lane: int, resets: int) -> int:
    """Return the seed, 31 bits, of a lane's reset with this number.

    For engines that seed every reset, by the lane's seed and its count of resets. An environment that draws random
    numbers in its steps is then still where it should be after a fast-forward, however many steps its episodes had.
    """
    return int(np.random.SeedSequence((lane, resets)).generate_state(1)[0] >> 1)
