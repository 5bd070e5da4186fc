"""The batched engine: a lane does the same alone, in any company, and as an environment of Gymnasium's."""

import re

import gymnasium
import numpy as np
import pytest
from evaluating import assert_equal, evaluator, make_trials, outcomes_of

from compactrl.envs import register_batched
from compactrl.envs.batched import BATCHED
from compactrl.envs.engines.batched import BatchedEngine
from compactrl.envs.registry import describe
from compactrl.errors import FaultError, InputError

BOX = gymnasium.spaces.Box


class Walk:
    """Draws in its steps, ends at random times, and fails in a chosen way where its number is beyond a limit."""

    metadata = {"measures": ["place"]}  # noqa: RUF012
    observation_space = BOX(-np.inf, np.inf, (3,), np.float32)
    action_space = BOX(-1.0, 1.0, (2,), np.float32)

    def __init__(self, num_lanes, fault="none", ending=0.05, after=0):
        self.generators, self.fault, self.ending = [None] * num_lanes, fault, ending
        self.place, self.left = np.zeros((num_lanes, 3)), after

    def reset(self, lanes, seeds, tasks):
        for lane, seed in zip(lanes, seeds, strict=True):
            self.generators[lane] = np.random.default_rng(seed)
        self.place[lanes] = 0.0 if tasks is None else tasks
        return self.look(lanes)

    def step(self, lanes, actions):
        assert actions.dtype == np.float32
        self.left -= 1
        drawn = np.stack([self.generators[lane].standard_normal(4) for lane in lanes])
        self.place[lanes] += 0.1 * drawn[:, :3]
        self.place[lanes, :2] += actions
        ended = np.abs(drawn[:, 3]) < self.ending
        reward = 1.0 - np.square(self.place[lanes, 0])
        bad = self.place[lanes, 2] > 0.25
        if self.fault == "raise" and bad.any():
            raise RuntimeError("it went too far")
        if self.fault == "nan":
            reward[bad] = np.nan
        if self.left >= 0:
            pass
        elif self.fault == "shape":
            reward = reward[:, None]
        elif self.fault == "measure":
            return self.look(lanes), reward, ended
        elif self.fault == "none returned":
            return None
        elif self.fault == "columns":
            return self.look(lanes).T, reward, ended
        elif self.fault == "ints":
            ended = ended.astype(int)
        elif self.fault == "two":
            return self.look(lanes), reward
        elif self.fault == "lost":
            return self.look(lanes) * np.nan, reward, ended, {"place": reward}
        return self.look(lanes), reward, ended, {"place": self.place[lanes, 0].copy()}

    def look(self, lanes):
        return self.place[lanes].astype(np.float32)


@pytest.fixture
def walk():
    register_batched("Walk-v0", Walk, max_episode_steps=25)
    yield "Walk-v0"
    del BATCHED["Walk-v0"], gymnasium.registry["Walk-v0"]


def same(found, expected):
    assert_equal(found, expected)
    assert found.measures.keys() == expected.measures.keys()
    for name, values in expected.measures.items():
        np.testing.assert_array_equal(found.measures[name], values)


@pytest.mark.parametrize("env", ["compactrl/PointMass-v0", "Walk-v0"])
@pytest.mark.parametrize("tasks", [False, True])
def test_a_lane_alone_equals_a_lane_in_the_batch_and_an_environment_of_gymnasium(walk, env, tasks):  # noqa: ARG001
    spec = describe(env)
    assert spec.engine == "batched"
    trials = make_trials(spec, 23)
    if tasks:
        drawn = np.random.default_rng(0).normal(size=(23, 2 if env != "Walk-v0" else 3))
        trials = trials._replace(tasks=drawn)
    together = outcomes_of(spec, 7, trials)
    same(outcomes_of(spec, 7, trials, blocks=7), together)
    same(outcomes_of(describe(env, "gymnasium"), 7, trials), together)
    assert np.isfinite(together.returns).all()
    assert (together.steps == spec.max_episode_steps).all() == (env != "Walk-v0")


@pytest.mark.filterwarnings("ignore:.*WARN")  # of unbounded boxes
@pytest.mark.parametrize("env", ["compactrl/PointMass-v0", "Walk-v0"])
def test_gymnasiums_own_checks_pass(walk, env):  # noqa: ARG001
    from gymnasium.utils.env_checker import check_env

    made = gymnasium.make(env)
    check_env(made.unwrapped, skip_render_check=True)
    assert made.spec.max_episode_steps == {"Walk-v0": 25}.get(env, 20)


def test_a_fresh_evaluator_goes_on_where_another_was(walk):
    spec = describe(walk)
    first, second = make_trials(spec, 9, seed=1), make_trials(spec, 9, seed=2)
    old, fresh = evaluator(spec, 4), evaluator(spec, 4, blocks=2)
    old.evaluate(first)
    fresh.load_state_dict(old.state_dict())
    same(fresh.evaluate(second), old.evaluate(second))


def test_episodes_are_those_of_a_naive_loop(walk):
    """Seeds by lane and count of resets, cut by counting, measures of the last step, in the plainest form."""
    from compactrl.envs.engines.base import reset_seed

    engine = BatchedEngine(Walk(3), [5, 6, 7], 25, ("place",))
    lanes, alone = np.arange(3), [Walk(1) for _ in range(3)]
    generator, counts, taken = np.random.default_rng(0), [0, 0, 0], [0, 0, 0]
    due, terminations, truncations = np.ones(3, bool), 0, 0
    for _ in range(200):
        actions = generator.uniform(-1, 1, (3, 2))
        engine.send(lanes, actions, due)
        answer = engine.receive()
        for lane, one in enumerate(alone):
            if due[lane]:
                counts[lane], taken[lane] = counts[lane] + 1, 0
                seen = one.reset(np.array([0]), [reset_seed([5, 6, 7][lane], counts[lane])], None)
                np.testing.assert_array_equal(answer.observation[lane], seen[0])
                assert not answer.done[lane]
                continue
            taken[lane] += 1
            seen, reward, ended, measures = one.step(np.array([0]), actions[[lane]].astype(np.float32))
            np.testing.assert_array_equal(answer.observation[lane], seen[0])
            assert answer.reward[lane] == reward[0]
            assert answer.terminated[lane] == ended[0]
            assert answer.done[lane] == (ended[0] or taken[lane] == 25)
            if answer.done[lane]:
                assert answer.measures["place"][lane] == measures["place"][0]
                terminations, truncations = terminations + ended[0], truncations + ~ended[0]
        due = answer.done
    assert terminations > 3
    assert truncations > 3
    assert walk in BATCHED


def test_a_lane_that_fails_alone_disturbs_no_other(walk):
    sound = outcomes_of(describe(walk), 5, make_trials(describe(walk), 15))
    spec = describe(walk, kwargs={"fault": "nan"})
    found = outcomes_of(spec, 5, make_trials(spec, 15))
    failed = np.isnan(found.returns)
    assert 0 < failed.sum() < 15
    np.testing.assert_array_equal(found.returns[~failed], sound.returns[~failed])
    np.testing.assert_array_equal(np.isnan(found.measures["place"]), failed)
    assert all("the environment's reward is nan" in reason for reason in found.failures.values())


@pytest.mark.parametrize("engine", ["batched", "gymnasium"])
def test_what_a_call_raises_fails_its_trials_with_the_reason_and_its_place(walk, engine):
    spec = describe(walk, engine, kwargs={"fault": "raise"})
    found = outcomes_of(spec, 5, make_trials(spec, 15))
    assert found.failures
    said = r"^in step, test_batched_engine.py line \d+: RuntimeError: it went too far$"
    assert all(re.search(said, reason) for reason in found.failures.values())


FAULTS = {
    "shape": r"the reward has shape \((\d), 1\), expected \(\1,\)",
    "measure": "the measure 'place' is named in the environment's metadata, and step returns none",
    "none returned": r"step returned None: is its return missing\?",
    "columns": r"the observation has shape \(3, (\d)\), expected \(\1, 3\): one row a lane, which np.stack",
    "ints": "what has terminated is of the type int64: expected bool, such as height < 0.2",
    "two": r"step returned something else than \(observation, reward, terminated\)",
}


@pytest.mark.parametrize("fault", [*FAULTS, "lost"])
def test_faults_are_told_as_an_environment_is_described(walk, fault):
    said = {**FAULTS, "lost": "the observation is NaN or infinite as an episode begins"}[fault]
    with pytest.raises(InputError, match=f"^Walk-v0: {said}"):
        describe(walk, kwargs={"fault": fault})


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_that_come_later_end_what_runs(walk, fault):
    """Also as an environment of Gymnasium's, where nobody asks for measures before an episode ends."""
    engines = ["batched"] if fault == "measure" else ["batched", "gymnasium"]
    for engine in engines:
        spec = describe(walk, engine, kwargs={"fault": fault, "after": 9})
        with pytest.raises(FaultError, match=f"^{FAULTS[fault]}"):
            outcomes_of(spec, 5, make_trials(spec, 15))


@pytest.mark.parametrize("how", ["seeds", "global", "in steps"])
def test_randomness_that_no_seed_decides_is_noticed_and_no_state_is_touched(walk, monkeypatch, how):
    def reset(self, lanes, seeds, tasks):
        seen = begin(self, lanes, seeds, tasks)
        if how == "in steps":
            self.generators = [GENERATOR] * len(self.generators)
        return seen + np.random.uniform(size=seen.shape).astype(np.float32) if how == "global" else seen

    begin, before = Walk.reset, np.random.get_state()[1].copy()
    monkeypatch.setattr(Walk, "reset", reset)
    assert describe(walk).repeats == (how == "seeds")
    np.testing.assert_array_equal(np.random.get_state()[1], before)


GENERATOR = np.random.default_rng(0)


def test_discrete_actions_are_tried_too(walk, monkeypatch):
    space = gymnasium.spaces.Discrete(3, start=5)
    taken = []

    def step(self, lanes, actions):
        taken.append(actions)
        return self.look(lanes), np.zeros(len(lanes)), np.zeros(len(lanes), bool), {"place": np.zeros(len(lanes))}

    monkeypatch.setattr(Walk, "action_space", space)
    monkeypatch.setattr(Walk, "step", step)
    assert describe(walk).action.choices == 3
    assert taken
    assert all(action.dtype == space.dtype and (action == 5).all() for action in taken)


def test_options_that_will_not_do_are_one_line(walk):
    with pytest.raises(InputError, match=r"Walk-v0 cannot be made: TypeError: .*unexpected keyword argument 'wind'"):
        describe(walk, kwargs={"wind": 3})
    with pytest.raises(InputError, match="expected a class with the methods reset and step"):
        register_batched("Other-v0", int, 5)
    for wrong in (0, 2.5):
        with pytest.raises(InputError, match=f"max_episode_steps is {wrong}, expected a whole number of at least 1"):
            register_batched("Other-v0", Walk, wrong)
    assert "Other-v0" not in BATCHED


def test_names_of_measures_are_words_that_are_not_taken(walk, monkeypatch):
    for names, message in (("place", "list of words"), (["a b"], "list of words"), (["return"], "reports itself")):
        monkeypatch.setattr(Walk, "metadata", {"measures": names})
        with pytest.raises(InputError, match=message):
            describe(walk)
        with pytest.raises(InputError, match=message):
            describe(walk, "gymnasium")


@pytest.mark.parametrize("engine", ["batched", "gymnasium"])
def test_measures_that_are_better_the_lower_they_are_must_be_measures(walk, monkeypatch, engine):
    monkeypatch.setattr(Walk, "metadata", {"measures": ["place"], "lower_is_better": ["place"]})
    assert describe(walk, engine).lower_is_better == ("place",)
    monkeypatch.setattr(Walk, "metadata", {"measures": ["place"], "lower_is_better": ["palce"]})
    with pytest.raises(
        InputError, match=r"lower_is_better \['palce'\]: expected names of its measures, which are place"
    ):
        describe(walk, engine)


@pytest.mark.filterwarnings("ignore:.*WARN")
def test_there_is_no_camera():
    made = gymnasium.make("compactrl/PointMass-v0", render_mode="rgb_array")
    made.reset()
    with pytest.raises(NotImplementedError, match="this batched environment has no camera"):
        made.render()


def test_a_shorter_limit_cuts_episodes():
    spec = describe("compactrl/PointMass-v0", max_episode_steps=7)
    found = outcomes_of(spec, 3, make_trials(spec, 5))
    np.testing.assert_array_equal(found.steps, 7)


def test_tasks_must_be_one_each():
    spec = describe("compactrl/PointMass-v0")
    trials = make_trials(spec, 5)
    for tasks in (np.zeros((4, 2)), np.zeros(5)):
        with pytest.raises(ValueError, match=r"expected tasks \(5, C\)"):
            outcomes_of(spec, 3, trials._replace(tasks=tasks))
    found = outcomes_of(spec, 3, trials._replace(tasks=np.zeros((5, 3))))
    assert len(found.failures) == 5
    assert "the task of a point mass is its goal" in found.failures[0]
