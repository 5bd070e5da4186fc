"""What a quadrotor's sensors and motors add by chance, as in QuadSwarm (Huang et al. 2023).

Each lane draws from a generator of its own, many steps at a time, so that its noise depends on its seed and its count
of steps alone. Thrust noise begins each episode from its stationary distribution, where QuadSwarm goes on with the last
one's. Where control steps are longer or shorter than 10 ms, it forgets by time, with the same stationary deviation.
"""

from __future__ import annotations

import numpy as np

from compactrl.types import Floats, Integers

POSITION_NOISE, VELOCITY_NOISE, TURNING_NOISE = 0.005, 0.01, 1.75e-4
"""m, m/s, rad/s: standard deviations of what is observed."""
THRUST_REVERSION, THRUST_NOISE = 0.15, 0.01
"""Of an Ornstein-Uhlenbeck process a control step of 10 ms, as a share of the command."""
CHUNK = 128
"""Control steps whose noise is drawn at a time."""
SENSED, PUSHED = slice(0, 9), slice(9, 13)
"""Rows of the noise of a step: of position, velocity, angular velocity; of four motors."""


class Noise:
    """Noise of L lanes.

    Args:
        count: L.
        rate: control steps a second.
    """

    def __init__(self, count: int, rate: float) -> None:
        self._generators: list[np.random.Generator | None] = [None] * count
        self._drawn = np.zeros((CHUNK, 13, count), np.float32)
        stationary = THRUST_NOISE / np.sqrt(1.0 - (1.0 - THRUST_REVERSION) ** 2)
        self._keep = (1.0 - THRUST_REVERSION) ** (100.0 / rate)
        self._stationary = stationary
        self._scale = np.repeat([POSITION_NOISE, VELOCITY_NOISE, TURNING_NOISE], 3)[:, None]
        self._push = stationary * np.sqrt(1.0 - self._keep**2)
        self.thrust = np.zeros((4, count))
        """(4, L) as a share of the command."""

    def begin(self, lane: int, seed: int) -> None:
        """Begin a lane's episode."""
        generator = np.random.default_rng([seed, 1])
        self._generators[lane] = generator
        self.thrust[:, lane] = self._stationary * generator.standard_normal(4)
        self._draw(lane)

    def of(self, lanes: Integers | slice, steps: Integers) -> Floats:
        """Return the noise (13, n) of lanes at these steps (n,) of their episodes, in standard deviations.

        It is asked for at every step of a lane from 0 on, once.
        """
        places = steps % CHUNK
        if (due := (places == 0) & (steps > 0)).any():
            for lane in np.arange(self._drawn.shape[2])[lanes][due].tolist():
                self._draw(lane)
        place = int(places[0])
        if (places == place).all():
            return np.asarray(self._drawn[place][:, lanes], np.float64)
        return np.asarray(self._drawn[places, :, np.arange(self._drawn.shape[2])[lanes]].T, np.float64)

    def _draw(self, lane: int) -> None:
        generator = self._generators[lane]
        if generator is not None:
            self._drawn[:, :, lane] = generator.standard_normal((CHUNK, 13), np.float32)

    def push(self, lanes: Integers | slice, drawn: Floats) -> Floats:
        """Move thrust noise on by a step; returns it, (4, n)."""
        moved: Floats = self._keep * self.thrust[:, lanes] + self._push * drawn[PUSHED]
        self.thrust[:, lanes] = moved
        return moved

    def sensed(self, drawn: Floats) -> Floats:
        """Return what to add to position, velocity and angular velocity, (9, n)."""
        return np.asarray(self._scale * drawn[SENSED], np.float64)
