"""Environments of which there are few: with --num-envs N, no more than N of them exist at any time."""

import gymnasium
import numpy as np
import pytest

from compactrl.catalogs.catalog import open_catalog
from compactrl.catalogs.evaluation import evaluate_all
from compactrl.errors import InputError
from compactrl.exports.rollouts import Starts, roll_out
from compactrl.runs.run import Run
from compactrl.searches import api

TINY = {"hidden": (4,), "threads": 1, "selections": 2, "selection_episodes": 4, "checkpoint_seconds": 0.0}
EVOLVED = {**TINY, "method": "chromatic", "partitions": 3, "population": 8, "steps": 1000}
GRADIENTS = {
    **TINY, "method": "td3", "steps": 400, "random_steps": 60, "batch_size": 16, "replay_size": 1000,
    "critic_hidden": (4,), "iteration_steps": 50,
}  # fmt: skip


class Bridge(gymnasium.Env):
    """The only way to a robot: it can be opened so many times, and is open until it is closed."""

    metadata = {"render_modes": []}  # noqa: RUF012
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float64)
    there_are = 1
    opened = 0
    most = made = steps = 0

    def __init__(self, goals=False):
        if Bridge.opened == Bridge.there_are:
            raise OSError("the port is taken")
        Bridge.opened, Bridge.made = Bridge.opened + 1, Bridge.made + 1
        Bridge.most = max(Bridge.most, Bridge.opened)
        self.goals, self.count = goals, 0
        box = gymnasium.spaces.Box(-np.inf, np.inf, (2,), np.float64)
        keys = ("observation", "achieved_goal", "desired_goal")
        self.observation_space = gymnasium.spaces.Dict(dict.fromkeys(keys, box)) if goals else box

    def reset(self, *, seed=None, options=None):  # noqa: ARG002
        super().reset(seed=seed)
        self.place, self.goal, self.count = self.np_random.uniform(-1, 1, 2), self.np_random.uniform(-1, 1, 2), 0
        return self.look(), {}

    def step(self, action):
        Bridge.steps += 1
        self.count += 1
        self.place = self.place + 0.1 * np.asarray(action)
        reward = float(self.compute_reward(self.place, self.goal if self.goals else np.zeros(2), {}))
        return self.look(), reward, False, self.count >= 10, {}

    def compute_reward(self, achieved, desired, info):  # noqa: ARG002
        return -(np.abs(np.asarray(achieved) - np.asarray(desired)).max(axis=-1) > 0.3).astype(float)

    def look(self):
        seen = {"observation": self.place, "achieved_goal": self.place, "desired_goal": self.goal}
        return {name: value.copy() for name, value in seen.items()} if self.goals else self.place.copy()

    def close(self):
        Bridge.opened -= 1


@pytest.fixture
def bridge(monkeypatch):
    monkeypatch.setattr("os.fsync", lambda _: None)
    Bridge.there_are, Bridge.opened, Bridge.most, Bridge.made, Bridge.steps = 1, 0, 0, 0, 0
    gymnasium.register("Bridge-v0", Bridge, max_episode_steps=10)
    yield "Bridge-v0"
    del gymnasium.registry["Bridge-v0"]


@pytest.mark.parametrize(("options", "goals"), [(EVOLVED, False), (GRADIENTS, False), (GRADIENTS, True)])
def test_one_lane_is_one_environment_from_its_description_to_the_final_evaluation(bridge, tmp_path, options, goals):
    options = {**options, "env": bridge, "env_options": {"goals": goals}, "num_envs": 1}
    search = api.start(options, tmp_path / "run")
    assert search.environments == 1
    run = api.finish(search)
    assert run.summary["finished"]
    assert (Bridge.most, Bridge.opened) == (1, 0)
    assert run.config["max_envs"] == 1

    again = run.evaluate_for_summary(100)  # as the final evaluation was
    assert again.mean_return == run.summary["return_mean"]
    assert (Bridge.most, Bridge.opened) == (1, 0)


@pytest.mark.parametrize("lanes", [{}, {"num_envs": 4}], ids=str)
def test_the_options_that_a_run_has_recorded_give_the_same_again(bridge, tmp_path, lanes):
    Bridge.there_are = 200
    run = api.finish(api.start({**EVOLVED, "env": bridge, **lanes}, tmp_path / "run"))
    again = api.finish(api.start(run.config, tmp_path / "again"))
    assert again.config == run.config
    assert [each["return_mean"] for each in again.metrics] == [each["return_mean"] for each in run.metrics]


def test_the_most_environments_follow_from_their_number(bridge, tmp_path):
    with pytest.raises(InputError, match=r"^--num-envs abc: expected a whole number, at least 0, such as [^;]*$"):
        api.start({**EVOLVED, "env": bridge, "num_envs": "abc"}, tmp_path / "run")
    with pytest.raises(InputError, match="max_envs=3 follows from num_envs"):
        api.start({**EVOLVED, "env": bridge, "max_envs": 3}, tmp_path / "run")


@pytest.mark.parametrize("options", [EVOLVED, GRADIENTS])
def test_a_search_with_one_environment_resumes_bit_for_bit(bridge, tmp_path, options):
    options = {**options, "env": bridge, "num_envs": 1}
    whole = api.finish(api.start(options, tmp_path / "whole"))
    seen = []
    search = api.start(options, tmp_path / "pieces")
    api.finish(search, lambda record, _: seen.append(record), lambda: len(seen) >= 3)
    pieces = api.resume(tmp_path / "pieces")
    assert Bridge.most == 1
    for key in ("return_mean", "return_std", "env_steps"):
        assert pieces.summary[key] == whole.summary[key]
    assert [each["return_mean"] for each in pieces.metrics] == [each["return_mean"] for each in whole.metrics]


def test_describing_takes_no_step_where_there_are_no_goals(bridge, tmp_path):
    api.start({**EVOLVED, "env": bridge, "num_envs": 1}, tmp_path / "run").close()
    assert (Bridge.steps, Bridge.opened, Bridge.made) == (0, 0, 2)


def test_without_a_number_it_is_said_how_many_environments_there_can_be(bridge, tmp_path):
    Bridge.there_are = 3
    with pytest.raises(
        api.CompactrlError,
        match=r"environment 4 of 8 cannot be made: in __init__, .* OSError: the port is taken.*--num-envs 3",
    ):
        api.start({**EVOLVED, "env": bridge}, tmp_path / "run")
    assert Bridge.opened == 0


def test_every_architecture_is_evaluated_in_the_environments_there_are(bridge, tmp_path):
    Bridge.there_are = 2
    options = {
        **GRADIENTS, "env": bridge, "method": "ghp", "learner": "sac", "num_envs": 2, "meta_batch": 2, "widths": "2,4",
        "max_layers": 2,
    }  # fmt: skip
    options.pop("hidden")
    run = api.finish(api.start(options, tmp_path / "run"))
    catalog = open_catalog(run)
    rows = evaluate_all(catalog, 3)
    assert len(rows) == len(catalog.architectures)
    one = evaluate_all(catalog, 3, num_envs=1)
    assert [row["widths"] for row in one] == [row["widths"] for row in rows]
    assert (Bridge.most, Bridge.opened) == (2, 0)


def test_fewer_lanes_may_be_given_to_an_evaluation(bridge, tmp_path):
    Bridge.there_are = 200
    run = api.finish(api.start({**EVOLVED, "env": bridge}, tmp_path / "run"))
    assert Bridge.most == 100
    Bridge.there_are = 1
    assert Run(run.path).evaluate(5, num_envs=1).episodes == 5


def test_rollouts_take_turns_where_there_are_few_environments(bridge):
    from dataclasses import replace

    from compactrl.envs.registry import describe

    spec, seed = describe(bridge), np.random.SeedSequence(3)
    Bridge.there_are = 5
    wanted = roll_out(Starts(spec, seed), lambda seen: -seen, 5)
    Bridge.there_are = 2
    found = roll_out(Starts(replace(spec, environments=2), seed), lambda seen: -seen, 5)
    np.testing.assert_array_equal(found.returns, wanted.returns)
    assert found.observations.shape == wanted.observations.shape
