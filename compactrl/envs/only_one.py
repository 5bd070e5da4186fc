"""Made environments: copied by their spec where the copies are like them, else one that all who ask for it share."""

from __future__ import annotations

import copy
import json
from typing import Any, NamedTuple

import gymnasium


class Sharing(NamedTuple):
    """Makes what looks like environments of their own, and is one."""

    made: Any
    owner: list[Any]
    """Who began the episode that stands, if one does."""

    def __call__(self, render_mode: str | None = None) -> gymnasium.Env:
        """Return the environment, for one more who uses it.

        Raises:
            ValueError: it draws in another way than asked for.
        """
        if render_mode is not None and render_mode != self.made.render_mode:
            raise ValueError(
                f"it was made with render_mode={self.made.render_mode!r}: make it with render_mode={render_mode!r}"
            )
        return Shared(self.made, self.owner)


class Copying(NamedTuple):
    """Makes copies of an environment."""

    made: Any
    spec: Any

    def __call__(self, **options: Any) -> gymnasium.Env:
        """Return a copy, with other options than the spec's where some are given."""
        return gymnasium.make(self.spec, **options)


class Shared(gymnasium.Wrapper):  # type: ignore[misc]  # (Gymnasium is not followed by the type checker)
    """An environment that exists once, for one of those who use it.

    It is not closed: whoever made it may go on with it. Episodes come one after the other.
    """

    def __init__(self, made: Any, owner: list[Any]) -> None:
        super().__init__(made)
        self._owner = owner

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        """Begin an episode; one that another user began is over with that."""
        self._owner[:] = [self]
        return self.env.reset(seed=seed, options=options)

    def step(self, action: Any) -> Any:
        """Take an action.

        Raises:
            RuntimeError: another user has begun an episode since.
        """
        if self._owner != [self]:
            raise RuntimeError("the environment exists once, and another episode was begun in it before this one ended")
        return self.env.step(action)

    def close(self) -> None:
        """Leave it open."""


def is_shared(made: Any) -> bool:
    """Return whether an environment is, under its wrappers, one that exists once."""
    while isinstance(made, gymnasium.Wrapper):
        if isinstance(made, Shared):
            return True
        made = made.env
    return False


def sharing(made: Any) -> Sharing:
    """Return what gives everybody this environment."""
    return Sharing(made, [])


def options_of(made: Any) -> dict[str, Any] | None:
    """Return the options of a search in copies of an environment that its id and JSON describe; None of any other."""
    spec = _quiet_spec(made)
    if spec is None or spec.id not in gymnasium.registry or spec.additional_wrappers:
        return None
    own = gymnasium.registry[spec.id]
    if callable(own.entry_point) or not _is_json(spec.kwargs) or not _alike(made, spec):
        return None
    options = {name: value for name, value in spec.kwargs.items() if (name, value) not in own.kwargs.items()}
    own_limit = spec.max_episode_steps in (None, own.max_episode_steps)
    limit = {} if own_limit else {"max_episode_steps": spec.max_episode_steps}
    return {"engine": "gymnasium", **limit, **({"env_options": options} if options else {})}


def copies_by_spec(made: Any) -> Copying | None:
    """Return what makes copies of an environment by its spec, wrappers included; None where they are not like it."""
    spec = _quiet_spec(made)
    if spec is None or not _alike(made, spec):
        return None
    return Copying(made, spec)


def _quiet_spec(made: Any) -> Any:
    """Return the spec of an environment, without its camera; None where it has none."""
    if made.spec is None:
        return None
    spec = copy.deepcopy(made.spec)
    spec.kwargs.pop("render_mode", None)  # 160 windows
    return spec


def _is_json(values: Any) -> bool:
    try:
        return bool(json.loads(json.dumps(values)) == values)
    except (TypeError, ValueError):
        return False


def _alike(made: Any, spec: Any) -> bool:
    """Return whether a spec makes an environment of the same classes inside each other, spaces and limit of steps."""
    try:
        other = gymnasium.make(spec)
    except Exception:  # whatever a constructor raises: there is no copy
        return False
    try:
        mine, theirs = (
            (_layers(env), env.observation_space, env.action_space, inner_limit(env)) for env in (made, other)
        )
        return mine == theirs
    finally:
        other.close()


def _layers(env: Any) -> list[type]:
    """Return the classes of an environment from the outside in, without limits of steps."""
    layers = [] if isinstance(env, gymnasium.wrappers.TimeLimit) else [type(env)]
    return [*layers, *(_layers(env.env) if isinstance(env, gymnasium.Wrapper) else [])]


def inner_limit(made: Any) -> int | None:
    """Return the least number of steps that limits inside an environment cut its episodes to; None without any."""
    limits = []
    while isinstance(made, gymnasium.Wrapper):
        if isinstance(made, gymnasium.wrappers.TimeLimit):
            limits.append(int(made.spec.max_episode_steps))
        made = made.env
    return min(limits, default=None)
