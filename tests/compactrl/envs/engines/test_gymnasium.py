"""The Gymnasium engine: what it gives to an environment, and takes from it."""

import random

import gymnasium
import numpy as np
import pytest
from evaluating import evaluator, make_trials, outcomes_of, seeds_of

from compactrl.envs.engines import make_engine
from compactrl.envs.engines.gymnasium import make_gymnasium
from compactrl.envs.registry import describe
from compactrl.errors import InputError
from compactrl.networks.batched import BatchedMLP, normalize_into
from compactrl.policies.distributions import Deterministic
from compactrl.searches.api import search
from compactrl.types import Exploration


class Errand(gymnasium.Env):
    """Walks as its actions say from where its task says; reports how far it got, and how often it turned back."""

    metadata = {"render_modes": [], "measures": ["far", "turns"]}  # noqa: RUF012
    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (2,), np.float64)
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float64)

    def __init__(self, silent=False):
        self.silent = silent

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place = self.start = float(options["task"].sum()) if options else 0.0
        self.last, self.turns, self.steps = 0.0, 0, 0
        return np.array([self.place, self.np_random.uniform()]), {}

    def step(self, action):
        self.turns += int(self.last * action[0] < 0)
        self.last, self.place, self.steps = float(action[0]), self.place + float(action[0]), self.steps + 1
        ended = self.steps == 8
        info = {"far": abs(self.place - self.start), "turns": self.turns} if ended and not self.silent else {}
        return np.array([self.place, self.np_random.uniform()]), -abs(self.place), ended, False, info


@pytest.fixture
def errand():
    gymnasium.register("Errand-v0", Errand)
    yield "Errand-v0"
    del gymnasium.registry["Errand-v0"]


def test_gymnasium_environments_get_actions_of_their_own_type():
    made = make_gymnasium("Pendulum-v1", {})
    spec = describe("Pendulum-v1", "gymnasium")
    assert spec.engine == "gymnasium"
    assert made.action_space.dtype == np.float32
    assert not outcomes_of(spec, 2, make_trials(spec, 2)).failures


@pytest.mark.parametrize("tasks", [False, True])
def test_measures_and_tasks_are_those_of_an_environment_by_itself(errand, tasks):
    spec = describe(errand)
    assert spec.measures == ("far", "turns")
    trials = make_trials(spec, 11)
    given = np.random.default_rng(0).normal(size=(11, 3)) if tasks else None
    found = outcomes_of(spec, 4, trials._replace(tasks=given), blocks=2)
    engine = make_engine(spec, seeds_of(4), 1)
    for trial in range(11):
        network = BatchedMLP(trials.networks, np.array([trial]))
        lane, restart, done = np.array([trial % 4]), np.ones(1, bool), False
        engine.send(lane, None, restart, None if given is None else given[[trial]])
        answer = engine.receive()
        assert answer.observation[0, 0] == (given[trial].sum() if tasks else 0)
        while not done:
            normalize_into(network.input[:, :1], answer.observation, trials.normalizer)
            engine.send(lane, spec.action.act(network.forward())[:1], ~restart)
            answer = engine.receive()
            done = answer.done[0]
        for name, values in found.measures.items():
            assert values[trial] == answer.measures[name][0]
    assert len(set(found.measures["far"])) > 5


def test_a_measure_that_is_not_reported_is_a_failure_with_its_name(errand):
    spec = describe(errand, kwargs={"silent": True})
    found = outcomes_of(spec, 2, make_trials(spec, 3))
    assert len(found.failures) == 3
    assert "the measure 'far' is named in the environment's metadata, and is not in its last info" in found.failures[0]


def test_goals_are_measured_as_success():
    assert describe("compactrl/BitFlip-v0").measures == ("success",)
    assert describe("FetchReach-v4").measures == ("success",)
    assert describe("Pendulum-v1").measures == ()


def test_a_limit_that_nobody_set_is_known(errand):
    assert (describe(errand).max_episode_steps, describe(errand).limited) == (1000, False)
    assert describe(errand, max_episode_steps=1000).limited
    assert describe(errand, kwargs={"max_episode_steps": 30}).limited
    for env, engine in (
        ("Pendulum-v1", "gymnasium"),
        ("Pendulum-v1", "envpool"),
        ("compactrl/PointMass-v0", "batched"),
    ):
        assert describe(env, engine).limited


class Draws(gymnasium.Env):
    """Sees a random number every step, drawn as `how` says."""

    metadata = {"render_modes": []}  # noqa: RUF012
    observation_space = action_space = gymnasium.spaces.Box(-np.inf, np.inf, (1,), np.float64)

    def __init__(self, how):
        self.how, self.own = how, np.random.default_rng()

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed, options=options)
        return self.look(), {}

    def step(self, action):  # noqa: ARG002
        return self.look(), 0.0, False, False, {}

    def look(self):
        match self.how:
            case "np_random":
                drawn = self.np_random.random()
            case "unseeded":
                drawn = self.own.random()
            case "python":
                drawn = random.random()
            case _:
                drawn = np.random.random()
        return np.array([drawn])


@pytest.fixture
def draws():
    gymnasium.register("Draws-v0", Draws, max_episode_steps=15, disable_env_checker=True)
    yield "Draws-v0"
    del gymnasium.registry["Draws-v0"]


@pytest.mark.parametrize("how", ["global", "python", "unseeded", "np_random"])
def test_randomness_that_no_seed_decides_is_noticed_and_no_state_is_touched(draws, how):
    before = np.random.get_state(), random.getstate()
    spec = describe(draws, kwargs={"how": how})
    assert spec.repeats == (how == "np_random")
    np.testing.assert_array_equal(np.random.get_state()[1], before[0][1])
    assert np.random.get_state()[2:] == before[0][2:]
    assert random.getstate() == before[1]


def test_a_search_warns_once_of_randomness_that_no_seed_decides(draws, tmp_path, recwarn):
    options = {"env": draws, "method": "linear", "population": 4, "steps": 400, "selections": 1}
    for how in ("global", "np_random"):
        search(out=tmp_path / how, **options, env_options={"how": how})
        told = [str(each.message) for each in recwarn if "same seed and actions" in str(each.message)]
        assert len(told) == 1
        assert "Draws-v0 does not do the same" in told[0]


@pytest.mark.parametrize(
    "env", ["Pendulum-v1", "Hopper-v5", "CartPole-v1", "compactrl/PointMass-v0", "compactrl/Faulty-v0"]
)
def test_environments_that_draw_as_they_should_repeat_themselves(env):
    assert describe(env, "gymnasium").repeats


def test_an_environment_of_which_there_is_one_at_a_time_is_described(draws, monkeypatch):
    made, make = [], Draws.__init__

    def once(*given, **named):
        make(*given, **named)
        if made:
            raise OSError("the port is taken")
        made.append(0)

    monkeypatch.setattr(Draws, "__init__", once)
    assert describe(draws, kwargs={"how": "np_random"}).repeats


def test_envpool_takes_no_tasks():
    spec = describe("Pendulum-v1", "envpool")
    with pytest.raises(InputError, match="EnvPool's environments take no tasks"):
        outcomes_of(spec, 2, make_trials(spec, 3)._replace(tasks=np.zeros((3, 1))))


class Gears(gymnasium.Env):
    """Whole numbers from -2 to 2 in a type of their own; the reward says which came."""

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (2,), np.float64)
    action_space = gymnasium.spaces.Box(-2, 2, (1,), np.int16)
    came: list = []  # noqa: RUF012

    def reset(self, *, seed=None, options=None):  # noqa: ARG002
        super().reset(seed=seed)
        return 3 * self.np_random.normal(size=2), {}

    def step(self, action):
        assert action.dtype == np.int16
        self.came.append(int(action[0]))
        return 3 * self.np_random.normal(size=2), 0.0, False, False, {}


def test_whole_numbers_reach_both_ends_of_their_range_in_episodes_and_in_steps():
    gymnasium.register("Gears-v0", Gears, max_episode_steps=50)
    try:
        spec = describe("Gears-v0")
        assert not outcomes_of(spec, 2, make_trials(spec, 4)).failures
        assert set(Gears.came) == {-2, -1, 0, 1, 2}
        Gears.came.clear()
        given = np.linspace(-1, 1, 9)[:, None, None]
        exploration = Exploration(np.zeros((9, 1, 1)), given, Deterministic())
        one = evaluator(spec, 1)
        assert not one.collect(make_trials(spec, 1)._replace(exploration=exploration)).failures
        one.close()
        assert Gears.came == [-2, -2, -1, 0, 0, 0, 1, 2, 2]
    finally:
        Gears.came.clear()
        del gymnasium.registry["Gears-v0"]
