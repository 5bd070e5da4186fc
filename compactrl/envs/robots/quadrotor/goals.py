"""Where a quadrotor is to be: the scenarios, each a goal that stands or moves, for many lanes at once.

- `static`: one point. `dynamic`: a new point every 4 to 6 s. `bezier`: curves of degree 2, one after the other.
  `lissajous`: one closed curve. `mixture`: one of these four, drawn anew for each episode, as HyperPPO was trained
  (Hegde et al. 2023, section IV-D). `figure-eight`: a curve that no policy here was trained on, for tests.
- Ranges and shapes are QuadSwarm's (Huang et al. 2023). Departure: the Lissajous curve is the integral of the velocity
  that QuadSwarm adds up a control step at a time, so that it is the same at any rate. Like QuadSwarm's, it is always
  the same curve, where the paper speaks of random ones.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from compactrl.envs.robots.quadrotor.room import HIGH, LOW
from compactrl.types import Floats, Integers

MIXTURE = ("static", "dynamic", "lissajous", "bezier")
SCENARIOS = (*MIXTURE, "mixture", "figure-eight")
CENTER = (0.0, 0.0, 2.0)
"""m, the goal of `static`, the first one of `dynamic` and `bezier`, and the middle of `figure-eight`."""
SECONDS_BETWEEN = (4.0, 6.0)
DYNAMIC_LOW, DYNAMIC_HIGH = (-2.0, -2.0, 1.0), (2.0, 2.0, 3.0)
BEZIER_SECONDS = 5.0
BEZIER_DISTANCE = (5, 10)
"""Whole metres, of both further points from the first."""
BEZIER_MARGIN = 0.5
"""m, that points keep from walls, floor and ceiling."""
CANDIDATES = 256
"""Pairs of points tried at a time."""
PERIOD = 5.5
"""s, of `figure-eight`, which is 2 m long and 1 m wide."""
PHASE = 90.0
"""rad, as QuadSwarm has it (it looks like a degree)."""
TABLE = 1024
"""Steps of a curve that are computed at a time."""
FOREVER = np.iinfo(np.int64).max


def lissajous(seconds: Floats) -> tuple[Floats, Floats]:
    """Return positions and velocities (3, T) of the Lissajous curve: up to 3.16 m/s."""
    angle = 2 * seconds + PHASE
    position = np.stack(
        [
            3.0 * (1.0 - np.cos(seconds)) - 2.0,
            (np.cos(PHASE) - np.cos(angle)) / 2,
            (np.sin(angle) - np.sin(PHASE)) / 2 + CENTER[2],
        ]
    )
    return position, np.stack([3.0 * np.sin(seconds), np.sin(angle), np.cos(angle)])


def figure_eight(period: float) -> Callable[[Floats], tuple[Floats, Floats]]:
    """Return a function of times (T,) that gives positions and velocities (3, T) on a figure of eight."""
    rate = 2 * np.pi / period

    def curve(seconds: Floats) -> tuple[Floats, Floats]:
        angle = rate * seconds
        flat = np.zeros_like(seconds)
        position = np.stack([np.sin(angle), np.sin(2 * angle) / 2, flat + CENTER[2]])
        return position, rate * np.stack([np.cos(angle), np.cos(2 * angle), flat])

    return curve


class Curve:
    """A curve by control steps: computed a table at a time, so that a step has the same bits whoever asks.

    Args:
        function: times (T,) → positions and velocities (3, T).
        rate: control steps a second.
    """

    def __init__(self, function: Callable[[Floats], tuple[Floats, Floats]], rate: float) -> None:
        self._function, self._rate = function, rate
        self._table = np.empty((6, 0))

    def at(self, steps: Integers) -> Floats:
        """Return positions and velocities (6, n) after so many steps (n,) of an episode."""
        while int(steps.max(initial=0)) >= self._table.shape[1]:
            first = self._table.shape[1]
            more = self._function(np.arange(first, first + TABLE) / self._rate)
            self._table = np.concatenate([self._table, np.concatenate(more)], axis=1)
        return self._table[:, steps]


class Goals:
    """The goals of L lanes, by steps of their episodes.

    Args:
        count: L.
        scenario: one of `SCENARIOS`.
        rate: control steps a second.
        center: of `static`, `dynamic` and `bezier`, m.
        period: of `figure-eight`, s.
    """

    def __init__(self, count: int, scenario: str, rate: float, center: Floats, period: float) -> None:
        self._scenario, self._rate, self._center = scenario, rate, center
        self._curve = Curve(figure_eight(period) if scenario == "figure-eight" else lissajous, rate)
        self.position, self.velocity = np.zeros((3, count)), np.zeros((3, count))
        """(3, L) m, m/s"""
        self._kind = np.full(count, SCENARIOS.index("static"))
        self._pieces = np.zeros((3, 3, count))  # a + s b + s² c, with s = 0 … 1 along a Bézier curve
        self._begun, self._until = np.zeros(count, np.int64), np.full(count, FOREVER)

    def begin(self, lane: int, generator: np.random.Generator, center: Floats | None = None) -> None:
        """Give a lane the first goal of an episode; `center` (3,) is another one than the scenario's."""
        kind = MIXTURE[int(generator.integers(len(MIXTURE)))] if self._scenario == "mixture" else self._scenario
        self._kind[lane] = SCENARIOS.index(kind)
        self._begun[lane], self._until[lane] = 0, FOREVER
        self.velocity[:, lane] = 0.0
        self.position[:, lane] = self._center if center is None else center
        if kind in ("lissajous", "figure-eight"):
            moving = self._curve.at(np.zeros(1, np.int64))[:, 0]
            self.position[:, lane], self.velocity[:, lane] = moving[:3], moving[3:]
        elif kind == "dynamic":
            self._until[lane] = self._wait(generator)
        elif kind == "bezier":
            self._bend(lane, 0, generator)

    def advance(self, lanes: Integers, steps: Integers, generators: list[np.random.Generator]) -> None:
        """Move the goals of lanes (n,) on to these steps of their episodes, (n,); generators are all lanes'."""
        until = self._until[lanes]
        if (steps >= until).any():
            for place in np.flatnonzero(steps >= until).tolist():
                self._renew(int(lanes[place]), int(steps[place]), generators[lanes[place]])
        kinds = self._kind[lanes]
        on_curve = np.flatnonzero((kinds == LISSAJOUS) | (kinds == FIGURE_EIGHT))
        if len(on_curve):
            moving, which = self._curve.at(steps[on_curve]), lanes[on_curve]
            self.position[:, which], self.velocity[:, which] = moving[:3], moving[3:]
        bent = np.flatnonzero(kinds == BEZIER)
        if len(bent):
            self._move_along(lanes[bent], steps[bent])

    def view(self, lane: int) -> tuple[Floats, float]:
        """Return the middle of what a lane's goals pass through (3,), and how far around it they go, m."""
        kind = self._kind[lane]
        if kind == BEZIER:
            return np.array([0.0, 0.0, 4.0]), 5.5
        return (np.array([1.0, 0.0, 1.6]), 3.4) if kind == LISSAJOUS else (self._center * [0.5, 0.5, 0.8], 2.6)

    def _wait(self, generator: np.random.Generator) -> int:
        return round(float(generator.uniform(*SECONDS_BETWEEN)) * self._rate)

    def _renew(self, lane: int, step: int, generator: np.random.Generator) -> None:
        """Give a lane its next point or curve."""
        if self._kind[lane] == BEZIER:
            self.position[:, lane] = self._pieces[:, :, lane].sum(axis=0)
            self._bend(lane, step, generator)
        else:
            self.position[:, lane] = generator.uniform(DYNAMIC_LOW, DYNAMIC_HIGH)
            self._until[lane] = step + self._wait(generator)

    def _bend(self, lane: int, step: int, generator: np.random.Generator) -> None:
        """Draw a curve from where the goal is: two points equally far from it, both inside the room."""
        start, found = self.position[:, lane].copy(), np.zeros((0, 2, 3))
        while not len(found):
            drawn = generator.uniform(-1.0, 1.0, (CANDIDATES, 2, 3))
            drawn /= np.sqrt((drawn * drawn).sum(axis=2, keepdims=True))
            points = start + drawn * generator.integers(*BEZIER_DISTANCE, (CANDIDATES, 1, 1), endpoint=True)
            inside = (points > LOW + BEZIER_MARGIN) & (points < HIGH - BEZIER_MARGIN)
            found = points[inside.all(axis=(1, 2))]
        second, third = found[0]
        self._pieces[:, :, lane] = start, 2 * (second - start), start - 2 * second + third
        self._begun[lane], self._until[lane] = step, step + round(BEZIER_SECONDS * self._rate)
        self.velocity[:, lane] = self._pieces[1, :, lane] / BEZIER_SECONDS

    def _move_along(self, lanes: Integers, steps: Integers) -> None:
        """Move goals along their Bézier curves."""
        share = (steps - self._begun[lanes]) / (BEZIER_SECONDS * self._rate)
        first, second, third = self._pieces[:, :, lanes]
        self.position[:, lanes] = first + share * (second + share * third)
        self.velocity[:, lanes] = (second + 2 * share * third) / BEZIER_SECONDS


LISSAJOUS, BEZIER, FIGURE_EIGHT = (SCENARIOS.index(name) for name in ("lissajous", "bezier", "figure-eight"))
