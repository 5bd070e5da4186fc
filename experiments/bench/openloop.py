"""The limit of throughput: recorded episodes replayed by `mujoco.rollout`, physics and nothing else.

The same starts, the same actions, as many `mj_step`s, on Gymnasium's model file for the environment; that it is
EnvPool's physics is checked by `OpenLoop.difference`. A call of rollout simulates as many steps for each of its batch,
so that episodes are grouped by equal length and no step beyond an episode's end is simulated. Nothing is written: no
states, no sensors. Controls are laid out beforehand.

Two ways to use the threads, of which the faster one counts:

- `pool`: one `mujoco.rollout.Rollout` with a thread pool, a call for each length, longest first;
- `queue`: a rollout without a pool in each Python thread, which take pieces of groups from one queue, longest first
  (rollout gives the interpreter lock back while it simulates).
"""

from __future__ import annotations

import threading
import time
from collections import deque
from pathlib import Path

import mujoco
import numpy as np
from mujoco.rollout import Rollout

from compactrl.types import Floats
from experiments.bench.recording import Episode

VELOCITY_LIMIT = {"Hopper": 10.0, "Walker2d": 10.0}
"""Observed velocities are clipped to ± this, by family."""
HIDDEN = {"Ant": 2, "Humanoid": 2, "Swimmer": 2}
"""How many positions (x, or x and y) are not observed, by family; elsewhere it is one."""
PIECES_PER_THREAD = 10
"""As many as rollout's own thread pool makes of a batch."""


def load_model(env: str) -> tuple[mujoco.MjModel, int]:
    """Return Gymnasium's model of an environment, and the frame skip."""
    import envpool
    import gymnasium

    config = envpool.make_spec(env).config
    # By its path: importing gymnasium.envs.mujoco would ask for packages that only its pictures need.
    path = Path(gymnasium.__file__).parent / "envs" / "mujoco" / "assets" / config.xml_file
    return mujoco.MjModel.from_xml_path(str(path)), int(config.frame_skip)


class OpenLoop:
    """Recorded episodes of a robot that walks or swims, ready to be simulated again.

    Args:
        env: such as `HalfCheetah-v5`: observations begin with qpos without x (and y), then qvel.
        episodes: what was recorded.
        threads: that simulate.
    """

    def __init__(self, env: str, episodes: list[Episode], threads: int) -> None:
        self.env, self.threads = env, threads
        self.model, self.frame_skip = load_model(env)
        self._hidden = HIDDEN.get(env.split("-")[0], 1)
        self._seen = self.model.nq - self._hidden + self.model.nv
        self.episodes = episodes
        self.steps = sum(len(episode.actions) for episode in episodes)
        self._datas = [mujoco.MjData(self.model) for _ in range(threads)]
        by_length: dict[int, list[Episode]] = {}
        for episode in episodes:
            by_length.setdefault(len(episode.actions), []).append(episode)
        self._groups = []
        for length in sorted(by_length, reverse=True):
            group = by_length[length]
            controls = np.repeat(np.array([episode.actions for episode in group]), self.frame_skip, axis=1)
            self._groups.append((np.array([self._start(episode) for episode in group]), controls))
        self._pieces = [piece for group in self._groups for piece in self._cut(*group)]

    def _start(self, episode: Episode) -> Floats:
        """Return time, qpos and qvel; x and y, if not observed, are 0: no force depends on them."""
        return np.concatenate([np.zeros(1 + self._hidden), episode.observations[0][: self._seen]])

    def _cut(self, starts: Floats, controls: Floats) -> list[tuple[Floats, Floats]]:
        size = max(1, len(self.episodes) // (PIECES_PER_THREAD * self.threads))
        return [(starts[low : low + size], controls[low : low + size]) for low in range(0, len(starts), size)]

    def _simulate(
        self,
        rollout: Rollout,
        datas: list[mujoco.MjData],
        starts: Floats,
        controls: Floats,
        states: Floats | None = None,
    ) -> None:
        # skip_checks is also what lets states and sensors go unwritten
        rollout.rollout(
            [self.model] * len(starts), datas, starts, controls, skip_checks=True, nstep=controls.shape[1], state=states
        )  # fmt: skip

    def pool(self) -> float:
        """Simulate all episodes with rollout's thread pool; returns seconds."""
        with Rollout(nthread=self.threads) as rollout:
            began = time.perf_counter()
            for starts, controls in self._groups:
                self._simulate(rollout, self._datas, starts, controls)
            return time.perf_counter() - began

    def queue(self) -> float:
        """Simulate all episodes with one rollout a Python thread; returns seconds."""
        pieces = deque(self._pieces)

        def work(data: mujoco.MjData) -> None:
            with Rollout(nthread=0) as rollout:
                while True:
                    try:
                        starts, controls = pieces.popleft()
                    except IndexError:
                        return
                    self._simulate(rollout, [data], starts, controls)

        workers = [threading.Thread(target=work, args=(data,)) for data in self._datas]
        began = time.perf_counter()
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return time.perf_counter() - began

    def difference(self, step: int) -> float:
        """Return the largest difference to the recorded observations after so many environment steps."""
        chosen = [episode for episode in self.episodes if len(episode.actions) >= step]
        if not chosen:
            raise ValueError(f"no recorded episode has {step} steps")
        starts = np.array([self._start(episode) for episode in chosen])
        controls = np.repeat(np.array([episode.actions[:step] for episode in chosen]), self.frame_skip, axis=1)
        states = np.empty((len(chosen), controls.shape[1], starts.shape[1]))
        with Rollout(nthread=0) as rollout:
            self._simulate(rollout, self._datas[:1], starts, controls, states)
        limit = VELOCITY_LIMIT.get(self.env.split("-")[0], np.inf)
        seen = states[:, -1, 1 + self._hidden :]  # without time, x and y
        velocities = seen[:, self.model.nq - self._hidden :]
        np.clip(velocities, -limit, limit, out=velocities)
        recorded = np.array([episode.observations[step][: self._seen] for episode in chosen])
        return float(np.abs(seen - recorded).max())
