"""Play a run's policy in its environment and write what a camera sees: headless, as mp4 or gif.

MuJoCo draws by EGL (a GPU, or Mesa's software) or by OSMesa; which of the two is there must be known before MuJoCo is
imported, since it reads `MUJOCO_GL` only once. Frames come from Gymnasium, which knows a camera for each environment.
"""

from __future__ import annotations

import contextlib
import ctypes.util
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from compactrl.errors import CompactrlError, InputError, did_you_mean
from compactrl.runs.run import Run
from compactrl.types import Floats

KINDS = (".mp4", ".gif")
LIBRARIES = {"egl": "EGL", "osmesa": "OSMesa"}
INSTALL = (
    "drawing without a screen needs EGL or OSMesa, and neither is there: `apt-get install libegl1 libgl1-mesa-dri`, or "
    "`apt-get install libosmesa6`"
)
MOST_GIF_RATE = 25
"""Frames a second of a gif: browsers slow down what claims more than 50, and files grow."""
PLAY_STREAM = 0x91A7
"""Spawn key of the episodes' seeds."""


class Played(NamedTuple):
    """Episodes that were written to a file."""

    path: Path
    returns: Floats
    """(episodes,)"""
    steps: list[int]
    """Of each episode."""


def play(
    run: str | Path | Run,
    video: str | Path | None = None,
    episodes: int = 1,
    on_episode: Callable[[str], None] = lambda _: None,
) -> Played:
    """Run the noise-free policy for whole episodes and write a film of them.

    Args:
        run: a run, or its folder.
        video: file ending in .mp4 or .gif; by default `play.mp4` in the run's folder.
        episodes: how many, one after the other.
        on_episode: called with a line of text before each episode: without a GPU, one takes a minute.

    Raises:
        InputError: the file's kind, the number of episodes, or the place to write to will not do.
        CompactrlError: the environment cannot be drawn here.
    """
    opened = run if isinstance(run, Run) else Run(run)
    path = Path(video) if video else opened.path / "play.mp4"
    if path.suffix.lower() not in KINDS:
        raise InputError(f"--video {path}: expected a name that ends in .mp4 or .gif")
    if episodes < 1:
        raise InputError(f"--episodes {episodes}: expected at least 1")
    if not path.parent.is_dir():
        raise InputError(f"--video {path}: there is no folder {path.parent}")
    policy = opened.policy
    env = _environment(opened)
    try:
        rate = max(1, round(float(env.metadata.get("render_fps") or 30)))
        every = max(1, -(-rate // MOST_GIF_RATE)) if path.suffix.lower() == ".gif" else 1
        seeds = np.random.SeedSequence(opened.config["seed"], spawn_key=(PLAY_STREAM,)).generate_state(episodes) >> 1
        returns, steps = np.zeros(episodes), []
        with _film(path, rate / every) as film:
            for episode, seed in enumerate(seeds):
                on_episode(f"drawing episode {episode + 1} of {episodes}")
                returns[episode], taken = _episode(env, policy, int(seed), film, every)
                steps.append(taken)
    finally:
        env.close()
    return Played(path, returns, steps)


def _episode(env: Any, policy: Any, seed: int, film: Any, every: int) -> tuple[float, int]:
    """Play one episode into a film, every so many-th frame; return its return and its steps."""
    observation, _ = env.reset(seed=seed)
    total, steps, ended = 0.0, 0, False
    while not ended:
        if steps % every == 0:
            film.append_data(_frame(env))
        action = policy(np.asarray(observation, np.float64).ravel())
        if env.action_space.shape:
            action = action.astype(env.action_space.dtype)
        observation, reward, terminated, truncated, _ = env.step(action if env.action_space.shape else int(action))
        total, steps, ended = total + float(reward), steps + 1, terminated or truncated
    film.append_data(_frame(env))
    return total, steps


def _frame(env: Any) -> Any:
    frame = env.render()
    if not isinstance(frame, np.ndarray) or frame.ndim != 3:
        raise CompactrlError(
            f"the environment's render() gave {type(frame).__name__}, expected an image (height, width, 3)"
        )
    height, width = frame.shape[0] // 2 * 2, frame.shape[1] // 2 * 2  # mp4 wants even sizes
    return np.ascontiguousarray(frame[:height, :width])


def _environment(run: Run) -> Any:
    """Return the run's environment with a camera."""
    config = run.config
    _choose_library()
    import gymnasium

    from compactrl.envs.engines.gymnasium import make_gymnasium
    from compactrl.envs.modules import load_module

    load_module(config["env_module"])
    options = {**config["env_options"], "render_mode": "rgb_array"}
    if config["max_episode_steps"]:
        options["max_episode_steps"] = config["max_episode_steps"]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            env = make_gymnasium(config["env"], options)
            _draw_simply(env)
            env.reset(seed=0)
            env.render()  # the first picture is where drawing fails, if it does
    except gymnasium.error.NameNotFound as error:
        raise CompactrlError(
            f"{config['env']} cannot be drawn: it is EnvPool's, and Gymnasium, which has the cameras, does not know it."
            f"{did_you_mean(config['env'], gymnasium.registry)}"
        ) from error
    except gymnasium.error.DependencyNotInstalled as error:
        raise CompactrlError(f"{config['env']} cannot be drawn: {error}") from error
    except InputError:
        raise
    except Exception as error:
        library = os.environ.get("MUJOCO_GL")
        hint = f" MUJOCO_GL is {library}; {INSTALL}" if library and _draws_by_mujoco(error) else ""
        raise CompactrlError(f"{config['env']} cannot be drawn: {type(error).__name__}: {error}.{hint}") from error
    return env


def _draw_simply(env: Any) -> None:
    """Leave shadows and most smoothing out: without a GPU they take ten times as long as all else together."""
    quality = getattr(getattr(getattr(env.unwrapped, "model", None), "vis", None), "quality", None)
    if quality is not None:
        quality.shadowsize, quality.offsamples = 0, 2


def _choose_library() -> None:
    """Tell MuJoCo what to draw with, unless the user has.

    Raises:
        CompactrlError: neither library is there.
    """
    if os.environ.get("MUJOCO_GL"):
        return
    available = [name for name, library in LIBRARIES.items() if ctypes.util.find_library(library)]
    if not available:
        raise CompactrlError(INSTALL)
    os.environ["MUJOCO_GL"] = available[0]


def _draws_by_mujoco(error: Exception) -> bool:
    text = f"{type(error).__module__} {error}".lower()
    return any(word in text for word in ("gl", "mesa", "display", "attribute"))


@contextlib.contextmanager
def _film(path: Path, rate: float) -> Any:
    """Open a film for writing; a film that was not finished does not stay behind, and the one before does.

    Raises:
        InputError: it cannot be written there.
    """
    import imageio.v2 as imageio

    unfinished = path.with_name(f".{path.stem}.unfinished{path.suffix}")
    options: dict[str, Any] = {"loop": 0, "duration": 1000 / rate} if path.suffix.lower() == ".gif" else {}
    if path.suffix.lower() == ".mp4":
        options = {"fps": rate, "macro_block_size": 2, "quality": 7}
    try:
        film = imageio.get_writer(unfinished, **options)
    except OSError as error:
        raise InputError(f"--video {path}: {error.strerror or error}") from error
    try:
        with film:
            yield film
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
