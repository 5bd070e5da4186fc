"""`compactrl/Quadrotor-v0`: a Crazyflie is flown by the thrusts of its four motors, many of them by one call.

The quadrotor of HyperPPO (Hegde et al. 2023, section IV-D), after QuadSwarm (Huang et al. 2023): its body, motors,
noise, room, goals, rewards and observations, in numpy and without its code. docs/quadrotor.md has the numbers. Where we
depart from it is said in the file that does: `dynamics`, `room`, `goals`, `noise`. Beside those, the reward of a
control step is by its length, so that returns at other rates can be compared.
"""

from __future__ import annotations

from typing import Any, ClassVar

import gymnasium
import numpy as np
from numpy.typing import NDArray

from compactrl.envs.batched import Step
from compactrl.envs.robots.quadrotor import dynamics
from compactrl.envs.robots.quadrotor.airframe import Airframes
from compactrl.envs.robots.quadrotor.dynamics import ATTITUDE, MOTORS, POSITION, STATE_SIZE, TURNING, VELOCITY
from compactrl.envs.robots.quadrotor.goals import Goals
from compactrl.envs.robots.quadrotor.noise import Noise
from compactrl.envs.robots.quadrotor.options import Options, options_of, place_of
from compactrl.envs.robots.quadrotor.picture import LARGER, Flight
from compactrl.envs.robots.quadrotor.room import DRAWS, HIGH, LOW, REBOUNDS, beyond_walls, rebound, stand
from compactrl.errors import InputError
from compactrl.types import Floats, Integers

SECONDS = 15.0
"""Length of an episode."""
LOWEST_START = 0.75
"""m"""
FACING = np.pi / 3
"""rad: a quadrotor begins with its nose at most so far from the direction of the room's middle."""
SETTLED = 10.0
"""s, from which on `settled_rmse` counts; in episodes that end before, it is `position_rmse`."""
AXES = "xyz"
OBSERVED = (
    *(f"{axis} of the position minus the goal's, world [m]" for axis in AXES),
    *(f"{axis} of the velocity, world [m/s]" for axis in AXES),
    *(f"rotation matrix body to world, row {row}, column {column}" for row in AXES for column in AXES),
    *(f"{axis} of the angular velocity, body [rad/s]" for axis in AXES),
)
"""What the 18 numbers of an observation are."""
OBSERVED_VELOCITY = tuple(f"{axis} of the goal's velocity, world [m/s]" for axis in AXES)
"""What the further three are with `observe_goal_velocity`."""
ERROR_COST, ACTION_COST, TILT_COST, SPIN_COST, FLOOR_COST = 1.0, 0.05, 1.0, 0.1, 1.0
"""Of metres from the goal, of the action's norm, of minus the cosine of the tilt, of rad/s, of being on the floor."""


OFF = 1e-24
"""Of full thrust, from a motor that is off."""


class Quadrotor:
    """Quadrotors that are to be where their goals are.

    Actions (4,) in -1 … 1 are thrusts of the motors front right, back right, back left, front left; (a + 1) / 2 is the
    fraction of full thrust, and 0.0526 hovers. Observations (18,) or (21,) are `OBSERVED`. The reward of 10 ms is
    -0.005 times: metres from the goal + 0.05 |a| - cosine of the tilt (or + 1 on the floor) + 0.1 |omega| + 1 on the
    floor. An episode of 15 s has at most 7.47. Nothing ends it early.

    Args:
        num_lanes: how many.
        options: fields of `Options`.

    Raises:
        InputError: an option will not do.
    """

    metadata: ClassVar[dict[str, Any]] = {
        "render_modes": ["rgb_array"],
        "measures": ("position_rmse", "settled_rmse", "crashed"),
        "lower_is_better": ("position_rmse", "settled_rmse", "crashed"),
    }

    def __init__(self, num_lanes: int, **options: Any) -> None:
        self.options: Options = options_of(options)
        self.observation_names = OBSERVED + (OBSERVED_VELOCITY if self.options.observe_goal_velocity else ())
        size = len(self.observation_names)
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (size,), np.float64)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (4,), np.float64)
        self.metadata = {**type(self).metadata, "render_fps": self.options.control_rate}  # type: ignore[misc]
        rate = self.options.control_rate
        self.state = np.zeros((STATE_SIZE, num_lanes))
        """(17, L), see `dynamics`."""
        self.airframes = Airframes.nominal(num_lanes, self.options.mass, self.options.thrust_to_weight)
        self.goals = Goals(num_lanes, self.options.scenario, rate, self.options.goal, self.options.period)
        self._body = dynamics.Body(self.airframes, 1.0 / self.options.physics_rate)
        self._noise = Noise(num_lanes, rate) if self.options.noise else None
        self._generators: list[Any] = [None] * num_lanes
        self._every = np.arange(num_lanes)
        self._steps, self._rebounds = np.zeros((2, num_lanes), np.int64)
        self._draws = np.zeros((REBOUNDS, DRAWS, num_lanes))
        self.standing = np.zeros(num_lanes, bool)
        """(L,) who is on the floor."""
        self._crashed = np.zeros(num_lanes, bool)
        self._squares, self._late_squares = np.zeros((2, num_lanes))
        self._flights: dict[int, Flight] = {}  # of lanes that are drawn

    def reset(self, lanes: Integers, seeds: Integers, tasks: Floats | None) -> Floats:
        """Begin episodes; a task (3,) is the goal of `static`, or where `dynamic` and `bezier` begin."""
        if tasks is not None and tasks.shape != (len(lanes), 3):
            raise InputError(f"the task of a quadrotor is its goal (x, y, z), and tasks have shape {tasks.shape}")
        for place, (lane, seed) in enumerate(zip(lanes.tolist(), seeds.tolist(), strict=True)):
            self._begin(lane, seed, None if tasks is None else place_of(tasks[place]))
        self._steps[lanes], self._rebounds[lanes] = 0, 0
        self.standing[lanes], self._crashed[lanes] = False, False
        self._squares[lanes], self._late_squares[lanes] = 0.0, 0.0
        drawn = None if self._noise is None else self._noise.of(lanes, self._steps[lanes])
        return self._look(lanes, self.state[:, lanes], drawn)

    def _begin(self, lane: int, seed: int, goal: Floats | None) -> None:
        generator = np.random.default_rng(seed)
        self._generators[lane] = generator
        self._flights.pop(lane, None)
        self.goals.begin(lane, generator, goal)
        spread = self.options.spread
        position = self.goals.position[:, lane] + generator.uniform(-1.0, 1.0, 3) * spread
        lowest = LOWEST_START if spread else self.goals.position[2, lane]
        position = np.clip(position, [LOW[0], LOW[1], lowest], HIGH)
        yaw = np.arctan2(-position[1], -position[0]) + generator.uniform(-FACING, FACING)
        state = self.state[:, lane]
        state[:] = 0.0
        state[POSITION] = position
        state[ATTITUDE.start], state[ATTITUDE.stop - 1] = np.cos(yaw / 2), np.sin(yaw / 2)
        self._draws[:, :, lane] = generator.random((REBOUNDS, DRAWS))
        if self.options.randomise:
            self.airframes.draw(lane, self.options.randomise, generator, self.options.mass)
            self._body.take(self.airframes, lane)
        if self._noise is not None:
            self._noise.begin(lane, seed)

    def step(self, lanes: Integers, actions: NDArray[Any]) -> Step:
        """Fly for a control step."""
        everyone = len(lanes) == len(self._every) and bool((lanes == self._every).all())
        which: Any = slice(None) if everyone else lanes
        state = self.state if everyone else self.state[:, lanes]
        standing = self.standing if everyone else self.standing[lanes]
        self._steps[which] += 1
        steps = self._steps[which]
        drawn = None if self._noise is None else self._noise.of(which, steps)
        action = np.array(actions.T, np.float64, order="C")
        np.minimum(np.maximum(action, -1.0, out=action), 1.0, out=action)
        on_floor = self._fly(which, state, standing, action, drawn)
        self._meet_walls(lanes, state)
        self.goals.advance(lanes, steps, self._generators)
        reward, squares = self._reward(which, state, action, standing if on_floor else None)
        self._squares[which] += squares
        late = steps > SETTLED * self.options.control_rate
        if late.any():
            self._late_squares[which] += np.where(late, squares, 0.0)
        if not everyone:
            self.state[:, lanes], self.standing[lanes] = state, standing
        return self._look(which, state, drawn), reward, np.zeros(len(lanes), bool), self._measures(which)

    def _fly(
        self, which: Any, state: Floats, standing: NDArray[np.bool_], action: Floats, drawn: Floats | None
    ) -> bool:
        """Move states (17, n) on by a control step; returns whether anyone was on the floor in it."""
        command = action * 0.5
        command += 0.5
        # Motors that are off spin down to next to nothing: on the way to nothing lie denormal numbers, which are slow.
        root = np.sqrt(np.maximum(command, OFF, out=command))
        push = None
        if self._noise is not None and drawn is not None:
            push = self._noise.push(which, drawn) * command
        body = self._body if isinstance(which, slice) else self._body.of(which)
        motors, seconds, low = state[MOTORS], 1.0 / self.options.physics_rate, False
        for _ in range(self.options.substeps):
            dynamics.follow(motors, root, body)
            thrust = motors * motors
            if push is not None:
                thrust += push
                np.minimum(np.maximum(thrust, 0.0, out=thrust), 1.0, out=thrust)
            dynamics.advance(state, thrust, body, seconds)
            low = stand(state, standing, self._draws[0, -1, which]) or low
        dynamics.normalize(state[ATTITUDE])
        if low:
            self._crashed[which] |= standing
        return low

    def _meet_walls(self, lanes: Integers, state: Floats) -> None:
        """Throw back who has met a wall."""
        beyond = beyond_walls(state[POSITION])
        if beyond.any():
            places = np.flatnonzero(beyond)
            hit = lanes[places]
            rebound(state, places, self._draws[self._rebounds[hit] % REBOUNDS, :, hit].T)
            self._rebounds[hit] += 1
            self._crashed[hit] = True

    def _reward(
        self, which: Any, state: Floats, action: Floats, standing: NDArray[np.bool_] | None
    ) -> tuple[Floats, Floats]:
        """Return rewards (n,) and squares of the distance to the goal (n,), m²."""
        x, y, z = state[POSITION] - self.goals.position[:, which]
        squares = x * x
        squares += y * y
        squares += z * z
        cost = np.sqrt(squares)
        _, qx, qy, _ = state[ATTITUDE]
        tilt = qx * qx  # half of 1 - cosine of the tilt
        tilt += qy * qy
        upright = 1.0 - 2.0 * tilt
        if standing is None:
            cost -= upright
        else:
            cost += np.where(standing, TILT_COST + FLOOR_COST, -upright)
        first, second, third, fourth = action * action
        first += second
        first += third
        first += fourth
        cost += ACTION_COST * np.sqrt(first, out=first)
        x, y, z = state[TURNING] * state[TURNING]
        x += y
        x += z
        cost += SPIN_COST * np.sqrt(x, out=x)
        return cost * (-0.5 / self.options.control_rate), squares

    def _measures(self, which: Any) -> dict[str, Floats]:
        """Return the measures (n,) of episodes so far."""
        steps = self._steps[which]
        late = steps - int(SETTLED * self.options.control_rate)
        error = np.sqrt(self._squares[which] / steps)
        settled = np.sqrt(self._late_squares[which] / np.maximum(late, 1))
        return {
            "position_rmse": error,
            "settled_rmse": np.where(late > 0, settled, error),
            "crashed": self._crashed[which].astype(np.float64),
        }

    def render(self, lane: int) -> NDArray[np.uint8]:
        """Return a picture (600, 800, 3) of a lane: its path and its goal's, as far as they have been drawn before."""
        if lane not in self._flights:
            self._flights[lane] = Flight(*self.goals.view(lane))
        position, goal = self.state[POSITION, lane], self.goals.position[:, lane]
        matrix = dynamics.rotation(self.state[ATTITUDE, lane : lane + 1])[:, 0].reshape(3, 3)
        x, y, z = position - goal
        away, speed = np.sqrt(x * x + y * y + z * z), np.sqrt((self.state[VELOCITY, lane] ** 2).sum())
        told = f"{away:.2f} m from the goal, {speed:.2f} m/s; squares of 1 m, quadrotor {LARGER:g} times its size"
        return self._flights[lane].picture(position, matrix, goal, told)

    def _look(self, which: Any, state: Floats, drawn: Floats | None) -> Floats:
        """Return observations (n, O) of states (17, n), with noise drawn (13, n) where there is some."""
        observation = np.empty((len(self.observation_names), state.shape[1]))
        np.subtract(state[POSITION], self.goals.position[:, which], out=observation[:3])
        observation[3:6] = state[VELOCITY]
        observation[6:15] = dynamics.rotation(state[ATTITUDE])
        observation[15:18] = state[TURNING]
        if len(observation) > len(OBSERVED):
            observation[18:] = self.goals.velocity[:, which]
        if self._noise is not None and drawn is not None:
            sensed = self._noise.sensed(drawn)
            observation[:6] += sensed[:6]
            observation[15:18] += sensed[6:]
        return observation.T
