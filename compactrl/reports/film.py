"""Play a run's policy in its environment and write what a camera sees: headless, as mp4 or gif, in real time.

Frames come from Gymnasium, which knows a camera for each environment. What a search saw in another engine is played in
Gymnasium's environment of the same id, from starts of its own.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from compactrl.envs.answers import reason_of
from compactrl.envs.contexts import reset_options
from compactrl.errors import CompactrlError, InputError
from compactrl.policies.policy import Policy
from compactrl.policies.zoo import ships
from compactrl.quantities import a_return
from compactrl.reports.camera import step_seconds
from compactrl.reports.frames import Image, Pace, caption, check_place, film_file, pace
from compactrl.reports.stage import CannotDrawError, Stage, with_camera
from compactrl.runs.run import Run
from compactrl.types import Floats

PLAY_STREAM = 0x91A7
"""Spawn key of the episodes' seeds."""
TELL_SECONDS = 10.0
"""Between lines that say how far an episode is."""


class Played(NamedTuple):
    """Episodes that were played."""

    path: Path | None
    """Of the film; None where none was asked for and none can be drawn here."""
    returns: Floats
    """(episodes,)"""
    steps: list[int]
    """Of each episode."""
    pace: str = ""
    """What a second of the film is, in words."""
    context: Floats | None = None
    """(C,) the task of the policy, where it is for one."""


def play(
    run: str | Path | Run,
    video: str | Path | None = None,
    episodes: int = 1,
    on_episode: Callable[[str], None] = lambda _: None,
) -> Played:
    """Run the noise-free policy for whole episodes and write a film of them.

    Args:
        run: a run, or its folder.
        video: file ending in .mp4 or .gif; by default `play.mp4` in the run's folder, of a policy that ships in the
            package in the present one; and where nothing can be drawn here, a warning that says why in its place, and
            returns without a film.
        episodes: how many, one after the other.
        on_episode: called with a line of text as each episode begins, and every few seconds in it: without a GPU, one
            takes a minute.

    Raises:
        InputError: the file's kind, the number of episodes, or the place to write to will not do.
        CannotDrawError: a film was asked for, and the environment cannot be drawn here.
        CompactrlError: there is no policy yet, an episode fails, or the film cannot be written.
    """
    opened = run if isinstance(run, Run) else Run(run)
    path = Path(video) if video else (Path() if ships(opened.path) else opened.path) / "play.mp4"
    if episodes < 1:
        raise InputError(f"--episodes {episodes}: expected at least 1")
    check_place(path)
    policy = opened.policy
    try:
        stage = with_camera(opened)
    except CannotDrawError as error:
        if video:
            raise
        warnings.warn(f"no film: {error}", stacklevel=2)
        evaluation = opened.evaluate(episodes)
        return Played(None, evaluation.returns, [int(steps) for steps in evaluation.steps], context=policy.context)
    try:
        seconds = step_seconds(stage.env)
        paced = pace(seconds, path.suffix.lower(), stage.env.metadata.get("render_fps"))
        seeds = np.random.SeedSequence(opened.config["seed"], spawn_key=(PLAY_STREAM,)).generate_state(episodes) >> 1
        returns, steps = np.zeros(episodes), []
        with film_file(path, paced.rate) as write:
            for episode, seed in enumerate(seeds):
                title = f"episode {episode + 1} of {episodes}" if episodes > 1 else ""
                shown = _Shown(stage, write, paced, seconds, title, on_episode)
                returns[episode], taken = _episode(stage.env, policy, int(seed), shown)
                steps.append(taken)
    finally:
        stage.env.close()
    return Played(path, returns, steps, _pace_in_words(opened.config["env"], seconds, paced), policy.context)


class _Shown:
    """An episode as it goes to the film.

    Args:
        stage: it is played on.
        write: takes a frame.
        paced: which steps are shown.
        seconds: that a step takes, None where it is not known.
        title: which of the episodes it is, where there are several.
        tell: called with a line of text as it goes on.
    """

    def __init__(
        self, stage: Stage, write: Callable[[Image], None], paced: Pace, seconds: float | None, title: str,
        tell: Callable[[str], None],
    ) -> None:  # fmt: skip
        self._stage, self._write, self._pace = stage, write, paced
        self._seconds, self._title, self._tell, self._frames = seconds, title, tell, 0
        self.task = ""
        """In words, where the episode has one of a family."""
        self._told = -np.inf

    def show(self, step: int, total: float, last: bool) -> None:
        """Add the frames that a step has, and one of the last step in any case."""
        count = self._pace.frames_until(step) - self._frames
        if last:
            count = 1
        if count < 1:
            return
        if time.monotonic() - self._told > TELL_SECONDS:
            self._tell(f"drawing {self._title or 'the episode'}" + (f", step {step}" if step else ""))
            self._told = time.monotonic()
        taken = "" if self._seconds is None else f"   {step * self._seconds:.1f} s"
        text = f"{self._title}   step {step}{taken}   return {a_return(total)}".strip()
        frame = caption(self._stage.picture(), f"{text}\ntask: {self.task}" if self.task else text)
        for _ in range(count):
            self._write(frame)
        self._frames += count


def _episode(env: Any, policy: Policy, seed: int, shown: _Shown) -> tuple[float, int]:
    """Play one episode into a film; return its return and its steps."""
    contexts = env.get_wrapper_attr("contexts") if env.has_wrapper_attr("contexts") else None
    task = policy.task_in(contexts)
    options = None if task is None else reset_options(contexts, task)
    with _told_as_of("as an episode began"):
        observation, info = env.reset(seed=seed, options=options)
    if contexts is not None and "task" in info:
        shown.task = contexts.words(info["task"])
    total, steps, ended = 0.0, 0, False
    discrete = not env.action_space.shape and hasattr(env.action_space, "n")
    while not ended:
        shown.show(steps, total, False)
        action = policy(np.asarray(observation, np.float64).ravel())
        taken = int(action) if discrete else action.astype(env.action_space.dtype)
        with _told_as_of(f"step {steps + 1}"):
            observation, reward, terminated, truncated, _ = env.step(taken)
        total, steps, ended = total + float(reward), steps + 1, terminated or truncated
        if not (np.isfinite(total) and np.isfinite(observation).all()):
            raise CompactrlError(f"the episode failed: the environment's numbers are not finite at step {steps}")
    shown.show(steps, total, True)
    return total, steps


@contextmanager
def _told_as_of(moment: str) -> Iterator[None]:
    """Say of what an environment raises when that was.

    Raises:
        CompactrlError: it raised.
    """
    try:
        yield
    except CompactrlError as error:  # says what it is of, as a fault does
        raise CompactrlError(f"{moment}: {error}") from error
    except BaseException as error:
        raise CompactrlError(f"{moment}: {reason_of(error)}") from error


def _pace_in_words(env: str, seconds: float | None, paced: Pace) -> str:
    """Say what a second of the film is."""
    if seconds is None:
        return f"{1 / paced.seconds:g} steps a second, since {env} does not say how long a step takes"
    if paced.seconds != seconds:
        return f"{1 / paced.seconds:g} steps a second, each of which takes {seconds:g} s"
    return "in real time"
