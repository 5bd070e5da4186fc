"""The quadrotor's equations: those of another library, and what is known in closed form.

`python tests/compactrl/envs/robots/test_quadrotor_dynamics.py`, where crazyflow is installed, writes the reference
table.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from compactrl.envs.robots.quadrotor import dynamics
from compactrl.envs.robots.quadrotor.airframe import (
    ARM,
    GRAVITY,
    INERTIA,
    MASS,
    MOTOR_TIME,
    TORQUE_TO_THRUST,
    Airframes,
    thrust_of_a_motor,
)
from compactrl.envs.robots.quadrotor.room import FLOOR, rebound, stand

REFERENCE = Path(__file__).parent / "quadrotor_derivatives.json"
SECONDS = 0.005
FULL = thrust_of_a_motor(1.9)


def random_states(count, seed):
    """States (17, L) and thrusts (4, L): any attitude, up to 10 m/s and 30 rad/s."""
    generator = np.random.default_rng(seed)
    state = np.zeros((17, count))
    state[:3] = generator.uniform(-5, 5, (3, count))
    state[3:6] = generator.uniform(-10, 10, (3, count))
    state[6:10] = generator.standard_normal((4, count))
    dynamics.normalize(state[6:10])
    state[10:13] = generator.uniform(-30, 30, (3, count))
    return state, generator.uniform(0, 1, (4, count))


def body_of(count, seconds=SECONDS):
    return dynamics.Body(Airframes.nominal(count), seconds)


def by_crazyflow(state, thrust):
    """Derivatives (13, L) by crazyflow's equations (first_principles), with our numbers for its drone."""
    from crazyflow.dynamics.first_principles import dynamics as crazyflow

    mixing = np.array([[-1, -1, 1, 1], [-1, 1, 1, -1], [-1, 1, -1, 1]], float)
    speed = np.sqrt(thrust.T)  # with thrust and torque in proportion to its square
    inertia = np.diag(INERTIA)
    w_last = state[[7, 8, 9, 6]].T.copy()
    found = crazyflow(
        state[:3].T.copy(), w_last, state[3:6].T.copy(), state[10:13].T.copy(), speed,
        mass=MASS, L=ARM, prop_inertia=0.0, gravity_vec=np.array([0, 0, -GRAVITY]), J=inertia,
        J_inv=np.linalg.inv(inertia), rpm2thrust=np.array([0, 0, FULL]),
        rpm2torque=np.array([0, 0, FULL * TORQUE_TO_THRUST]), mixing_matrix=mixing, drag_matrix=np.zeros((3, 3)),
        rotor_dyn_coef=np.zeros(4),
    )  # fmt: skip
    position, attitude, velocity, turning = (np.asarray(part).T for part in found[:4])
    return np.concatenate([position, velocity, attitude[[3, 0, 1, 2]], turning])


def ours(state, thrust):
    found = dynamics.derivatives(state, thrust, body_of(state.shape[1]))
    return np.concatenate([found.position, found.velocity, found.attitude, found.turning])


def test_derivatives_are_crazyflows():
    pytest.importorskip("crazyflow")
    state, thrust = random_states(2000, seed=0)
    expected = by_crazyflow(state, thrust)
    np.testing.assert_allclose(ours(state, thrust), expected, rtol=1e-12, atol=1e-9)


def test_derivatives_are_those_that_crazyflow_gave():
    """The same without it: 50 states with what it gave, written by this file."""
    table = {name: np.array(values) for name, values in json.loads(REFERENCE.read_text(encoding="utf-8")).items()}
    assert table["state"].shape == (17, 50)
    np.testing.assert_allclose(ours(table["state"], table["thrust"]), table["derivative"], rtol=1e-12, atol=1e-9)


def test_thrust_along_gravity_keeps_what_is_level_where_it_is():
    state = np.zeros((17, 3))
    state[6], state[2] = 1.0, 2.0
    for _ in range(2000):
        dynamics.advance(state, np.full((4, 3), 1 / 1.9), body_of(3), SECONDS)
    np.testing.assert_allclose(state[:3, 0], [0, 0, 2], atol=1e-10)
    np.testing.assert_allclose(state[10:13], 0, atol=1e-12)


def test_free_fall_is_a_parabola_and_keeps_its_energy():
    """Explicit Euler: exact velocity; a height that lies below the parabola's by g t dt / 2, and so does the energy."""
    state = random_states(4, seed=1)[0]
    start, steps = state.copy(), 200
    for _ in range(steps):
        dynamics.advance(state, np.zeros((4, 4)), body_of(4), SECONDS)
    time = steps * SECONDS
    fallen = start[:3] + start[3:6] * time
    fallen[2] -= GRAVITY * time**2 / 2 - GRAVITY * time * SECONDS / 2
    np.testing.assert_allclose(state[:3], fallen, atol=1e-10)
    np.testing.assert_allclose(state[5], start[5] - GRAVITY * time, atol=1e-10)

    def energy(of):
        return (of[3:6] ** 2).sum(axis=0) / 2 + GRAVITY * of[2]

    lost = GRAVITY * (GRAVITY * time) * SECONDS / 2
    np.testing.assert_allclose(energy(state) - energy(start), lost, atol=1e-9)


def test_tumbling_without_torque_keeps_angular_momentum_and_energy_of_rotation():
    """Both drift with the step of explicit Euler, by half as much with half the step."""

    def drift(seconds):
        state = random_states(20, seed=2)[0]
        state[10:13] /= 6
        inertia = np.array(INERTIA)[:, None]

        def kept():
            matrix = dynamics.rotation(state[6:10]).reshape(3, 3, -1)
            momentum = np.einsum("ijl,jl->il", matrix, inertia * state[10:13])
            return momentum, (inertia * state[10:13] ** 2).sum(axis=0)

        momentum, energy = kept()
        for _ in range(round(0.5 / seconds)):
            dynamics.advance(state, np.zeros((4, 20)), body_of(20, seconds), seconds)
        after, later = kept()
        size = np.sqrt((momentum**2).sum(axis=0))
        return np.abs(after - momentum).max() / size.max(), np.abs(later / energy - 1).max()

    coarse, fine = np.array(drift(0.002)), np.array(drift(0.001))
    assert (coarse < 0.03).all()
    np.testing.assert_allclose(coarse / fine, 2, rtol=0.1)


@pytest.mark.parametrize("axis", range(3))
def test_a_spin_about_one_axis_turns_by_its_angle(axis):
    state = np.zeros((17, 1))
    state[6] = 1.0
    rate, steps = 17.3, 400
    state[10 + axis] = rate
    for _ in range(steps):
        dynamics.advance(state, np.zeros((4, 1)), body_of(1), SECONDS)
    half = rate * steps * SECONDS / 2
    expected = np.zeros(4)
    expected[0], expected[1 + axis] = np.cos(half), np.sin(half)
    np.testing.assert_allclose(state[6:10, 0], expected, atol=1e-12)
    assert state[10 + axis, 0] == rate


def test_turning_is_the_exponential_of_the_rotation():
    from scipy.spatial.transform import Rotation

    turning = np.random.default_rng(3).uniform(-40, 40, (3, 500))
    found = dynamics.turn(turning, SECONDS)
    expected = Rotation.from_rotvec(turning.T * SECONDS).as_quat()[:, [3, 0, 1, 2]].T
    np.testing.assert_allclose(found, expected * np.sign(expected[0]), atol=1e-15)
    attitude = random_states(500, seed=4)[0][6:10]
    turned = Rotation.from_quat(attitude[[1, 2, 3, 0]].T) * Rotation.from_quat(found[[1, 2, 3, 0]].T)
    matrix = dynamics.rotation(dynamics.product(attitude, found))
    np.testing.assert_allclose(matrix.T.reshape(-1, 3, 3), turned.as_matrix(), atol=1e-14)
    np.testing.assert_allclose(dynamics.upward(attitude), dynamics.rotation(attitude)[[2, 5, 8]], atol=1e-15)


@pytest.mark.parametrize("rate", [200, 1000])
def test_a_motors_root_of_thrust_follows_exponentially(rate):
    body, motors = body_of(1, 1 / rate), np.zeros((4, 1))
    for _ in range(rate // 10):
        dynamics.follow(motors, np.full((4, 1), 0.8), body)
    np.testing.assert_allclose(motors, 0.8 * (1 - np.exp(-0.1 / MOTOR_TIME)), rtol=1e-12)


def test_a_motors_lag_at_200_hz_is_quadswarms():
    np.testing.assert_allclose(body_of(1).closing, 4 * 0.005 / 0.15)


def test_the_floor_stops_what_falls_on_it_and_holds_it_level():
    state, _ = random_states(200, seed=5)
    state[2] = np.where(np.arange(200) % 2, FLOOR - 0.01, 1.0)
    before, standing = state.copy(), np.zeros(200, bool)
    assert stand(state, standing, np.random.default_rng(6).random(200))
    np.testing.assert_array_equal(standing, np.arange(200) % 2 == 1)
    np.testing.assert_array_equal(state[:, ::2], before[:, ::2])
    landed, matrix = state[:, 1::2], dynamics.rotation(state[6:10, 1::2])
    np.testing.assert_array_equal(landed[2], FLOOR)
    np.testing.assert_array_equal(landed[[3, 4, 5, *range(10, 17)]], 0)
    np.testing.assert_allclose(matrix[[2, 5, 6, 7, 8]].T, np.tile([0.0, 0, 0, 0, 1], (100, 1)), atol=1e-12)
    turned = dynamics.rotation(before[6:10, 1::2])
    upright = turned[8] > 0
    heading = np.arctan2(turned[3], turned[0]), np.arctan2(matrix[3], matrix[0])
    np.testing.assert_allclose(heading[0][upright], heading[1][upright], atol=1e-9)
    for _ in range(100):  # pushed up with one motor at full thrust it would tip over, were it in the air
        dynamics.advance(state, np.repeat([[1.0], [0], [0], [0]], 200, axis=1), body_of(200), SECONDS)
        stand(state, standing, np.zeros(200))
    assert (np.abs(dynamics.rotation(state[6:10, 1::2])[8] - 1) < 1e-9).all()


def test_walls_throw_back_at_a_fifth_to_four_fifths_of_the_speed():
    state, _ = random_states(500, seed=7)
    axis, side = np.arange(500) % 3, np.where(np.arange(500) % 2, 1.0, -1.0)
    state[axis, np.arange(500)] = np.where(axis == 2, 10.3, 5.2 * side)
    before = state.copy()
    rebound(state, np.arange(500), np.random.default_rng(8).random((8, 500)))
    assert (np.abs(state[:2]) <= 5).all()
    assert (state[2] <= 10).all()
    speed, was = (np.sqrt((of[3:6] ** 2).sum(axis=0)) for of in (state, before))
    usual = (was > 1) & (was < 7)
    assert ((speed >= 0.2 * was - 1e-9) & (speed <= 0.8 * was + 1e-9))[usual].all()
    assert (speed <= 6 + 1e-9).all()
    inward = state[3 + axis, np.arange(500)] * np.where(axis == 2, 1.0, side)
    assert (inward < 0).all()
    assert (np.abs(state[10:13]) <= np.pi).all()


if __name__ == "__main__":
    states, thrusts = random_states(50, seed=9)
    rows = {"state": states, "thrust": thrusts, "derivative": by_crazyflow(states, thrusts)}
    REFERENCE.write_text(json.dumps({name: values.tolist() for name, values in rows.items()}) + "\n", encoding="utf-8")
