"""The Gymnasium engine: what it gives to an environment, and takes from it."""

import gymnasium
import numpy as np
import pytest
from evaluating import make_trials, outcomes_of, seeds_of

from compactrl.envs.engines import make_engine
from compactrl.envs.engines.gymnasium import make_gymnasium
from compactrl.envs.registry import describe
from compactrl.errors import InputError
from compactrl.networks.batched import BatchedMLP, normalize_into


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


def test_envpool_takes_no_tasks():
    spec = describe("Pendulum-v1", "envpool")
    with pytest.raises(InputError, match="EnvPool's environments take no tasks"):
        outcomes_of(spec, 2, make_trials(spec, 3)._replace(tasks=np.zeros((3, 1))))
