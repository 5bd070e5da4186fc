"""Looking environments up: the engine of each, and one clear line where there is none."""

import pytest

from compactrl.envs.registry import describe, environment_of
from compactrl.errors import InputError


def test_an_environment_with_other_observations_is_not_called_unknown():
    with pytest.raises(InputError, match=r"HandReach-v3 has no flat observations in envpool"):
        describe("HandReach-v3")


def test_an_unknown_environment_gets_the_nearest_names():
    with pytest.raises(InputError, match=r"unknown environment 'HalfCheeta-v5'. Did you mean 'HalfCheetah-v5'"):
        describe("HalfCheeta-v5")
    with pytest.raises(InputError, match=r"Did you mean 'compactrl/Target-v0'"):
        describe("compactrl/Targt-v0")


def test_an_engine_that_has_not_the_environment_says_which_has():
    with pytest.raises(InputError, match=r"--engine envpool has no environment 'compactrl/Target-v0'.*gymnasium"):
        describe("compactrl/Target-v0", "envpool")
    with pytest.raises(InputError, match=r"unknown engine 'envpol'.*auto, envpool.*Did you mean 'envpool'"):
        describe("Hopper-v5", "envpol")


def test_engines_are_tried_in_order_and_a_named_one_alone():
    assert describe("Pendulum-v1").engine == "envpool"
    assert describe("Pendulum-v1", "gymnasium").engine == "gymnasium"
    assert describe("compactrl/Target-v0").engine == "gymnasium"


@pytest.mark.parametrize(("env", "exact"), [("LunarLander-v3", False), ("Pendulum-v1", True)])
def test_random_steps_are_known_by_engine(env, exact):
    assert describe(env).resumes_exactly is exact
    assert describe("Pendulum-v1", "gymnasium").resumes_exactly


def test_options_name_an_environment_by_their_keys():
    options = {"env": "Pendulum-v1", "engine": "gymnasium", "max_episode_steps": 7, "env_options": {"g": 5.0}}
    spec = environment_of({**options, "env_module": "", "seed": 3})
    assert spec == describe("Pendulum-v1", "gymnasium", 7, {"g": 5.0})
    with pytest.raises(InputError, match="--env-module no_such_module"):
        environment_of({**options, "env_module": "no_such_module"})
