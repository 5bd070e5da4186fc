"""What compactrl knows of an environment: engine, sizes, bounds, limits; by id, the user's own included.

EnvPool is the engine where it knows the environment, Gymnasium for everything else.

A few of EnvPool's environments draw random numbers while they are stepped (`RANDOM_STEPS`), from a generator that
cannot be seeded anew at a reset as Gymnasium's can. A search in them is as reproducible as any, but one that is resumed
meets other episodes than one that was not interrupted, and is warned of. `--engine gymnasium` is exact, where the
environment's package (Box2D, MyoSuite) is installed.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import sys
import warnings
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from compactrl.envs.goals import Goal, distance_goal, goal_of
from compactrl.errors import InputError, did_you_mean
from compactrl.policy import ActionSpec

DEFAULT_EPISODE_STEPS = 1000
"""The cut for environments that set no limit of their own: an evaluation must end."""

ALIVE_BONUS = {"Hopper": 1.0, "Walker2d": 1.0, "Ant": 1.0, "Humanoid": 5.0}
"""Reward a step for not having fallen, by family; ARS (Mania et al. 2018) leaves it out while training."""


OWN_OPTIONS = {"num_envs", "batch_size", "num_threads", "max_num_players", "thread_affinity_offset", "seed"}
"""EnvPool's options for how it steps lanes, which are not the environment's."""

RANDOM_STEPS = re.compile(r"(Blackjack|LunarLander|myo\w*random).*", re.IGNORECASE)
"""Ids whose steps are random in EnvPool: found by comparing starts after a whole episode and after a mere reset."""


@dataclass(frozen=True)
class EnvironmentSpec:
    """An environment as the parts see it."""

    id: str
    engine: str
    """`envpool` or `gymnasium`."""
    observation_size: int
    """O"""
    action: ActionSpec
    max_episode_steps: int
    kwargs: dict[str, Any] = field(default_factory=dict)
    """Options given to the engine, `max_episode_steps` among them."""
    goal: Goal | None = field(default=None, compare=False)
    """Its goals, where it has some; the desired one is then the end of an observation."""

    @property
    def alive_bonus(self) -> float:
        """Reward a step for not having fallen; 0 where there is none or it is not known."""
        return ALIVE_BONUS.get(self.id.split("-")[0], 0.0)

    @property
    def resumes_exactly(self) -> bool:
        """Whether a lane's next episode depends on its count of resets alone, not on what was done before."""
        return self.engine != "envpool" or not RANDOM_STEPS.fullmatch(self.id)


def load_module(name: str) -> None:
    """Import a user's module, which registers its environments with Gymnasium.

    Raises:
        InputError: there is no such module, or it raises.
    """
    try:
        with _working_directory_importable():
            importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise InputError(
            f"--env-module {name}: {error}. Give the importable name of the module that registers your "
            "environment, and install it or run from its folder."
        ) from error
    except Exception as error:
        raise InputError(f"--env-module {name}: importing it raised {type(error).__name__}: {error}") from error


@contextlib.contextmanager
def _working_directory_importable() -> Any:
    sys.path.insert(0, "")
    try:
        yield
    finally:
        sys.path.remove("")
        if os.getcwd() not in sys.path:  # last: for what the module imports later, when its environment is made
            sys.path.append(os.getcwd())


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


def action_spec(env: str, space: Any) -> ActionSpec:
    """Describe a Gymnasium action space.

    Raises:
        InputError: neither a flat Box nor Discrete.
    """
    import gymnasium

    if isinstance(space, gymnasium.spaces.Discrete):
        return ActionSpec("discrete", choices=int(space.n), start=int(space.start))
    if isinstance(space, gymnasium.spaces.Box) and len(space.shape) == 1:
        return ActionSpec("box", tuple(map(float, space.low)), tuple(map(float, space.high)))
    raise InputError(f"{env} has actions {space}: compactrl needs a flat Box or Discrete")


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
