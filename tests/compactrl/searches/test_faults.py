"""A fault of an environment's code ends a search, which then goes on once it is mended; odd episodes are warned of."""

import json
import re

import gymnasium
import numpy as np
import pytest

from compactrl.envs import register_batched
from compactrl.envs.batched import BATCHED, CheckedLanes
from compactrl.envs.toy_batched import PointMass
from compactrl.errors import FaultError
from compactrl.searches.api import resume, search, start

OPTIONS = {
    "method": "linear", "population": 4, "steps": 400, "selections": 1, "selection_episodes": 2, "threads": 1,
    "seed": 1, "checkpoint_seconds": 0,
}  # fmt: skip


class Tank:
    """Is to be kept half full; after so many steps its rewards have another shape, and it ends at a step of choice."""

    metadata = {}  # noqa: RUF012
    sound_steps = 10**9
    last_step = 10**9

    def __init__(self, num_lanes):
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (1,), np.float64)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float64)
        self.level, self.steps = np.zeros(num_lanes), np.zeros(num_lanes, int)

    def reset(self, lanes, seeds, tasks):  # noqa: ARG002
        self.level[lanes] = [np.random.default_rng(int(seed)).uniform() for seed in seeds]
        self.steps[lanes] = 0
        return self.level[lanes, None]

    def step(self, lanes, actions):
        type(self).sound_steps -= 1
        self.level[lanes] += 0.1 * actions[:, 0]
        self.steps[lanes] += 1
        reward = -np.square(self.level[lanes] - 0.5)
        if self.sound_steps < 0:
            reward = reward[:, None]
        return self.level[lanes, None], reward, self.steps[lanes] >= self.last_step


@pytest.fixture
def tank():
    register_batched("Tank-v0", Tank, max_episode_steps=10)
    yield "Tank-v0"
    del BATCHED["Tank-v0"], gymnasium.registry["Tank-v0"]
    Tank.sound_steps = Tank.last_step = 10**9


def lines(run):
    """What an iteration came to, without times."""
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    return [{name: value for name, value in row.items() if not name.startswith("seconds")} for row in rows]


def test_a_fault_ends_a_search_which_goes_on_once_it_is_mended(tank, tmp_path):
    search(tank, out=tmp_path / "whole", **OPTIONS)
    Tank.sound_steps = 44
    run = tmp_path / "run"
    with pytest.raises(FaultError) as caught:
        search(tank, out=run, **OPTIONS)
    assert re.fullmatch(
        r"the reward has shape \(\d, 1\), expected \(\d,\)\. "
        r"Put the environment right, then go on with: compactrl resume " + re.escape(str(run)),
        str(caught.value),
    )
    assert 0 < len(lines(run)) < len(lines(tmp_path / "whole"))
    Tank.sound_steps = 10**9
    resume(run)
    assert lines(run) == lines(tmp_path / "whole")


def test_measures_that_are_no_dictionary_are_a_fault():
    made = PointMass(2)
    made.step = lambda lanes, actions: (*PointMass.step(made, lanes, actions)[:3], None)
    lanes = CheckedLanes(made)
    lanes.reset(np.arange(2), np.arange(2), None)
    with pytest.raises(FaultError, match="step returned NoneType for its measures, expected a dictionary"):
        lanes.step(np.arange(2), np.zeros((2, 2)))


def test_leaders_of_tasks_whose_policies_do_not_ship_are_forgotten(tmp_path):
    """As checkpoints of earlier versions have them."""
    options = {"env": "compactrl/HiddenPointMass-v0", "method": "plain-tasks", "hidden": (4,), "steps": 400, "seed": 1}
    first, again = (start({**options, "threads": 1}, tmp_path / name) for name in ("first", "again"))
    shipped = first.learner.compression.shipped_design
    first.shipping.leaders.note(np.array([shipped, 1 - shipped]), np.array([1.0, 2.0]))
    again.load_state_dict(first.state_dict())
    assert not len(again.shipping.leaders.designs)
    first.shipping.leaders.clear()
    first.shipping.leaders.note(shipped[None], np.array([1.0]))
    again.load_state_dict(first.state_dict())
    assert again.shipping.leaders.designs.tolist() == [shipped.tolist()]


@pytest.mark.parametrize("method", ["linear", "ppo"])
@pytest.mark.parametrize(("last", "limit", "told"), [(1, 0, 1), (2, 0, 0), (1, 1, 0)])
def test_episodes_that_all_end_with_their_first_step_are_warned_of_once(
    tank, tmp_path, recwarn, method, last, limit, told
):
    Tank.last_step = last
    options = {**OPTIONS, "method": method, "max_episode_steps": limit, "steps": 60, "checkpoint_seconds": 60}
    if method == "ppo":
        del options["population"]
        options |= {"hidden": (4,), "num_envs": 4}
    search(tank, out=tmp_path / "run", **options)
    texts = [str(each.message) for each in recwarn]
    assert sum("every episode of Tank-v0 ends with its first step: look at what" in text for text in texts) == told
