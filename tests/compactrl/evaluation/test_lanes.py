"""A block of lanes: the commands that its engine gets."""

import numpy as np

from compactrl.envs.engines.base import Answer
from compactrl.evaluation.lanes import Block
from compactrl.evaluation.results import Results
from compactrl.policies.actions import ActionSpec
from compactrl.types import Layer, Normalizer, Stacked, Trials


class Scripted:
    """An engine whose answers follow a script: lane → episodes → rewards; NaN is a simulation that diverged."""

    def __init__(self, script):
        self.script, self.log = script, []
        self.episode, self.time = dict.fromkeys(script, -1), dict.fromkeys(script, 0)

    def send(self, lanes, actions, restart, tasks=None):  # noqa: ARG002
        self.log.append((lanes.tolist(), restart.tolist()))
        assert actions is None or np.isfinite(actions).all()
        self.command = (lanes, restart)

    def receive(self):
        lanes, restart = self.command
        reward, done = np.zeros(len(lanes)), np.zeros(len(lanes), bool)
        for position, lane in enumerate(lanes.tolist()):
            if restart[position]:
                self.episode[lane], self.time[lane] = self.episode[lane] + 1, 0
                continue
            rewards = self.script[lane][self.episode[lane]]
            reward[position] = rewards[self.time[lane]]
            self.time[lane] += 1
            done[position] = self.time[lane] == len(rewards)
        return Answer(np.zeros((len(lanes), 2)), reward, done, {})

    def close(self):
        pass


def test_a_failed_lane_restarts_at_the_next_command_while_the_others_step():
    engine = Scripted({0: [[1, np.nan, 1, 1], [2, 2]], 1: [[1, 1, 1, 1, 1]]})
    block = Block(engine, 0, 2, 2, ActionSpec("box", (-1.0,), (1.0,)))
    layers = (Layer(np.ones((3, 1, 2), np.float32), None),)
    results = Results.empty(3, 2)
    block.start(Trials(Stacked(layers), Normalizer(np.zeros(2), np.ones(2)), np.zeros((3, 0), np.int64)), results)
    while block.advance():
        pass
    outcomes = results.outcomes()
    np.testing.assert_array_equal(outcomes.returns, [np.nan, 5, 4])
    np.testing.assert_array_equal(outcomes.steps, [2, 5, 2])
    assert "reward is nan, where its observation is finite" in outcomes.failures[0]
    step, restart = False, True
    assert engine.log == [
        ([0, 1], [restart, restart]),
        ([0, 1], [step, step]),
        ([0, 1], [step, step]),
        ([0, 1], [restart, step]),
        ([0, 1], [step, step]),
        ([0, 1], [step, step]),
    ]
