"""What compactrl knows of an environment: engine, sizes, bounds, limits; by id, the user's own included.

EnvPool is the engine where it knows the environment, Gymnasium for everything else.

A few of EnvPool's environments draw random numbers while they are stepped (`RANDOM_STEPS`), from a generator that
cannot be seeded anew at a reset as Gymnasium's can. A search in them is as reproducible as any, but one that is resumed
meets other episodes than one that was not interrupted, and is warned of. `--engine gymnasium` is exact, where the
environment's package (Box2D, MyoSuite) is installed.
"""

from __future__ import annotations

import contextlib
import re
import warnings
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from compactrl.envs.goals import distance_goal, goal_of
from compactrl.envs.spec import DEFAULT_EPISODE_STEPS, EnvironmentSpec, action_spec
from compactrl.errors import InputError, did_you_mean

OWN_OPTIONS = {"num_envs", "batch_size", "num_threads", "max_num_players", "thread_affinity_offset", "seed"}
"""EnvPool's options for how it steps lanes, which are not the environment's."""


@cache
def envpool_ids() -> frozenset[str]:
    """Return every id that EnvPool knows."""
    import envpool

    return frozenset(envpool.list_all_envs())


def make_gymnasium(env: str, kwargs: dict[str, Any]) -> Any:
    """Make a Gymnasium environment with a flat observation."""
    import gymnasium

    import compactrl.envs.toy  # noqa: F401  (registers itself)
    from compactrl.envs.wrappers import GoalObservation, has_goals

    made = gymnasium.make(env, **kwargs)
    space = made.observation_space
    if has_goals(space) and hasattr(made.unwrapped, "compute_reward"):
        return GoalObservation(made)
    if not (isinstance(space, gymnasium.spaces.Box) and len(space.shape) == 1):
        made = gymnasium.wrappers.FlattenObservation(made)
    return made


def describe(
    env: str, engine: str = "auto", max_episode_steps: int = 0, kwargs: dict[str, Any] | None = None
) -> EnvironmentSpec:
    """Look an environment up and say what a policy for it must look like.

    Args:
        env: its id, such as `HalfCheetah-v5`.
        engine: `auto`, `envpool` or `gymnasium`.
        max_episode_steps: a shorter or longer limit than the environment's own; 0 keeps its own.
        kwargs: options of the environment.

    Raises:
        InputError: unknown id, or spaces that a plain MLP cannot serve.
    """
    options = dict(kwargs or {})
    if engine not in ("auto", "envpool", "gymnasium"):
        raise InputError(f"unknown engine '{engine}': use auto, envpool or gymnasium")
    if engine != "gymnasium" and env in envpool_ids():
        spec = _describe_envpool(env, max_episode_steps, options)
        if spec is not None:
            return spec
    if engine == "envpool":
        raise InputError(f"EnvPool has no environment '{env}' with flat observations: use --engine auto")
    return _describe_gymnasium(env, max_episode_steps, options)


def _describe_envpool(env: str, max_episode_steps: int, kwargs: dict[str, Any]) -> EnvironmentSpec | None:
    import envpool
    import gymnasium

    from compactrl.envs.wrappers import has_goals

    for option in OWN_OPTIONS & kwargs.keys():
        raise InputError(f"--env-options: '{option}' is compactrl's own to set; see --lanes, --threads and --seed")
    if max_episode_steps:
        kwargs = {**kwargs, "max_episode_steps": max_episode_steps}
    try:
        with warnings.catch_warnings():  # of precision lost in bounds, which says nothing to a user
            warnings.simplefilter("ignore")
            spec = envpool.make_spec(env, **kwargs)
            observation, action = spec.gymnasium_observation_space, spec.gymnasium_action_space
    except Exception as error:
        raise InputError(f"{env} does not take these options: {error}") from error
    goal = None
    if env.startswith("Fetch") and has_goals(observation):
        goal = distance_goal(
            int(observation["desired_goal"].shape[0]),
            spec.config.distance_threshold,
            spec.config.reward_type == "dense",
        )
        size = int(observation["observation"].shape[0]) + goal.size
    elif isinstance(observation, gymnasium.spaces.Box) and len(observation.shape) == 1:
        size = int(observation.shape[0])
    else:
        return None  # images and other dictionaries: Gymnasium flattens what can be flattened
    limit = int(spec.config.max_episode_steps)
    if not 0 < limit < 10**6:
        limit = DEFAULT_EPISODE_STEPS
    kwargs = {**kwargs, "max_episode_steps": limit}
    return EnvironmentSpec(env, "envpool", size, action_spec(env, action), limit, kwargs, goal)


def _describe_gymnasium(env: str, max_episode_steps: int, kwargs: dict[str, Any]) -> EnvironmentSpec:
    import gymnasium

    import compactrl.envs.toy  # noqa: F401  (registers itself)
    from compactrl.envs.wrappers import GoalObservation

    try:
        registered = gymnasium.spec(env)
    except gymnasium.error.Error as error:
        raise InputError(_unknown_environment(env, list(gymnasium.registry))) from error
    given = max_episode_steps or kwargs.get("max_episode_steps")
    limit = given or registered.max_episode_steps or DEFAULT_EPISODE_STEPS
    kwargs = {**kwargs, "max_episode_steps": limit}
    try:
        made = make_gymnasium(env, kwargs)
    except Exception as error:
        raise InputError(f"{env} cannot be made: {type(error).__name__}: {error}") from error
    size = int(np.prod(made.observation_space.shape))
    action = action_spec(env, made.action_space)
    goal = goal_of(made, made.goal_size) if isinstance(made, GoalObservation) else None
    made.close()
    return EnvironmentSpec(env, "gymnasium", size, action, limit, kwargs, goal)


class Searchable(NamedTuple):
    """An environment that can be searched."""

    id: str
    engine: str
    observations: int
    actions: int
    episode_steps: int


USUAL = re.compile(
    r"(Swimmer|Hopper|HalfCheetah|Walker2d|Ant|Humanoid|HumanoidStandup|Reacher|Pusher|Inverted\w*)-v5|Fetch(Reach|Push|Slide|PickAndPlace)-v4|"
    r"(Pendulum|CartPole|Acrobot|MountainCar\w*|LunarLander\w*|BipedalWalker\w*)-v\d|compactrl/.*"
)
"""What `compactrl envs` lists without a pattern."""


def searchable(pattern: str = "") -> list[Searchable]:
    """Return the environments with `pattern` in their id (without one, the usual ones) that a plain MLP can serve."""
    import gymnasium

    import compactrl.envs.toy  # noqa: F401  (registers itself)

    known = sorted({*envpool_ids(), *gymnasium.registry})
    wanted = [env for env in known if (pattern.lower() in env.lower() if pattern else USUAL.fullmatch(env))]
    rows = []
    for env in wanted:
        # What cannot be made here (a missing package, images) is not offered.
        with contextlib.suppress(InputError), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            spec = describe(env)
            rows.append(Searchable(env, spec.engine, spec.observation_size, spec.action.size, spec.max_episode_steps))
    return rows


def _unknown_environment(env: str, registered: list[str]) -> str:
    old = re.fullmatch(r"(.+)-v[0-4]", env)
    known = sorted({*registered, *envpool_ids()})
    if env in known:
        return (
            f"{env} has no flat observations in EnvPool, and this Gymnasium does not know it: install the package that "
            "registers it with Gymnasium and name its module by --env-module"
        )
    if old and f"{old[1]}-v5" in known:
        return f"unknown environment '{env}': versions before v5 are gone from MuJoCo's bindings; use '{old[1]}-v5'"
    return (
        f"unknown environment '{env}'.{did_you_mean(env, known)} `compactrl envs` lists what is there; your own "
        "environment is registered by --env-module"
    )
