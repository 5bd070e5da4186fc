"""Looking environments up: the engine of each, and one clear line where there is none."""

import sys

import gymnasium
import numpy as np
import pytest

from compactrl.envs.engines import envpool
from compactrl.envs.registry import describe, environment_of
from compactrl.envs.spec import action_spec
from compactrl.errors import InputError


def test_an_environment_with_other_observations_is_not_called_unknown():
    with pytest.raises(InputError, match=r"HandReach-v3 has no flat observations in envpool"):
        describe("HandReach-v3")


def test_an_unknown_environment_gets_the_nearest_names():
    with pytest.raises(InputError, match=r"unknown environment 'HalfCheeta-v5'. Did you mean 'HalfCheetah-v5'"):
        describe("HalfCheeta-v5")
    with pytest.raises(InputError, match=r"Did you mean 'compactrl/Target-v0'"):
        describe("compactrl/Targt-v0")


def test_a_module_that_does_not_register_the_environment_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr("sys.path", list(sys.path))
    (tmp_path / "registers_nothing.py").write_text("")
    options = {"env": "Arm-v0", "engine": "auto", "max_episode_steps": 0, "env_options": {}}
    with pytest.raises(InputError, match=r"'Arm-v0': --env-module .*registers_nothing.py was imported and does not"):
        environment_of({**options, "env_module": str(tmp_path / "registers_nothing.py")})


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


def test_a_box_of_integers_keeps_its_type_and_has_only_the_bounds_that_it_was_given():
    box = gymnasium.spaces.Box
    whole = action_spec("Robot-v0", box(-2, 2, (2,), int))
    assert (whole.low, whole.high, whole.dtype) == ((-2.0, -2.0), (2.0, 2.0), "int64")
    free = action_spec("Robot-v0", box(np.array([-np.inf, 0]), np.array([np.inf, 5]), dtype=np.int32))
    assert (free.low, free.high, free.dtype) == ((-np.inf, 0.0), (np.inf, 5.0), "int32")
    assert action_spec("Robot-v0", box(0, 2**63 - 1, (1,), np.int64)).high[0] < 2**63 - 1
    assert action_spec("Robot-v0", box(0, 1, (1,), bool)).act(np.array([[-1, 1]], np.float32)).tolist() == [
        [False],
        [True],
    ]
    assert action_spec("Robot-v0", box(-1, 1, (1,), np.float32)).dtype == ""


@pytest.mark.parametrize(
    ("space", "expected"),
    [
        (gymnasium.spaces.MultiDiscrete([3, 2]), "a Box of integers has several whole numbers"),
        (gymnasium.spaces.MultiBinary(3), "a Box of integers from 0 to 1 has several yes-or-no actions"),
        (gymnasium.spaces.Box(-1, 1, (2, 2)), "compactrl needs a flat Box or Discrete"),
        (gymnasium.spaces.Box(-1, 1, (0,)), "which has no number"),
    ],
)
def test_other_actions_are_refused_with_what_would_do(space, expected):
    with pytest.raises(InputError, match=expected):
        action_spec("Robot-v0", space)


def test_options_that_only_another_engine_takes_are_said_to_be_its():
    with pytest.raises(
        InputError, match=r"no option 'xml_fil' in EnvPool. Did you mean 'xml_file'\? It has .*frame_skip"
    ):
        describe("Hopper-v5", "envpool", kwargs={"xml_fil": "robot.xml"})
    with pytest.raises(
        InputError, match=r"Hopper has no option 'xml_fil'. Did you mean 'xml_file'\? It has .*frame_skip"
    ):
        describe("Hopper-v5", kwargs={"xml_fil": "robot.xml"})
    with pytest.raises(InputError, match=r"Hopper has no option 'velocity_max'.*--engine envpool takes these options"):
        describe("Hopper-v5", kwargs={"velocity_max": 5.0})
    with pytest.raises(InputError, match=r"no option 'g' in EnvPool.*--engine gymnasium takes these options"):
        describe("Pendulum-v1", kwargs={"g": 5.0})
    assert describe("Pendulum-v1", "gymnasium", kwargs={"g": 5.0}).engine == "gymnasium"
    with pytest.raises(
        InputError, match=r"Hopper-v5 does not take frame_skip 'a' in EnvPool .*defaults, frame_skip 4"
    ) as error:
        describe("Hopper-v5", "envpool", kwargs={"frame_skip": "a"})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("env", ["HalfCheetah-v2", "Ant-v2", "Hopper-v2"])
def test_versions_that_are_gone_name_the_one_of_today(env, recwarn):
    with pytest.raises(InputError, match=f"{env} cannot be made: .*. Use '{env[:-1]}5'"):
        describe(env)
    assert not recwarn


def test_without_envpool_other_engines_have_what_they_know(monkeypatch):
    monkeypatch.setitem(sys.modules, "envpool", None)
    envpool.ids.cache_clear()
    try:
        engines = {env: describe(env).engine for env in ("HalfCheetah-v5", "Ant-v5", "Pendulum-v1", "Striker-v0")}
        assert engines == {
            "HalfCheetah-v5": "mujoco", "Ant-v5": "mujoco", "Pendulum-v1": "gymnasium", "Striker-v0": "mujoco",
        }  # fmt: skip
        with pytest.raises(InputError, match="--engine envpool needs the package envpool, which is not installed"):
            describe("HalfCheetah-v5", "envpool")
        with pytest.raises(InputError, match=r"unknown environment 'HalfCheeta-v5'.*Did you mean 'HalfCheetah-v5'"):
            describe("HalfCheeta-v5")
    finally:
        envpool.ids.cache_clear()
