"""The EnvPool engine: the episodes of Gymnasium's MuJoCo, restarts amid episodes, and the versions it is for."""

import tomllib
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from evaluating import make_trials, outcomes_of
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from compactrl.envs.engines.envpool import PRIVATE, TESTED, EnvPoolEngine
from compactrl.envs.engines.gymnasium import GymnasiumEngine
from compactrl.envs.registry import describe

WHOLE_STATE = {"exclude_current_positions_from_observation": False}


POSITIONS = {"HalfCheetah-v5": 9, "Hopper-v5": 6, "Walker2d-v5": 9, "Swimmer-v5": 5}


@pytest.mark.parametrize(
    ("env", "steps"), [("HalfCheetah-v5", 10), ("Hopper-v5", 100), ("Walker2d-v5", 100), ("Swimmer-v5", 100)]
)
def test_envpool_and_gymnasium_agree_from_the_same_state(env, steps):
    pytest.importorskip("imageio", reason="Gymnasium's MuJoCo environments import it")
    lanes = 4
    options = {**WHOLE_STATE, "max_episode_steps": 1000}
    if env in ("Hopper-v5", "Walker2d-v5"):
        options["terminate_when_unhealthy"] = False
    pool, envs = EnvPoolEngine(env, list(range(lanes)), 1, options), GymnasiumEngine(env, list(range(lanes)), options)
    everyone, restart = np.arange(lanes), np.ones(lanes, bool)
    for engine in (pool, envs):
        engine.send(everyone, None, restart)
    start = pool.receive().observation
    envs.receive()
    for one, state in zip(envs._envs, start, strict=True):
        one.unwrapped.set_state(state[: POSITIONS[env]], state[POSITIONS[env] :])
    generator = np.random.default_rng(0)
    size = envs._envs[0].action_space.shape[0]
    for _ in range(steps):
        # Gymnasium's action space is single precision, EnvPool's double: give both what both can hold.
        actions = generator.uniform(-1, 1, (lanes, size)).astype(np.float32).astype(np.float64)
        for engine in (pool, envs):
            engine.send(everyone, actions, ~restart)
        mine, theirs = pool.receive(), envs.receive()
        np.testing.assert_allclose(mine.observation, theirs.observation, rtol=0, atol=1e-9)
        np.testing.assert_allclose(mine.reward, theirs.reward, rtol=1e-6, atol=1e-6)  # EnvPool's are single
        np.testing.assert_array_equal(mine.done, theirs.done)
    pool.close()
    envs.close()


def test_envpool_restarts_a_lane_amid_its_episode_while_the_others_step():
    """The forced restart is a reset like any other: the lane's next start state is that of its second reset."""
    options = {"max_episode_steps": 100}
    lanes = np.arange(3)
    actions = np.random.default_rng(0).uniform(-1, 1, (3, 3, 6))

    def pool():
        return EnvPoolEngine("HalfCheetah-v5", [1, 2, 3], 2, options)

    engine, twin = pool(), pool()
    for each in (engine, twin):
        each.send(lanes, None, np.ones(3, bool))
        each.receive()
        each.send(lanes, actions[0], np.zeros(3, bool))
        each.receive()
    engine.send(lanes, actions[1], np.array([False, True, False]))
    found = engine.receive()
    twin.send(np.array([0, 2]), actions[1][[0, 2]], np.zeros(2, bool))
    stepped = twin.receive()
    twin.send(np.array([1]), None, np.ones(1, bool))
    restarted = twin.receive()
    np.testing.assert_array_equal(found.observation[[0, 2]], stepped.observation)
    np.testing.assert_array_equal(found.reward[[0, 2]], stepped.reward)
    np.testing.assert_array_equal(found.observation[1], restarted.observation[0])
    assert not found.done.any()
    for each in (engine, twin):
        each.send(lanes, actions[2], np.zeros(3, bool))
    np.testing.assert_array_equal(engine.receive().observation, twin.receive().observation)
    engine.close()
    twin.close()


@pytest.mark.parametrize(
    "env", ["LunarLanderContinuous-v3", "BipedalWalker-v3", "Acrobot-v1", "MountainCarContinuous-v0"]
)
def test_actions_have_the_shape_that_each_of_envpools_families_wants(env):
    spec = describe(env, max_episode_steps=10)
    assert spec.engine == "envpool"
    assert not outcomes_of(spec, 3, make_trials(spec, 5)).failures


def test_the_installed_envpool_is_one_that_its_engine_is_for():
    installed = metadata.version("envpool")
    if installed not in SpecifierSet(TESTED):
        pytest.fail(
            f"EnvPool {installed} is installed, and engines/envpool.py is for {TESTED}: check that its private parts "
            f"({', '.join(PRIVATE)}) still do the same, then widen TESTED there and the range in pyproject.toml"
        )
    project = tomllib.loads((Path(__file__).parents[4] / "pyproject.toml").read_text())["project"]
    (allowed,) = (each for each in map(Requirement, project["dependencies"]) if each.name == "envpool")
    assert allowed.specifier == SpecifierSet(TESTED), "pyproject.toml allows versions that nobody has tested"


def test_the_private_parts_of_a_pool_are_there():
    engine = EnvPoolEngine("Pendulum-v1", [1], 1, {})
    gone = [name for name in PRIVATE if not hasattr(engine._pool, name)]
    engine.close()
    if gone:
        pytest.fail(
            f"EnvPool {metadata.version('envpool')} has no {', '.join(gone)}: engines/envpool.py must do without"
        )


def test_no_other_file_uses_what_is_private():
    package = Path(__file__).parents[4] / "compactrl"
    files = [path for path in package.rglob("*.py") if path.name != "envpool.py"]
    used = [f"._pool.{name}" for name in PRIVATE] + ["_state_keys"]
    assert not [path for path in files if any(name in path.read_text(encoding="utf-8") for name in used)]
