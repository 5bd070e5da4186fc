"""Classes given in Python that are none of Gymnasium's: MuJoCo tasks, and batched environments."""

import gymnasium
import pytest
from evaluating import assert_equal, make_trials, outcomes_of
from mujoco_tasks import Cart, cart  # noqa: F401

from compactrl.envs import register_batched
from compactrl.envs.given import take
from compactrl.envs.registry import describe
from compactrl.envs.toy_batched import PointMass
from compactrl.errors import InputError


def test_a_class_of_mujoco_tasks_is_registered_as_one(cart):  # noqa: F811
    given = take(Cart)
    assert given.name == "mujoco_tasks:Cart"
    spec = describe(given.name, kwargs={"fault": "none"})
    assert (spec.engine, spec.max_episode_steps, spec.limited) == ("mujoco", Cart.episode_steps, True)
    trials = make_trials(spec, 3)
    assert_equal(outcomes_of(spec, 2, trials), outcomes_of(describe(cart), 2, trials))
    assert take(Cart) == given  # again, as in a notebook

    class Wide(Cart):
        episode_steps = 7

    assert describe(take(Wide).name).max_episode_steps == 7


def test_a_class_of_batched_environments_names_how_it_is_registered():
    class Fleet(PointMass):
        pass

    with pytest.raises(InputError) as caught:
        take(Fleet)
    assert 'register_batched("Fleet-v0", Fleet, max_episode_steps=...), and give its id' in str(caught.value)
    with pytest.raises(InputError, match="give max_episode_steps, after how many steps an episode of Fleet-v0 is cut"):
        register_batched("Fleet-v0", Fleet)
    with pytest.raises(InputError, match="give the id of it, 'compactrl/PointMass-v0'"):
        take(PointMass)


def test_gymnasium_s_own_classes_may_have_lanes_of_their_own():
    class Highway(gymnasium.Env):
        def __init__(self, num_lanes=3):
            self.observation_space = self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (num_lanes,))

    assert take(Highway).name.endswith("Highway") or "Highway-" in take(Highway).name
