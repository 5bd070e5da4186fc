"""The environment of a run with a camera, or why it cannot be drawn here and what to do about it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from compactrl.envs.answers import raised_in, reason_of
from compactrl.envs.batched import BATCHED
from compactrl.errors import CompactrlError, did_you_mean
from compactrl.machine import drawing
from compactrl.machine.needs import NEEDS
from compactrl.reports.camera import aim
from compactrl.reports.frames import Image, even
from compactrl.runs.run import Run

DRAWN_WITH = {"classic_control": "pygame", "toy_text": "pygame", "box2d": "box2d"}
"""What Gymnasium's environments are drawn with, by the package they are in: a name in `NEEDS`."""
ROBOTICS = ("Fetch", "Hand", "Adroit", "FrankaKitchen", "AntMaze", "PointMaze")
"""Beginnings of ids that the package gymnasium-robotics has."""


class CannotDrawError(CompactrlError):
    """The environment cannot be drawn here; the message says why and what to do."""


class Stage(NamedTuple):
    """An environment that can be drawn."""

    env: Any
    follow: Callable[[], None]
    """Moves the camera along with the robot; to be called before each picture."""

    def picture(self) -> Image:
        """Return what the camera sees, (height, width, 3)."""
        self.follow()
        return even(self.env.render())


def has_camera(env: str) -> bool:
    """Return whether an environment can be filmed, as far as its class tells; where nobody knows that, it may be."""
    import gymnasium

    batched, spec = BATCHED.get(env), gymnasium.registry.get(env)
    if batched is not None:
        return not isinstance(batched.make, type) or hasattr(batched.make, "render")
    metadata = getattr(getattr(spec, "entry_point", None), "metadata", None)
    modes = metadata.get("render_modes") if isinstance(metadata, Mapping) else None
    return modes is None or "rgb_array" in modes


def with_camera(run: Run) -> Stage:
    """Return the run's environment with a camera.

    Raises:
        CannotDrawError: it has none, or nothing draws here.
        InputError: there is no such environment any more.
    """
    drawing.choose()
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")  # it would stand among our results
    if not any(os.environ.get(screen) for screen in ("DISPLAY", "WAYLAND_DISPLAY")):
        os.environ.setdefault("SDL_VIDEODRIVER", "dummy")  # else pygame looks for a screen and calls it an error
    from compactrl.envs.engines.gymnasium import make_gymnasium
    from compactrl.envs.registry import environment_of

    name, spec = run.config["env"], environment_of(run.config)
    options = {**spec.kwargs, "render_mode": "rgb_array"}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            env = make_gymnasium(name, options)
    except Exception as error:
        raise CannotDrawError(f"{name} cannot be drawn: {_why_not_made(name, error)}") from error
    try:
        _check_sizes(name, env, run)
        _begin(name, env)
        stage = Stage(env, aim(env, options))
        _take_a_picture(name, stage)
    except BaseException:
        env.close()
        raise
    return stage


def _why_not_made(name: str, error: Exception) -> str:
    """Say why Gymnasium makes no environment that could be drawn, and what to do."""
    import gymnasium

    if isinstance(error, gymnasium.error.UnregisteredEnv):
        need = NEEDS["gymnasium-robotics"]
        if name.startswith(ROBOTICS):
            return f"Gymnasium, which has the cameras, has it from {need.name}: `{need.install}`"
        return (
            "it is EnvPool's, and Gymnasium, which has the cameras, does not know it."
            f"{did_you_mean(name, gymnasium.registry)}"
        )
    return _why_not_drawn(name, error)


def _why_not_drawn(name: str, error: Exception) -> str:
    """Say what an error while an environment is made or drawn means, and what to do."""
    import gymnasium

    need = _need_of(name)
    if need is not None and isinstance(error, (gymnasium.error.DependencyNotInstalled, ImportError)):
        return f"it is drawn with {need.name}, which is not installed: `{need.install}`"
    if isinstance(error, NotImplementedError) and str(error):
        return str(error)  # whoever has no camera says so
    if "render_mode" in str(error) or isinstance(error, NotImplementedError):
        return 'it has no camera: it would need the render mode "rgb_array", and a render() that returns an image'
    hindered = drawing.hindrance() if drawing.is_of_drawing(error) else ""
    return hindered or raised_in(error)


def _need_of(name: str) -> Any:
    """Return what one of Gymnasium's own environments is drawn with, or None."""
    import gymnasium

    place = str(getattr(gymnasium.registry.get(name), "entry_point", "")).split(":")[0].split(".")
    kind = place[2] if place[:2] == ["gymnasium", "envs"] and len(place) > 2 else ""
    return NEEDS.get(DRAWN_WITH.get(kind, ""))


def _check_sizes(name: str, env: Any, run: Run) -> None:
    """Raise CannotDrawError where Gymnasium's environment is not what the policy is for."""
    size = int(np.prod(env.observation_space.shape))
    expected = run.policy.shape[0]
    if size != expected:
        raise CannotDrawError(
            f"{name} cannot be drawn: Gymnasium's has {size} observations, and the policy is for {expected}, as the "
            f"{run.config['engine']} engine has"
        )


def _begin(name: str, env: Any) -> None:
    """Begin an episode, of which the first picture is.

    Raises:
        CannotDrawError: the environment raises.
    """
    try:
        env.reset(seed=0)
    except CompactrlError as error:
        raise CannotDrawError(f"{name} cannot be drawn: {error}") from error
    except BaseException as error:
        raise CannotDrawError(f"{name} cannot be drawn: {reason_of(error)}") from error


def _take_a_picture(name: str, stage: Stage) -> None:
    """Draw once: where drawing fails, it fails with the first picture.

    Raises:
        CannotDrawError: it does.
    """
    by_mujoco = getattr(stage.env.unwrapped, "mujoco_renderer", None) is not None
    hindered = drawing.hindrance() if by_mujoco else ""
    if hindered:
        raise CannotDrawError(f"{name} cannot be drawn: {hindered}")
    try:
        stage.picture()
    except CompactrlError as error:
        raise CannotDrawError(f"{name} cannot be drawn: {error}") from error
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
        why = drawing.failure(text) if by_mujoco else _why_not_drawn(name, error)
        raise CannotDrawError(f"{name} cannot be drawn: {why}") from error
