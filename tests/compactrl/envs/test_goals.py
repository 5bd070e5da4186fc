"""Rewards of goals: what a search takes for them is what the environment pays."""

from dataclasses import replace

import gymnasium
import numpy as np
import pytest
from evaluating import make_trials, outcomes_of

from compactrl.buffers import HindsightBuffer
from compactrl.envs.engines import make_engine
from compactrl.envs.engines.base import reset_seed
from compactrl.envs.probe import success_in
from compactrl.envs.registry import describe
from compactrl.errors import CompactrlError, InputError
from compactrl.runs.run import Run
from compactrl.searches import api
from compactrl.searches.prepare import prepare
from compactrl.types import Transitions

NEAR = 0.5
THREE = gymnasium.spaces.Box(-10.0, 10.0, (3,), np.float64)


class Reach(gymnasium.Env):
    """A point goes where its actions say; pays 0 near its goal, -1 elsewhere. `style` is how it writes that down."""

    metadata = {"render_modes": []}  # noqa: RUF012
    space = THREE

    def __init__(self, style="vectorised", dense=False, says=None):
        self.style, self.dense, self.says = style, dense, says
        self.observation_space = gymnasium.spaces.Dict(
            {key: self.space for key in ("observation", "achieved_goal", "desired_goal")}
        )
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (3,), np.float64)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed, options=options)
        self.place, self.goal, self.steps = np.zeros(3), self.np_random.uniform(-0.6, 0.6, 3), 0
        return self.look(), {}

    def step(self, action):
        self.place, self.steps = self.place + 0.06 * np.asarray(action), self.steps + 1
        distance = np.linalg.norm(self.place - self.goal)
        reward = -distance if self.dense else -float(distance > NEAR)
        reward -= 0.1 * float(np.square(action).sum()) if self.style == "cost" else 0
        info = {"distance": distance}
        if self.says:
            info[self.says] = distance <= NEAR
        return self.look(), float(reward), False, False, info

    def compute_reward(self, achieved, desired, info):
        match self.style:
            case "no axis":
                distance = np.linalg.norm(achieved - desired)
            case "branches":
                distance = np.linalg.norm(achieved - desired, axis=-1)
                return 0.0 if distance <= NEAR else -1.0
            case "many only":
                distance = np.linalg.norm(achieved - desired, axis=1)
            case "info":
                distance = info["distance"]
            case "state":
                distance = np.linalg.norm(self.place - self.goal) + np.zeros(np.shape(achieved)[:-1])
            case "raises":
                raise RuntimeError("the simulator is gone")
            case _:
                distance = np.linalg.norm(achieved - desired, axis=-1)
        return -distance if self.dense else -np.asarray(distance > NEAR, np.float64)

    def look(self):
        return {"observation": self.place, "achieved_goal": self.place, "desired_goal": self.goal}


@pytest.fixture(autouse=True)
def _registered():
    gymnasium.register("Reach-v0", Reach, max_episode_steps=10, disable_env_checker=True)
    yield
    del gymnasium.registry["Reach-v0"]


def goal_of(**options):
    return describe("Reach-v0", kwargs=options).goal


GENERATOR = np.random.default_rng(0)
ACHIEVED, DESIRED = GENERATOR.uniform(-0.5, 0.5, (2, 40, 3))


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("style", ["vectorised", "no axis", "many only"])
def test_rewards_of_many_goals_are_those_of_each(style, dense):
    distance = np.linalg.norm(ACHIEVED - DESIRED, axis=-1)
    expected = -distance if dense else -(distance > NEAR).astype(float)
    goal = goal_of(style=style, dense=dense)
    np.testing.assert_allclose(goal.reward(ACHIEVED, DESIRED), expected)
    assert goal.reward(ACHIEVED.reshape(5, 8, 3), DESIRED.reshape(5, 8, 3)).shape == (5, 8)
    assert goal.reward(ACHIEVED[:0], DESIRED[:0]).shape == (0,)


def test_rewards_that_branch_on_a_number_are_those_of_each():
    expected = -(np.linalg.norm(ACHIEVED - DESIRED, axis=-1) > NEAR).astype(float)
    np.testing.assert_array_equal(goal_of(style="branches").reward(ACHIEVED, DESIRED), expected)
    np.testing.assert_array_equal(goal_of(style="branches").success(ACHIEVED, DESIRED), expected + 1)


@pytest.mark.parametrize(("style", "calls"), [("vectorised", 1), ("no axis", 40)])
def test_many_goals_are_one_call_where_that_will_do(style, calls, monkeypatch):
    counted, compute = [], Reach.compute_reward
    monkeypatch.setattr(Reach, "compute_reward", lambda *given: counted.append(0) or compute(*given))
    goal = goal_of(style=style)
    counted.clear()
    goal.reward(ACHIEVED, DESIRED)
    assert len(counted) == calls


@pytest.mark.parametrize("style", ["vectorised", "no axis"])
def test_hindsight_pays_what_the_environment_would(style):
    """A step that went to a place it is now said to have wanted is paid 0, and -1 elsewhere."""
    spec = describe("Reach-v0", kwargs={"style": style})
    buffer = HindsightBuffer(100, 6, 3, spec.goal, 1.0, 4)
    places = np.random.default_rng(1).uniform(-1, 1, (6, 4, 3))
    wanted = np.full((6, 4, 3), 9.0)
    seen = np.concatenate([places, wanted], axis=-1)
    ended = np.zeros((6, 4), bool)
    ended[-1] = True
    valid = np.ones((6, 4), bool)
    buffer.add(Transitions(seen, places, -np.ones((6, 4)), seen, ~valid, ended, valid, places))
    found = buffer.sample(300, np.random.default_rng(2))
    away = np.linalg.norm(found.next_observation[:, :3] - found.next_observation[:, 3:], axis=-1)
    np.testing.assert_array_equal(found.reward, -(away > NEAR).astype(float))
    assert 0 < (found.reward == 0).mean() < 1


REFUSED = {
    "info": r"Reach-v0: compute_reward needs the info of a step.*expected a function of the two goals alone",
    "cost": r"Reach-v0: a step paid -1.\d+ where compute_reward\(.*\) gives -1: expected the same",
    "raises": r"Reach-v0: in compute_reward, test_goals.py line \d+: RuntimeError: the simulator is gone: expected",
    "state": r"Reach-v0: compute_reward gives -1 for every pair of goals.*not of where the environment stands",
}


@pytest.mark.parametrize("style", REFUSED)
def test_hindsight_is_refused_where_rewards_of_other_goals_cannot_be_had(style):
    options = {"env": "Reach-v0", "env_options": {"style": style}, "method": "ddpg", "hidden": (4,), "steps": 2000}
    with pytest.raises(InputError, match=REFUSED[style] + r".*--hindsight 0"):
        prepare(options)
    assert prepare({**options, "hindsight": 0.0}).spec.goal.size == 3
    assert prepare({"env": "Reach-v0", "env_options": {"style": style}, "method": "linear"}).spec.goal.success is None


def test_rewards_of_the_state_are_refused_where_they_differ_too():
    assert "expected the same" in goal_of(style="state", dense=True).refusal


def test_an_environment_that_cannot_be_tried_is_refused(monkeypatch):
    def reset(*_, **__):
        raise OSError("no robot")

    monkeypatch.setattr(Reach, "reset", reset)
    assert "its rewards could not be tried: in reset, test_goals.py line" in goal_of().refusal


class Rooms(Reach):
    """Goals are whole numbers in a square."""

    space = gymnasium.spaces.Box(-9, 9, (2, 2), np.int64)

    def reset(self, *, seed=None, options=None):
        gymnasium.Env.reset(self, seed=seed, options=options)
        self.place, self.goal = np.zeros((2, 2), np.int64), self.np_random.integers(-2, 3, (2, 2))
        return self.look(), {}

    def step(self, action):
        self.place = self.place + np.rint(np.resize(action, (2, 2))).astype(np.int64)
        return self.look(), self.compute_reward(self.place, self.goal, {}), False, False, {}

    def compute_reward(self, achieved, desired, info):  # noqa: ARG002
        assert achieved.dtype == desired.dtype == np.int64
        assert achieved.shape[-2:] == (2, 2)
        return -np.abs(achieved - desired).sum(axis=(-2, -1)).astype(float)


def test_goals_keep_the_shape_and_the_type_that_they_have_in_the_environment():
    gymnasium.register("Rooms-v0", Rooms, max_episode_steps=10, disable_env_checker=True)
    goal = describe("Rooms-v0").goal
    del gymnasium.registry["Rooms-v0"]
    assert not goal.refusal
    assert goal.size == 4
    one = np.array([[1, 2, 3, 4], [0, 0, 0, 0]], np.float32)
    np.testing.assert_array_equal(goal.reward(one, np.zeros((2, 4), np.float32)), [-10, 0])


def outcomes(says, dense):
    spec = describe("Reach-v0", kwargs={"says": says, "dense": dense})
    return spec, outcomes_of(spec, 2, make_trials(spec, 60))


def at_goal():
    """Whether each of the same episodes ends near its goal, by a sparse reward."""
    sparse = describe("Reach-v0", kwargs={"dense": False})
    return outcomes_of(sparse, 2, make_trials(sparse, 60)).measures["success"]


@pytest.mark.parametrize("says", ["is_success", "success"])
@pytest.mark.parametrize("dense", [False, True])
def test_success_is_what_the_environment_says_at_the_end(says, dense):
    spec, found = outcomes(says, dense)
    assert spec.measures == ("success",)
    assert 0 < found.measures["success"].mean() < 1
    np.testing.assert_array_equal(found.measures["success"], at_goal())


def test_is_success_goes_before_success():
    assert success_in({"success": 0.0, "is_success": True}) == 1.0
    assert success_in({"success": np.array([1.0])}) == 1.0
    assert success_in({"success": "of a kind"}) is success_in({}) is success_in(None) is None


def test_there_is_no_success_where_nobody_knows():
    spec, found = outcomes(None, dense=True)
    assert spec.measures == ()
    assert found.measures == {}


class Stride(gymnasium.Env):
    """No goals; says at the steps that are asked for, the last of 6 or all, whether it got further than 0."""

    metadata = {"render_modes": []}  # noqa: RUF012
    observation_space = action_space = gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float64)

    def __init__(self, last=6, named=False, silent=()):
        self.last, self.silent = last, silent
        if named:
            self.metadata = {"render_modes": [], "measures": ["success"]}

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed, options=options)
        self.place, self.steps = 0.0, 0
        return self.np_random.uniform(-1, 1, 1), {}

    def step(self, action):
        self.place, self.steps = self.place + float(action[0]), self.steps + 1
        info = {"is_success": self.place > 0} if self.steps >= self.last and self.steps not in self.silent else {}
        return self.np_random.uniform(-1, 1, 1), self.place, False, self.steps == 15, info


@pytest.fixture
def stride():
    gymnasium.register("Stride-v0", Stride, max_episode_steps=20, disable_env_checker=True)
    yield "Stride-v0"
    del gymnasium.registry["Stride-v0"]


def test_success_is_measured_without_goals_too(stride):
    spec = describe(stride, kwargs={"named": True})
    assert (spec.goal, spec.measures) == (None, ("success",))
    found = outcomes_of(spec, 2, make_trials(spec, 12, scale=2.0)).measures["success"]
    assert set(found) == {0.0, 1.0}


def test_an_end_without_a_word_is_unknown_and_no_failure(stride):
    spec = replace(describe(stride, kwargs={"silent": (15,)}), measures=("success",))  # as if it had goals
    found = outcomes_of(spec, 2, make_trials(spec, 12))
    assert not found.failures
    assert np.isnan(found.measures["success"]).all()


def test_success_is_named_by_an_environment_without_goals_or_warned_of(stride):
    spec = describe(stride, kwargs={"last": 15})
    assert spec.measures == ()
    with pytest.warns(UserWarning, match="Stride-v0 has success in its info and does not name it") as told:
        outcomes_of(spec, 1, make_trials(spec, 3))
    assert len(told) == 1
    spec = describe(stride, kwargs={"last": 15, "named": True})
    assert spec.measures == ("success",)
    assert set(outcomes_of(spec, 2, make_trials(spec, 12, scale=2.0)).measures["success"]) == {0.0, 1.0}


def test_what_is_tried_changes_no_episode(stride):
    """What a search's environments do is what fresh ones do."""
    spec = describe(stride)
    engine = make_engine(spec, [5], 1)
    engine.send(np.zeros(1, int), None, np.ones(1, bool))
    observation = engine.receive().observation[0]
    fresh = gymnasium.make(stride).reset(seed=reset_seed(5, 1))[0]
    np.testing.assert_array_equal(observation, fresh)


LONG = {
    "env": "Reach-v0", "method": "ddpg", "hidden": (4,), "random_steps": 50, "batch_size": 8, "iteration_steps": 80,
    "critic_hidden": (4,), "selections": 1, "selection_episodes": 2, "threads": 1, "lanes": 4,
}  # fmt: skip


def test_episodes_longer_than_the_budget_are_refused():
    with pytest.raises(InputError, match=r"--steps 200: episodes have up to 201 steps.*smaller --max-episode-steps"):
        prepare({**LONG, "steps": 200, "max_episode_steps": 201})


def test_a_search_that_learned_nothing_says_so(tmp_path, monkeypatch):
    """Four environments share the steps, and no episode ends in any."""
    monkeypatch.setattr(api, "FINAL_EPISODES", 2)
    with pytest.raises(CompactrlError, match=r"nothing was learned: in 320 .* in the 4 parallel environments"):
        api.search(out=tmp_path / "run", **LONG, steps=320, max_episode_steps=200)
    assert not Run(tmp_path / "run").summary["finished"]
    assert api.resume(tmp_path / "run", steps=1300).summary["finished"]
    assert api.search(out=tmp_path / "short", **LONG, steps=320, max_episode_steps=20).summary["finished"]


def test_an_environment_that_ends_its_episodes_itself_needs_no_budget_for_the_limit_that_nobody_set(tmp_path):
    options = {**LONG, "env": "compactrl/BitFlip-v0", "steps": 400}
    search = api.start(options, tmp_path / "run")
    search.run(should_stop=lambda: search.iteration == 2)
    search.close()
    assert Run(tmp_path / "run").config["max_episode_steps"] == 1000
    api.reopen(tmp_path / "run").close()
