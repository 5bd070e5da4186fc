"""The Gymnasium engine: any environment registered with Gymnasium, the user's own included, in this process."""

from __future__ import annotations

import re
import warnings
import weakref
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compactrl.envs.answers import numbers, raised_in, reason_of
from compactrl.envs.contexts import checked_contexts, reset_options
from compactrl.envs.engines.base import Answer, DeferredEngine, reset_seed
from compactrl.envs.given import find
from compactrl.envs.goals import goal_of, has_goals
from compactrl.envs.layout import goal_layout, layout_of
from compactrl.envs.names import goal_names, observation_names
from compactrl.envs.notices import warn_once
from compactrl.envs.only_one import is_shared
from compactrl.envs.probe import Probe, close_quietly, global_random_state_kept, probe, resets_repeat, success_in
from compactrl.envs.spec import (
    DEFAULT_EPISODE_STEPS,
    SUCCESS,
    EnvironmentSpec,
    action_spec,
    lower_is_better,
    measure_names,
    observation_size,
)
from compactrl.errors import CompactrlError, InputError
from compactrl.imports.backends import any_backend
from compactrl.policies.observations import Layout
from compactrl.types import Floats, Integers


def ids() -> frozenset[str]:
    """Return every id that is registered, compactrl's own included."""
    import gymnasium

    import compactrl.envs.families
    import compactrl.envs.robots
    import compactrl.envs.toy
    import compactrl.envs.toy_batched  # noqa: F401  (all register themselves)

    return frozenset(gymnasium.registry)


def describe(env: str, max_episode_steps: int, options: dict[str, Any]) -> EnvironmentSpec | None:
    """See `EngineKind`."""
    import gymnasium

    import compactrl.envs.families
    import compactrl.envs.robots
    import compactrl.envs.toy
    import compactrl.envs.toy_batched  # noqa: F401  (all register themselves)
    from compactrl.envs.only_one import inner_limit

    try:
        registered = gymnasium.spec(env)
    except gymnasium.error.Error:
        return None
    own = max_episode_steps or options.get("max_episode_steps") or registered.max_episode_steps
    limit = own or DEFAULT_EPISODE_STEPS
    options = {**options, "max_episode_steps": limit}
    with global_random_state_kept():
        made = _made(env, options)
        inner = inner_limit(made)
        if inner is not None and inner < limit:  # what makes it has a limit of its own
            limit = own = options["max_episode_steps"] = inner
        return _described(env, made, limit, bool(own), options)


def _described(env: str, made: Any, limit: int, limited: bool, options: dict[str, Any]) -> EnvironmentSpec:
    """Say what an environment is that has been made; it is closed before another one is made.

    Args:
        env: its id.
        made: the environment.
        limit: of an episode, in steps.
        limited: whether somebody set that.
        options: it was made with.
    """
    from compactrl.envs.wrappers import GoalObservation

    layout = _layout(made)
    try:
        size = observation_size(env, made.observation_space)
        action = action_spec(env, made.action_space)
        named = measure_names(env, made.metadata.get("measures", ()))
        lower = lower_is_better(env, made.metadata.get("lower_is_better", ()), named)
        contexts = checked_contexts(env, _contexts(made))
    except InputError:
        close_quietly(made)
        raise
    goals = isinstance(made, GoalObservation)
    if goals:
        tried = probe(made, lambda: make_gymnasium(env, options))
    else:
        tried = Probe(repeats=resets_repeat(made))
        close_quietly(made)
    reported = tried.reports_success or SUCCESS in named
    goal = goal_of(made, tried, reported) if goals else None  # closed, as it is when rewards are asked for
    measures = measure_names(env, named, goal, reported)
    return EnvironmentSpec(
        env, "gymnasium", size, action, limit, options, goal, measures, limited,
        names=_names(made), repeats=tried.repeats, layout=layout, lower_is_better=lower, contexts=contexts,
    )  # fmt: skip


def _names(made: Any) -> tuple[str, ...]:
    """Say what the numbers of an observation are, of what `make_gymnasium` made."""
    from compactrl.envs.wrappers import FlatObservation, GoalObservation

    if isinstance(made, GoalObservation):
        return goal_names(made.env.observation_space)
    if isinstance(made, FlatObservation):
        return observation_names(made.env.observation_space)
    return tuple(getattr(made.unwrapped, "observation_names", ()))


def _contexts(made: Any) -> Any:
    """Return what tells tasks apart, as an environment has it, or a wrapper of it; None where it is no family."""
    return made.get_wrapper_attr("contexts") if made.has_wrapper_attr("contexts") else None


def _made(env: str, options: dict[str, Any]) -> Any:
    """Make an environment to describe it.

    Raises:
        InputError: it cannot be made.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a search's environments give the same ones
            return make_gymnasium(env, options)
    except InputError:
        raise
    except BaseException as error:
        raise InputError(f"{env} cannot be made: {raised_in(error).rstrip('.')}{_newer(env)}") from error


def _newer(env: str) -> str:
    """Name the newest version of an environment that cannot be made, where it is another one."""
    import gymnasium

    name, _, version = env.rpartition("-v")
    versions = [
        int(known.rpartition("-v")[2])
        for known in gymnasium.registry
        if re.fullmatch(f"{re.escape(name)}-v\\d+", known)
    ]
    return f". Use '{name}-v{max(versions)}'" if version.isdigit() and max(versions) > int(version) else ""


def _layout(made: Any) -> Layout:
    """Return how the observations of an environment, before `make_gymnasium` made them flat, become rows."""
    from compactrl.envs.wrappers import FlatObservation, GoalObservation

    if isinstance(made, GoalObservation):
        return goal_layout(made.env.observation_space)
    return layout_of(made.env.observation_space) if isinstance(made, FlatObservation) else ()


def make(spec: EnvironmentSpec, seeds: list[int], threads: int) -> GymnasiumEngine:  # noqa: ARG001  (one is all there is)
    """See `EngineKind`."""
    in_info = spec.goal is None or spec.goal.success is None
    return GymnasiumEngine(spec.id, seeds, spec.kwargs, in_info and SUCCESS in spec.measures)


def make_gymnasium(env: str, options: dict[str, Any]) -> Any:
    """Make a Gymnasium environment with a flat observation."""
    import gymnasium

    import compactrl.envs.families
    import compactrl.envs.robots
    import compactrl.envs.toy
    import compactrl.envs.toy_batched  # noqa: F401  (all register themselves)
    from compactrl.envs.wrappers import FlatObservation, GoalObservation, checked

    find(env)
    named = gymnasium.spec(env) if ":" in env else env
    with any_backend():  # of users' environments, which may draw
        made = gymnasium.make(named, **{"disable_env_checker": True, **options})  # `Checked` tells more
    try:
        space = made.observation_space
        observation_size(env, space)
        made = checked(made)
        if has_goals(space) and hasattr(made.unwrapped, "compute_reward"):
            return GoalObservation(made)
        if not (isinstance(space, gymnasium.spaces.Box) and len(space.shape) == 1):
            made = FlatObservation(made)
    except BaseException:
        made.close()
        raise
    return made


_IN_LANES: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
"""By their `id`, the environments that are some lane's: what makes them must not give the same one to another."""


class GymnasiumEngine(DeferredEngine):
    """Lanes as Gymnasium environments, stepped one after the other.

    An environment that raises does not end the search: its lane answers with the reason, and begins anew.

    What it names in `metadata["measures"]` it reports in `info` at an episode's last step. Success may be called
    `is_success` there; environments with goals need not name it.

    The task of an episode comes as `reset(options={"task": …})`, where trials have tasks. What has `contexts` is a
    family of tasks, and draws a test task by its seed where none comes.

    Every reset is seeded, by the lane's seed and its count of resets (`reset_seed`).

    Args:
        env: a registered id.
        seeds: one an environment.
        kwargs: options for `gymnasium.make`.
        success: whether it says in `info` what succeeds, named as a measure or not.
    """

    def __init__(self, env: str, seeds: list[int], kwargs: dict[str, Any], success: bool = False) -> None:
        self._id, self._envs = env, list[Any]()
        for _ in seeds:
            self._add(env, kwargs, len(seeds))
        self._seeds = seeds
        self._resets = [0] * len(seeds)
        self._size = int(np.prod(self._envs[0].observation_space.shape))
        self._goal_size = getattr(self._envs[0], "goal_size", 0)
        self._contexts = _contexts(self._envs[0])
        self._named = measure_names(env, self._envs[0].metadata.get("measures", ()))
        self._measures = measure_names(env, self._named, reported=success)
        self._warned = SUCCESS in self._measures

    def _answer(
        self, lanes: Integers, actions: NDArray[Any] | None, restart: NDArray[np.bool_], tasks: Floats | None
    ) -> Answer:
        observation = np.zeros((len(lanes), self._size))
        reward = np.zeros(len(lanes))
        done, ended = np.zeros(len(lanes), bool), np.zeros(len(lanes), bool)
        achieved = np.zeros((len(lanes), self._goal_size)) if self._goal_size else None
        measures = {name: np.full(len(lanes), np.nan) for name in self._measures}
        errors: dict[int, str] = {}
        for position, lane in enumerate(lanes):
            try:
                if restart[position]:
                    self._resets[lane] += 1
                    given = {} if tasks is None else {"options": reset_options(self._contexts, tasks[position])}
                    seen, _ = self._envs[lane].reset(seed=reset_seed(self._seeds[lane], self._resets[lane]), **given)
                else:
                    action = actions[position] if actions is not None else None
                    if isinstance(action, np.ndarray):
                        action = action.astype(self._envs[lane].action_space.dtype)
                    seen, reward[position], terminated, truncated, info = self._envs[lane].step(action)
                    done[position], ended[position] = terminated or truncated, terminated
                    if done[position]:
                        for name, values in measures.items():
                            values[position] = _measured(info, name, name in self._named)
                        self._warn_of_unnamed_success(info)
                observation[position] = numbers(seen, self._size)
                if achieved is not None:
                    achieved[position] = self._envs[lane].achieved
            except BaseException as error:
                # Whatever a user's environment raises is a failed evaluation with its reason, kept and shown.
                errors[position] = reason_of(error)
        return Answer(observation, reward, done, errors, ended, achieved, measures)

    def _warn_of_unnamed_success(self, info: Any) -> None:
        """Warn once of an environment that says what succeeds and does not name it, so that nobody counts on it."""
        if not self._warned and success_in(info) is not None:
            self._warned = True
            warn_once(
                f"{self._id} has success in its info and does not name it: it is not reported. For that, name it in "
                'the environment\'s metadata: {"measures": ["success"]}'
            )

    def _add(self, env: str, kwargs: dict[str, Any], wanted: int) -> None:
        """Make one more environment.

        Raises:
            CompactrlError: it cannot be made beside the others, which are closed.
            InputError: it is one of the others.
        """
        try:
            self._envs.append(make_gymnasium(env, kwargs))
        except BaseException as error:
            made = len(self._envs)
            self.close()
            few = f". If there can be no more at a time, give --num-envs {made}" if made else ""
            raise CompactrlError(
                f"{env}: environment {made + 1} of {wanted} cannot be made: {raised_in(error)}{few}"
            ) from error
        bare = self._envs[-1].unwrapped
        if id(bare) in _IN_LANES and not is_shared(self._envs[-1]):
            self._envs.pop()
            self.close()
            raise InputError(
                f"{env}: what makes it gave the same environment twice, in which episodes would run through each "
                "other. Make a new one each time; or give that environment itself: then one episode runs after the "
                "other"
            )
        _IN_LANES[id(bare)] = bare

    def close(self) -> None:
        """See `Engine`; an environment that cannot be closed is told of."""
        while self._envs:
            env = self._envs.pop()
            try:
                _IN_LANES.pop(id(env.unwrapped), None)
                env.close()
            except BaseException as error:
                warn_once(f"{self._id} cannot be closed: {raised_in(error)}")


def _measured(info: Any, name: str, named: bool) -> float:
    """Return a measure of an episode that has ended: one that is named must be there."""
    if name in info and (named or name != SUCCESS):
        return float(info[name])
    success = success_in(info) if name == SUCCESS else None
    if success is None and named:
        raise KeyError(f"the measure '{name}' is named in the environment's metadata, and is not in its last info")
    return np.nan if success is None else success
