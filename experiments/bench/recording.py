"""What lanes did: the commands that an engine was given, and the episodes that came of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compactrl.envs.engines.base import Answer, Engine
from compactrl.evaluation.local import LocalEvaluator
from compactrl.types import Floats, Integers, Outcomes, Trials

Command = tuple[Integers, NDArray[Any] | None, NDArray[np.bool_]]


@dataclass
class Episode:
    """One episode of one lane."""

    observations: list[Floats]
    """T + 1 of (O,), the start first."""
    actions: list[Floats] = field(default_factory=list)
    """T of (A,)."""


class RecordingEngine:
    """Hands everything on to an engine, and keeps it.

    Args:
        engine: does the work.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.commands: list[Command] = []
        self.answers: list[Answer] = []

    def send(
        self, lanes: Integers, actions: NDArray[Any] | None, restart: NDArray[np.bool_], tasks: Floats | None = None
    ) -> None:
        """See `Engine`."""
        # Copies: a block goes on to use these arrays.
        self.commands.append((lanes.copy(), None if actions is None else actions.copy(), restart.copy()))
        self.engine.send(lanes, actions, restart, tasks)

    def receive(self) -> Answer:
        """See `Engine`."""
        answer = self.engine.receive()
        self.answers.append(answer)
        return answer

    def close(self) -> None:
        """See `Engine`."""
        self.engine.close()

    def episodes(self) -> list[Episode]:
        """Return all episodes, in the order in which they began."""
        episodes: list[Episode] = []
        current: dict[int, Episode] = {}
        for (lanes, actions, restart), answer in zip(self.commands, self.answers, strict=True):
            for position, lane in enumerate(lanes.tolist()):
                if restart[position]:
                    current[lane] = Episode([answer.observation[position]])
                    episodes.append(current[lane])
                elif actions is not None:
                    current[lane].actions.append(actions[position])
                    current[lane].observations.append(answer.observation[position])
        return episodes


def record(evaluator: LocalEvaluator, trials: Trials) -> tuple[Outcomes, list[RecordingEngine]]:
    """Evaluate once and return the outcomes and each block's recording."""
    recorders = []
    for block in evaluator._blocks:
        block.engine = RecordingEngine(block.engine)
        recorders.append(block.engine)
    return evaluator.evaluate(trials), recorders


def repeat_commands(engines: list[Engine], commands: list[list[Command]]) -> None:
    """Give engines the recorded commands again, each from a thread of its own, as an evaluator's blocks do."""
    with ThreadPoolExecutor(len(engines)) as drivers:
        list(drivers.map(_repeat, engines, commands))


def _repeat(engine: Engine, commands: list[Command]) -> None:
    for command in commands:
        engine.send(*command)
        engine.receive()
