"""Families: what is wrong with one is a line before a search begins, and a user's function is called with its task."""

import re
from functools import partial
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from evaluating import assert_equal, make_trials, outcomes_of
from mujoco_tasks import Cart, cart  # noqa: F401

from compactrl.envs import Contexts, Listed, Uniform, register_batched, register_tasks
from compactrl.envs.batched import BATCHED
from compactrl.envs.contexts import own_task
from compactrl.envs.engines import make_engine
from compactrl.envs.family import OF_GYMNASIUM, families, family_id
from compactrl.envs.mujoco.task import TASKS
from compactrl.envs.registry import describe, searchable_families
from compactrl.envs.toy_batched import PointMass
from compactrl.errors import InputError
from compactrl.searches.families import with_family

UNIT = Uniform((0.0,), (1.0,))
LEAN = Contexts(("lean",), (0.0,), (1.0,), UNIT, UNIT)
ENV = "Leaning-v0"


@pytest.fixture(autouse=True)
def registries():
    """As they were."""
    families()  # registers compactrl's own
    known = [TASKS, BATCHED, OF_GYMNASIUM, gymnasium.registry]
    before = [dict(each) for each in known]
    yield
    for each, was in zip(known, before, strict=True):
        each.clear()
        each.update(was)


def leaning(context, before, after, action):
    return after.qpos[:, 1] - context[:, 0] + 0.0 * before.qpos[:, 0] + 0.0 * action[:, 0]


def balanced(context, observation, action, info):
    return context[:, 0] - observation[:, 2] + 0.0 * action + 0.0 * len(info)


def test_a_function_of_all_lanes_makes_a_family_of_a_task(cart):  # noqa: F811
    register_tasks(ENV, base=cart, reward=leaning, contexts=LEAN, episode_steps=9)
    spec = describe(ENV)
    assert (spec.engine, spec.max_episode_steps, spec.contexts, spec.measures) == ("mujoco", 9, LEAN, ("lean",))
    assert spec.observation_size == describe(cart).observation_size  # what the robot remembers is seen, its task is not
    assert families()["Leaning"] == ENV == family_id("Leaning") == family_id(ENV)
    trials = make_trials(spec, 11)._replace(tasks=np.linspace(0, 1, 11)[:, None])
    together = outcomes_of(spec, 5, trials)
    assert_equal(outcomes_of(spec, 5, trials, blocks=5), together)
    assert_equal(outcomes_of(describe(ENV, "gymnasium"), 5, trials), together)
    assert np.isfinite(together.returns).all()


@pytest.mark.parametrize("base", ["cart", Cart])
def test_the_robot_does_what_it_does_without_tasks(cart, base):  # noqa: F811
    """Its memory, measures, controls and ends are its own; rewards are the function's."""
    register_tasks(ENV, base=cart if base == "cart" else base, reward=leaning, contexts=LEAN)
    family, plain = describe(ENV), describe(cart)
    engines = [make_engine(spec, [3, 4], 1) for spec in (family, plain)]
    every, tasks = np.arange(2), np.array([[0.25], [1.0]])
    engines[0].send(every, None, np.ones(2, bool), tasks)
    engines[1].send(every, None, np.ones(2, bool))
    answers = [engine.receive() for engine in engines]
    generator = np.random.default_rng(0)
    for _ in range(25):
        np.testing.assert_array_equal(answers[0].observation, answers[1].observation)
        action = generator.uniform(-1, 1, (2, 2))
        for engine in engines:
            engine.send(every, action, np.zeros(2, bool))
        answers = [engine.receive() for engine in engines]
        assert not answers[0].errors
        np.testing.assert_allclose(answers[0].reward, answers[0].observation[:, 1] - tasks[:, 0])
        np.testing.assert_array_equal(answers[0].done, answers[1].done)
        np.testing.assert_array_equal(answers[0].measures["lean"], answers[1].measures["lean"])
        if answers[0].done.any():
            break


def test_rewards_of_gymnasiums_environments_are_computed_anew():
    register_tasks(ENV, base="CartPole-v1", reward=balanced, contexts=LEAN, episode_steps=7)
    spec = describe(ENV)
    assert (spec.engine, spec.max_episode_steps, spec.contexts) == ("gymnasium", 7, LEAN)
    env, plain = gymnasium.make(ENV), gymnasium.make("CartPole-v1")
    seen, info = env.reset(seed=3, options={"task": [0.5]})
    np.testing.assert_array_equal(seen, plain.reset(seed=3)[0])
    assert info["task"].tolist() == [0.5]
    for step in range(7):
        observation, reward, terminated, truncated, info = env.step(step % 2)
        expected, _, ended, _, _ = plain.step(step % 2)
        np.testing.assert_array_equal(observation, expected)
        assert reward == pytest.approx(0.5 - observation[2])
        assert info["task"].tolist() == [0.5]
        assert (terminated, truncated) == (ended, step == 6)
    trials = make_trials(spec, 6)
    assert_equal(outcomes_of(spec, 3, trials, blocks=3), outcomes_of(spec, 3, trials))


def test_a_reward_that_asks_info_for_what_is_not_there_says_what_is():
    register_tasks(ENV, "Acrobot-v1", lambda context, observation, action, info: info["speed"], LEAN)  # noqa: ARG005
    engine = make_engine(describe(ENV), [1], 1)
    engine.send(np.arange(1), None, np.ones(1, bool))
    assert not engine.receive().errors
    engine.send(np.arange(1), np.zeros(1, int), np.zeros(1, bool))
    said = f"the reward of {ENV} asks info for 'speed', and a step reports nothing"
    assert engine.receive().errors == {0: said}


def test_a_reward_writes_to_nothing_that_it_is_given_and_says_where_it_raised():
    def writing(context, observation, action, info):  # noqa: ARG001
        context[:, 0] += 1.0  # which would be the task of all steps that follow
        return context[:, 0]

    def dividing(context, observation, action, info):  # noqa: ARG001
        return context[:, 0] / (1 // 0)

    for reward, said in (
        (writing, "ValueError: output array is read-only: what a function is given is never written to"),
        (dividing, "ZeroDivisionError: "),
    ):
        register_tasks(ENV, "CartPole-v1", reward, LEAN)
        engine = make_engine(describe(ENV), [1], 1)
        engine.send(np.arange(1), None, np.ones(1, bool))
        engine.receive()
        engine.send(np.arange(1), np.zeros(1, int), np.zeros(1, bool))
        (told,) = engine.receive().errors.values()
        assert re.match(rf"in reward, test_family\.py line \d+: {re.escape(said)}", told), told


def test_two_families_of_one_short_name_are_told_apart_by_their_ids(cart):  # noqa: F811
    """Else the second would be searched wherever the first one's name was given."""
    register_tasks("HalfCheetah-Vel-v0", cart, leaning, LEAN)
    both = ("compactrl/HalfCheetah-Vel-v0", "HalfCheetah-Vel-v0")
    with pytest.raises(InputError, match=f"several families of this name: give {' or '.join(both)}"):
        family_id("HalfCheetah-Vel")
    assert [family_id(env) for env in both] == list(both)
    assert "HalfCheetah-Vel" not in families()
    recorded = {"tasks": "HalfCheetah-Vel", "env": both[0]}
    assert with_family(recorded) == recorded, "a run's record has both"


def test_the_module_of_a_family_may_be_imported_anew_and_no_other_takes_its_id(cart):  # noqa: F811
    for base, reward in ((cart, leaning), ("CartPole-v1", balanced)):
        register_tasks(f"{base}-Lean-v0", base, reward, LEAN)
        register_tasks(f"{base}-Lean-v0", base, reward, LEAN)
    with pytest.raises(InputError, match=r"is .*Cart by .*leaning already: give your task another id"):
        register_tasks(f"{cart}-Lean-v0", cart, balanced, LEAN)
    with pytest.raises(InputError, match="CartPole-v1 is an environment of Gymnasium's already"):
        register_tasks("CartPole-v1", "CartPole-v1", balanced, LEAN)


def sampler(rows):
    return lambda generator, count: rows  # noqa: ARG005


BROKEN = {
    "no Contexts": ({"low": 0.0}, "has contexts {'low': 0.0}: expected compactrl.policies.contexts.Contexts("),
    "no names": (Contexts((), (), (), UNIT, UNIT), "names of its contexts are (), expected words"),
    "bounds": (
        Contexts(("a", "b"), (0.0,), (1.0, 1.0), UNIT, UNIT),
        "low of its contexts is (0.0,), expected a finite number for each of a, b",
    ),
    "order": (Contexts(("lean",), (2.0,), (1.0,), UNIT, UNIT), "low 2 above high 1 for 'lean'"),
    "empty list": (Contexts(("lean",), (0.0,), (1.0,), UNIT, Listed(())), "has no test tasks: its list of them is"),
    "no rows": (
        Contexts(("lean",), (0.0,), (1.0,), sampler(np.zeros((0, 1))), UNIT),
        "its sampler of train tasks returned none of 8",
    ),
    "shape": (
        Contexts(("lean",), (0.0,), (1.0,), UNIT, sampler(np.zeros(8))),
        "sampler of test tasks returned shape (8,) of float64 for 8 tasks, expected numbers of shape (8, 1): a row of "
        "lean each",
    ),
    "range": (
        Contexts(("lean",), (0.0,), (1.0,), Uniform((1.5,), (2.0,)), UNIT),
        "sampler of train tasks drew lean 1.81848, which is not within 0 … 1, the range of its contexts",
    ),
    "nan": (
        Contexts(("lean",), (0.0,), (1.0,), sampler(np.full((8, 1), np.nan)), UNIT),
        "drew lean nan, which is not within 0 … 1",
    ),
    "raises": (
        Contexts(("lean",), (0.0,), (1.0,), lambda: 1, UNIT),
        "its sampler of train tasks raised TypeError: ",
    ),
    "always as many": (
        Contexts(("lean",), (0.0,), (1.0,), UNIT, sampler(np.full((8, 1), 0.5))),  # of which the first would be all
        "sampler of test tasks returned shape (8, 1) of float64 for 1 tasks, expected numbers of shape (1, 1)",
    ),
    "no sampler": (Contexts(("lean",), (0.0,), (1.0,), 3, UNIT), "train of its contexts is 3, expected Uniform("),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_contexts_that_will_not_do(cart, monkeypatch, fault):  # noqa: F811
    """By whichever way they come: a function, a task's class, a batched class, a class of Gymnasium's."""
    contexts, said = BROKEN[fault]
    with pytest.raises(InputError, match=re.escape(said)):
        register_tasks(ENV, cart, leaning, contexts)
    monkeypatch.setattr(Cart, "contexts", contexts)
    with pytest.raises(InputError, match=re.escape(f"{cart}")) as caught:
        describe(cart)
    assert said in str(caught.value)
    register_batched("Mass-v0", type("Mass", (PointMass,), {"contexts": contexts}), 5)
    for engine in ("batched", "gymnasium"):
        with pytest.raises(InputError, match=re.escape(said)):
            describe("Mass-v0", engine)


def test_a_task_whose_start_takes_none_is_no_family(cart, monkeypatch):  # noqa: F811
    monkeypatch.setattr(Cart, "contexts", LEAN)
    monkeypatch.setattr(Cart, "start", lambda self, generator: (generator.uniform(size=2), np.zeros(2), np.zeros(2)))  # noqa: ARG005
    with pytest.raises(InputError, match=re.escape("give its start a second argument, start(self, generator, task)")):
        describe(cart)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"base": "HalfCheeta-v5"}, "there is no environment 'HalfCheeta-v5' for its base. Did you mean 'HalfCheetah-"),
        ({"base": "compactrl/Ant-Vel-v0"}, "is a family of tasks already"),
        ({"base": "compactrl/PointMass-v0"}, "is a class of its own: let that have `contexts`"),
        ({"base": PointMass}, "is a class of its own"),
        ({"reward": 3}, "has the reward 3: expected a function"),
        ({"contexts": None}, "has no contexts"),
        ({"episode_steps": -1}, "has episode_steps -1"),
    ],
)
def test_families_that_cannot_be_registered(given, said):
    right = {"base": "Hopper-v5", "reward": leaning, "contexts": LEAN}
    with pytest.raises(InputError, match=re.escape(said)):
        register_tasks(ENV, **{**right, **given})


@pytest.mark.parametrize(
    ("reward", "said"),
    [
        (lambda context, before, after: 0, ": in reward: TypeError: "),  # noqa: ARG005
        (lambda context, before, after, action: after.qpos[9], "Leaning-v0: in reward, test_family.py line "),  # noqa: ARG005
        (lambda context, before, after, action: after.xpos, "AttributeError: the state has no 'xpos': it has qpos"),  # noqa: ARG005
        (lambda context, before, after, action: context, "the reward has shape (3, 1), expected (3,)"),  # noqa: ARG005
        (lambda context, before, after, action: np.log(-1 - context[:, 0]), "reward gives NaN or infinite"),  # noqa: ARG005
    ],
)
def test_rewards_that_will_not_do_are_said_before_a_search(reward, said):
    register_tasks(ENV, "Hopper-v5", reward, LEAN)
    with np.errstate(all="ignore"), pytest.raises(InputError, match=re.escape(said)):
        describe(ENV)


def test_an_episodes_own_task_is_a_test_task_that_its_seed_decides():
    listed = Listed(((1.0,), (2.0,), (3.0,)))
    contexts = Contexts(("number",), (0.0,), (3.0,), UNIT, listed)
    drawn = [own_task(contexts, np.random.default_rng(seed))[0] for seed in range(300)]
    counts = [drawn.count(number) for number in (1.0, 2.0, 3.0)]
    assert sum(counts) == 300
    assert min(counts) > 70
    generator = np.random.default_rng(1)
    own_task(contexts, generator)
    assert generator.random() == np.random.default_rng(1).random()  # what follows is what it would be without


@pytest.mark.parametrize("bad", [[1.0, 2.0], 1.0, ["fast"], [np.nan], [[1.0]]])
@pytest.mark.parametrize("env", ["compactrl/HiddenPointMass-v0", "compactrl/HalfCheetah-Vel-v0", ENV])
def test_tasks_that_are_none_are_refused_in_a_line(env, bad):
    register_tasks(ENV, "CartPole-v1", balanced, LEAN)
    with pytest.raises(InputError, match=r"a task is \(\w+\), one number, and what was given is"):
        gymnasium.make(env).reset(options={"task": bad})


@pytest.mark.parametrize(
    ("env", "inside", "outside"),
    [("compactrl/HiddenPointMass-v0", 0.5, 1.5), ("compactrl/HalfCheetah-Vel-v0", 3.0, 3.1), (ENV, 1.0, -1.5)],
)
def test_tasks_outside_of_the_range_are_refused_unless_that_is_asked_for(env, inside, outside):
    register_tasks(ENV, "CartPole-v1", balanced, LEAN)
    made = gymnasium.make(env)
    assert made.reset(options={"task": [inside]})[1]["task"] == [inside]
    with pytest.raises(InputError, match=rf"the task's \w+ {outside:g} is outside of .* the range of this family"):
        made.reset(options={"task": [outside]})
    assert made.reset(options={"task": [outside], "extrapolate": True})[1]["task"] == [outside]


def test_trials_may_have_tasks_outside_of_the_range():
    """As somebody chose them, with --extrapolate; on every engine."""
    spec = describe("compactrl/HiddenPointMass-v0")
    trials = make_trials(spec, 4)._replace(tasks=np.array([[-3.0], [0.5], [1.0], [2.0]]))
    found = outcomes_of(spec, 2, trials)
    assert not found.failures
    assert_equal(outcomes_of(describe(spec.id, "gymnasium"), 2, trials), found)


def test_families_are_listed_with_what_tells_their_tasks_apart(cart):  # noqa: F811
    register_tasks(ENV, cart, leaning, LEAN)
    assert [row.name for row in searchable_families("halfcheetah-vel")] == ["HalfCheetah-Vel", "HalfCheetah-Vel-Medium"]
    (row,) = searchable_families("Leaning")
    assert (row.id, row.contexts, row.low, row.high) == (ENV, ("lean",), (0.0,), (1.0,))
    with pytest.raises(InputError, match=re.escape("unknown family of tasks 'Leanin'. Did you mean 'Leaning'?")):
        family_id("Leanin")
    with pytest.raises(InputError, match="it is a family of tasks, --tasks HalfCheetah-Vel, which is --env compactrl/"):
        describe("HalfCheetah-Vel")


def test_the_page_on_tasks_shows_a_family_that_can_be_searched():
    page = Path(__file__).parents[3] / "docs/tasks.md"
    (block,) = re.findall(r"^```python\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    exec(block, {"__name__": "hopper_speed"})
    spec = describe(families()["Hopper-Speed"])
    assert (spec.engine, spec.max_episode_steps, spec.contexts.names) == ("mujoco", 500, ("speed",))


def test_two_tasks_of_the_hidden_point_mass_look_alike_and_need_to_be_told_apart():
    """The best that does the same in both has -20 on average; who knows the task has 0."""
    env = partial(gymnasium.make, "compactrl/HiddenPointMass-v0")
    totals = {}
    for aim in (0.0, 0.5, None):
        returns = []
        for task in (-1.0, 1.0):
            made = env()
            observation, _ = made.reset(seed=2, options={"task": [task]})
            first, total = observation.copy(), 0.0
            goal = np.array([task if aim is None else aim, 0.0])
            for _ in range(20):
                observation, reward, *_ = made.step(goal - observation[:2] - observation[2:] / 2)
                total += reward
            returns.append((total, first))
        np.testing.assert_array_equal(returns[0][1], returns[1][1])
        totals[aim] = (returns[0][0] + returns[1][0]) / 2
    assert totals[0.0] == pytest.approx(-20)
    assert totals[0.5] == pytest.approx(-20)
    assert totals[None] == 0
