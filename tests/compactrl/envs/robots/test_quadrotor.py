"""The quadrotor as an environment: lanes alone and in company, goals, rewards in a naive form, options, baselines."""

import gymnasium
import numpy as np
import pytest
from evaluating import assert_equal, make_trials, outcomes_of

from compactrl.envs.registry import describe
from compactrl.envs.robots import Quadrotor
from compactrl.envs.robots.quadrotor import ENV
from compactrl.envs.robots.quadrotor.goals import SCENARIOS
from compactrl.envs.robots.quadrotor.noise import CHUNK
from compactrl.envs.robots.quadrotor.picture import FLOWN, SIZE, SMOOTHING, WANTED, Flight
from compactrl.errors import InputError

HOVER = 2 / 1.9 - 1


def flown(env, seeds, steps, action=HOVER):
    """An environment and what it observed and gave, with the same action always."""
    lanes = np.arange(len(seeds))
    seen = [env.reset(lanes, np.array(seeds), None)]
    rewards = []
    for _ in range(steps):
        observation, reward, _, measures = env.step(lanes, np.full((len(seeds), 4), action))
        seen.append(observation.copy())
        rewards.append(reward)
    return np.array(seen), np.array(rewards), measures


@pytest.mark.parametrize("scenario", ["mixture", "figure-eight"])
def test_a_lane_alone_equals_a_lane_in_the_batch_and_an_environment_of_gymnasium(scenario):
    """Random policies tumble onto the floor and into walls; those steps are the same bits too."""
    options = {"scenario": scenario, "randomise": 1.0, "observe_goal_velocity": True}
    spec = describe(ENV, max_episode_steps=CHUNK + 40, kwargs=options)
    assert (spec.engine, spec.observation_size, spec.action.size) == ("batched", 21, 4)
    trials = make_trials(spec, 11, scale=0.1)
    together = outcomes_of(spec, 5, trials)
    assert_equal(outcomes_of(spec, 5, trials, blocks=5), together)
    assert_equal(outcomes_of(describe(ENV, "gymnasium", CHUNK + 40, options), 5, trials), together)
    assert len(set(together.returns)) == 11
    assert together.measures["crashed"].any()


def test_lanes_may_be_stepped_in_any_order_and_out_of_step_with_each_other():
    whole, parts = Quadrotor(6), Quadrotor(6)
    lanes, generator = np.arange(6), np.random.default_rng(0)
    actions = generator.uniform(-1, 1, (60, 6, 4))
    whole.reset(lanes, lanes + 7, None)
    expected = [whole.step(lanes, action) for action in actions]
    parts.reset(lanes, lanes + 7, None)
    counts = np.zeros(6, int)
    while counts.min() < 60:
        able = np.flatnonzero(counts < 60)
        chosen = generator.permutation(able)[: generator.integers(1, len(able) + 1)]
        observation, reward, _, measures = parts.step(chosen, actions[counts[chosen], chosen])
        for place, lane in enumerate(chosen):
            then = expected[counts[lane]]
            np.testing.assert_array_equal(observation[place], then[0][lane])
            assert reward[place] == then[1][lane]
            assert measures["position_rmse"][place] == then[3]["position_rmse"][lane]
        counts[chosen] += 1


@pytest.mark.filterwarnings("ignore:.*WARN")
def test_gymnasiums_own_checks_pass():
    from gymnasium.utils.env_checker import check_env

    made = gymnasium.make(ENV, scenario="static", render_mode="rgb_array")
    assert made.spec.max_episode_steps == 1501
    check_env(made.unwrapped, skip_render_check=True)


def test_an_episode_is_that_of_a_naive_loop():
    """Equations, rewards and observations for one quadrotor, in matrices and plain numbers."""
    from scipy.spatial.transform import Rotation

    env = Quadrotor(1, scenario="static", noise=False, goal=[1, -1, 3])
    lane = np.array([0])
    seen = env.reset(lane, np.array([3]), None)[0]
    p, v, w, root = seen[:3] + np.array([1, -1, 3]), np.zeros(3), np.zeros(3), np.zeros(4)
    turned = seen[6:15].reshape(3, 3)
    inertia, full = np.diag([1.3669e-5, 1.4357e-5, 2.6562e-5]), 1.9 * 0.028 * 9.81 / 4
    places = 0.0325 * np.array([[1, -1, 0], [-1, -1, 0], [-1, 1, 0], [1, 1, 0]])
    generator = np.random.default_rng(5)
    for _ in range(200):
        action = np.clip(HOVER + 0.02 * generator.standard_normal(4), -1, 1)
        for _ in range(2):
            root = root + 4 * 0.005 / 0.15 * (np.sqrt((action + 1) / 2) - root)
            thrust = full * root**2
            force = thrust[:, None] * [0, 0, 1]
            torque = np.cross(places, force).sum(axis=0)
            torque[2] += 0.006 * (thrust @ [-1, 1, -1, 1])
            change = np.linalg.solve(inertia, torque - np.cross(w, inertia @ w))
            turned = turned @ Rotation.from_rotvec(0.005 * w).as_matrix()
            p, w = p + 0.005 * v, w + 0.005 * change
            v = v + 0.005 * (turned @ force.sum(axis=0) / 0.028 - [0, 0, 9.81])
        seen, reward, _, measures = env.step(lane, action[None])
        away = p - [1, -1, 3]
        np.testing.assert_allclose(seen[0], [*away, *v, *turned.ravel(), *w], atol=1e-9)
        cost = np.linalg.norm(away) + 0.05 * np.linalg.norm(action) - turned[2, 2] + 0.1 * np.linalg.norm(w)
        np.testing.assert_allclose(reward[0], -0.005 * cost, rtol=1e-9)
    assert measures["crashed"][0] == 0
    assert measures["settled_rmse"][0] == measures["position_rmse"][0] > 0


def test_the_floor_costs_what_it_should_and_counts_as_a_crash():
    seen, rewards, measures = flown(Quadrotor(4, scenario="static", noise=False), [1, 2, 3, 4], 400, action=-1.0)
    np.testing.assert_array_equal(measures["crashed"], 1)
    distance = np.sqrt((seen[-1, :, :3] ** 2).sum(axis=1))
    np.testing.assert_allclose(rewards[-1], -0.005 * (distance + 0.05 * 2 + 1 + 1), rtol=1e-9)
    squares = (seen[1:, :, :3] ** 2).sum(axis=2)
    np.testing.assert_allclose(measures["position_rmse"], np.sqrt(squares.mean(axis=0)), rtol=1e-9)


def test_settled_is_from_the_tenth_second_on():
    env = Quadrotor(3, scenario="static", noise=False, control_rate=10, physics_rate=200)
    seen, _, measures = flown(env, [1, 2, 3], 140)
    squares = (seen[101:, :, :3] ** 2).sum(axis=2)
    np.testing.assert_allclose(measures["settled_rmse"], np.sqrt(squares.mean(axis=0)), rtol=1e-9)


def test_sensors_and_motors_are_as_noisy_as_they_say():
    quiet = flown(Quadrotor(200, scenario="static", noise=False, spread=0.0), range(200), 30)[0]
    noisy_env = Quadrotor(200, scenario="static", spread=0.0)
    noisy = flown(noisy_env, range(200), 30)[0]
    first = (noisy - quiet)[0]
    for part, deviation in ((slice(0, 3), 0.005), (slice(3, 6), 0.01), (slice(15, 18), 1.75e-4)):
        np.testing.assert_allclose(first[:, part].std(), deviation, rtol=0.1)
    np.testing.assert_array_equal(first[:, 6:15], 0)
    np.testing.assert_allclose(noisy_env._noise.thrust.std(), 0.01 / np.sqrt(1 - 0.85**2), rtol=0.1)


def test_goals_are_where_and_as_fast_as_they_should_be():
    found = {}
    lanes = np.arange(100)
    for scenario in SCENARIOS:
        env = Quadrotor(100, scenario=scenario, noise=False)
        env.reset(lanes, lanes, None)
        path = [env.goals.position.copy()]
        speed = []
        for step in range(1, 1501):
            env.goals.advance(lanes, np.full(100, step), env._generators)
            path.append(env.goals.position.copy())
            speed.append(np.sqrt((env.goals.velocity**2).sum(axis=0)))
        found[scenario] = np.array(path), np.array(speed)
        assert (np.abs(found[scenario][0][:, :2]) <= 5).all()
    places, speed = found["bezier"]
    assert 1.4 < speed.mean() < 1.65
    assert 2.4 < np.quantile(speed, 0.95) < 2.8
    assert speed.max() < 4.6
    moved = np.sqrt((np.diff(places, axis=0) ** 2).sum(axis=1)) * 100
    same = np.arange(1, 1501) % 500 != 0  # there the next curve begins
    np.testing.assert_allclose(moved[same], speed[same], atol=0.05)
    places, speed = found["lissajous"]
    np.testing.assert_array_equal(places[0, :, 0], [-2, 0, 2])
    np.testing.assert_allclose([speed.mean(), speed.max()], [2.26, 3.16], atol=0.01)
    jumps = (np.diff(found["dynamic"][0], axis=0) != 0).any(axis=1)
    assert set(jumps.sum(axis=0)) <= {2, 3}
    waits = np.diff(np.flatnonzero(jumps[:, 0]))
    assert ((waits >= 400) & (waits <= 600)).all()
    np.testing.assert_array_equal(np.unique(found["static"][0]), [0, 2])
    places = found["figure-eight"][0]
    np.testing.assert_allclose(np.ptp(places[:, :, 0], axis=0), [2, 1, 0], atol=1e-3)
    starts = {tuple(place) for place in found["mixture"][0][0].T}
    assert starts == {(0.0, 0.0, 2.0), (-2.0, 0.0, 2.0)}


def test_episodes_begin_near_their_goal_with_the_nose_towards_the_middle():
    env = Quadrotor(500, scenario="static", noise=False)
    seen = env.reset(np.arange(500), np.arange(500), None)
    assert (np.abs(seen[:, :3]) <= 2).all()
    assert seen[:, 2].min() >= 0.75 - 2
    nose = seen[:, [6, 9]]
    towards = -seen[:, :2] / np.linalg.norm(seen[:, :2], axis=1, keepdims=True)
    assert ((nose * towards).sum(axis=1) >= 0.5 - 1e-9).all()
    given = env.reset(np.arange(2), np.array([0, 1]), np.array([[3.0, 3, 1], [0, 0, 4]]))
    np.testing.assert_array_equal(env.goals.position[:, :2].T, [[3, 3, 1], [0, 0, 4]])
    assert (np.abs(given[:, :3]) <= 2).all()


def test_randomised_quadrotors_are_within_their_ranges():
    env = Quadrotor(300, randomise=1.0)
    env.reset(np.arange(300), np.arange(300), None)
    frames = env.airframes
    for values, low, high in (
        (frames.mass, 0.027, 0.0328), (frames.inertia[0], 0.385e-5, 1.68e-5), (frames.inertia[2], 0.6e-5, 2.98e-5),
        (frames.motor_time, 0.025, 0.15),
    ):  # fmt: skip
        assert low <= values.min() < low + 0.05 * (high - low)
        assert high - 0.05 * (high - low) < values.max() <= high
    half = Quadrotor(300, randomise=0.5)
    half.reset(np.arange(300), np.arange(300), None)
    np.testing.assert_allclose(half.airframes.mass - 0.028, (frames.mass - 0.028) / 2, atol=1e-12)
    np.testing.assert_allclose(half._body.lift, 1.9 * 0.028 * 9.81 / 4 / half.airframes.mass)


def test_returns_are_by_time_whatever_the_rate():
    options = {"scenario": "static", "noise": False, "physics_rate": 1000}
    slow = flown(Quadrotor(3, control_rate=100, **options), [1, 2, 3], 100)[1].sum(axis=0)
    fast = flown(Quadrotor(3, control_rate=500, **options), [1, 2, 3], 500)[1].sum(axis=0)
    np.testing.assert_allclose(fast, slow, rtol=0.02)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scenario": "lisajous"}, "unknown scenario 'lisajous'. Did you mean 'lissajous'?"),
        ({"goal": [6, 0, 2]}, r"goal \[6.0, 0.0, 2.0\] is outside the room"),
        ({"goal": [0, 0, 0]}, "outside the room"),
        ({"goal": "middle"}, "expected three numbers"),
        ({"goal": [0, float("nan"), 2]}, "expected three numbers"),
        ({"control_rate": 150}, "control_rate 150 does not divide physics_rate 200"),
        ({"control_rate": 400}, "control_rate 400 does not divide"),
        ({"mass": -0.028}, "mass is -0.028: expected a number from 0.001 to 10 kg"),
        ({"randomise": 2}, "randomise is 2: expected a number from 0 to 1"),
        ({"thrust_to_weight": 0.9}, "thrust_to_weight is 0.9"),
        ({"noise": "yes"}, "noise is 'yes': expected true or false"),
        ({"scenarios": "static"}, "a quadrotor has no option 'scenarios'. Did you mean 'scenario'?"),
    ],
)
@pytest.mark.parametrize("engine", ["batched", "gymnasium"])
def test_options_that_will_not_do_are_one_line(engine, options, message):
    with pytest.raises(InputError, match=message) as caught:
        describe(ENV, engine, kwargs=options)
    assert "\n" not in str(caught.value)


def test_tasks_are_goals_inside_the_room():
    env = Quadrotor(2)
    with pytest.raises(InputError, match=r"its goal \(x, y, z\), and tasks have shape \(2, 2\)"):
        env.reset(np.arange(2), np.arange(2), np.zeros((2, 2)))
    with pytest.raises(InputError, match="outside the room"):
        env.reset(np.arange(2), np.arange(2), np.array([[0, 0, 2.0], [9, 0, 2]]))


def test_a_state_that_is_no_number_stays_with_its_lane():
    env = Quadrotor(3, scenario="static", noise=False)
    lanes = np.arange(3)
    env.reset(lanes, lanes, None)
    env.state[:3, 1] = np.nan
    seen, reward, _, _ = env.step(lanes, np.full((3, 4), HOVER))
    assert list(np.isnan(reward)) == [False, True, False]
    assert np.isfinite(seen[[0, 2]]).all()


def test_a_picture_shows_the_path_flown_beside_the_path_wanted():
    made = gymnasium.make(ENV, scenario="lissajous", noise=False, spread=1.0, render_mode="rgb_array")

    def pixels():
        shown = made.render().astype(int)
        return [int((np.abs(shown - color).sum(axis=2) < 150).sum()) for color in (FLOWN, WANTED)]

    made.reset(seed=1)
    first = pixels()
    for step in range(121):
        made.step(np.full(4, 0.2, np.float32))
        if step % 20 == 0:
            made.render()
    assert made.render().shape == (600, 800, 3)
    assert (np.array(pixels()) > np.array(first) + 30).all()
    made.reset(seed=1)
    assert pixels() == first


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_camera_sees_where_goals_and_quadrotors_are(scenario):
    env = Quadrotor(8, scenario=scenario, noise=False)
    env.reset(np.arange(8), np.arange(8), None)
    for lane in range(8):
        flight = Flight(*env.goals.view(lane))
        places = np.array(flight._seen(np.stack([env.state[:3, lane], env.goals.position[:, lane]])))
        assert ((places > 0) & (places < np.array(SIZE) * SMOOTHING)).all()
