"""Names of observations: they are in the order in which Gymnasium flattens, whatever a space is made of."""

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete, Tuple, flatdim, flatten

import compactrl
from compactrl.envs.names import goal_names, observation_names
from compactrl.envs.registry import describe
from compactrl.errors import InputError
from compactrl.policies.files import load_policy, save_policy

PARTS = {"gyro": Box(-1, 1, (3,)), "gear": Discrete(3, start=1)}
SPACES = [
    Dict(PARTS),
    Dict(**PARTS),
    Dict(arm=Dict(z=Box(0, 1, (2, 2)), a=MultiDiscrete([2, 3])), lamps=MultiBinary(2), height=Box(0, 1, ())),
    Tuple([Discrete(2), Box(0, 1, (2,))]),
]


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_each_number_has_the_name_of_what_it_is(space):
    names = observation_names(space)
    assert len(set(names)) == len(names) == flatdim(space)
    space.seed(3)
    for _ in range(20):
        sample = space.sample()
        for name, number in zip(names, flatten(space, sample), strict=True):
            assert looked_up(sample, name) == pytest.approx(number), name


def looked_up(sample, name):
    """The number that a name stands for, in an observation as the environment gives it."""
    word, _, value = name.partition(" = ")
    word, _, places = word.partition("[")
    for key in word.split("."):
        sample = sample[int(key)] if isinstance(sample, tuple) else sample[key]
    if places:
        sample = sample[tuple(int(place) for place in places.rstrip("]").split(","))]
    return float(sample == int(value)) if value else float(sample)


def test_the_order_of_keys_is_the_spaces_own():
    sorted_names, kept_names = observation_names(Dict(PARTS)), observation_names(Dict(**PARTS))
    assert sorted_names == ("gear = 1", "gear = 2", "gear = 3", "gyro[0]", "gyro[1]", "gyro[2]")
    assert kept_names == sorted_names[3:] + sorted_names[:3]


def test_a_box_has_no_words_and_goals_have_theirs():
    assert observation_names(Box(-1, 1, (3,))) == ()
    space = Dict(observation=Box(-1, 1, (1,)), achieved_goal=Box(-1, 1, (2,)), desired_goal=Box(-1, 1, (2,)))
    assert goal_names(space) == ("observation[0]", "desired goal[0]", "desired goal[1]")
    assert describe("compactrl/BitFlip-v0").names[-1].startswith("desired goal[")


class Robot(gymnasium.Env):
    """Observes a dictionary whose keys come in the order asked for."""

    def __init__(self, ordered=False):
        parts = {"speed": Box(-1, 1, (1,)), "place": Box(-1, 1, (1,))}
        self.observation_space = Dict(**parts) if ordered else Dict(parts)
        self.action_space = Box(-1, 1, (1,))

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed, options=options)
        return {key: self.np_random.uniform(-1, 1, 1).astype(np.float32) for key in self.observation_space}, {}

    def step(self, action):
        return self.reset()[0], -(float(action[0]) ** 2), False, False, {}


@pytest.fixture(autouse=True)
def robot():
    gymnasium.register("test/Ordered-v0", Robot, max_episode_steps=10)
    yield
    del gymnasium.registry["test/Ordered-v0"]


def test_a_policy_keeps_the_names_and_is_not_evaluated_in_another_order(tmp_path):
    run = compactrl.search("test/Ordered-v0", method="linear", population=4, steps=80, threads=1, out=tmp_path / "run")
    assert run.policy.names == ("place[0]", "speed[0]")
    save_policy(tmp_path / "policy", run.policy)
    assert load_policy(tmp_path / "policy").names == run.policy.names
    run.evaluate(episodes=2)
    run.config["env_options"] = {"ordered": True}
    with pytest.raises(InputError, match=r"number 0 was place\[0\] and is speed\[0\]"):
        run.evaluate(episodes=2)


def test_a_student_does_not_imitate_a_teacher_who_observes_in_another_order(tmp_path):
    small = {"steps": 80, "threads": 1}
    compactrl.search("test/Ordered-v0", method="linear", population=4, **small, out=tmp_path / "teacher")
    with pytest.raises(InputError, match=r"in another order than test/Ordered-v0 has: number 0 was place\[0\]"):
        compactrl.search(
            "test/Ordered-v0",
            env_options={"ordered": True},
            method="distill",
            teacher=str(tmp_path / "teacher"),
            **small,
        )
