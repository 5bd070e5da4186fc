"""Cameras: they go along with what moves, and know how long a step takes."""

import gymnasium
import numpy as np
import pytest

from compactrl.reports.camera import aim, moving_root, mujoco_model, step_seconds

FIXED = ["Reacher-v5", "Pusher-v5", "InvertedPendulum-v5", "InvertedDoublePendulum-v5"]
MOVING = {
    "HalfCheetah-v5": True, "Hopper-v5": True, "Walker2d-v5": True, "Swimmer-v5": False, "Ant-v5": True,
    "Humanoid-v5": True,
}  # fmt: skip


@pytest.mark.parametrize("env", [*MOVING, *FIXED])
def test_robots_that_go_about_have_a_moving_root(env):
    made = gymnasium.make(env)
    root = moving_root(mujoco_model(made))
    assert (root.upright if root else None) == MOVING.get(env)


@pytest.mark.parametrize(
    ("env", "seconds"),
    [
        ("HalfCheetah-v5", 0.05), ("Hopper-v5", 0.008), ("Humanoid-v5", 0.015), ("Pendulum-v1", 0.05),
        ("CartPole-v1", 0.02), ("Acrobot-v1", 0.2), ("MountainCarContinuous-v0", None),
    ],
)  # fmt: skip
def test_a_step_takes_what_the_simulation_says_it_does(env, seconds):
    assert step_seconds(gymnasium.make(env)) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("metadata", "dt", "seconds"), [({"render_fps": 20}, None, 0.05), ({}, 0.5, 0.5), ({}, None, None)]
)
def test_of_a_users_environment_it_is_what_that_says(metadata, dt, seconds):
    class Own(gymnasium.Env):
        pass

    env = Own()
    env.metadata, env.dt = metadata, dt
    assert step_seconds(env) == seconds


class Viewer:
    """What Gymnasium makes with the first picture, as far as cameras go."""

    class cam:  # noqa: N801
        lookat = np.zeros(3)


def test_the_camera_goes_along_at_one_height_and_the_floor_does_not_end():
    env = gymnasium.make("HalfCheetah-v5")
    env.reset(seed=0)
    renderer, data, model = env.unwrapped.mujoco_renderer, env.unwrapped.data, mujoco_model(env)
    repeated = model.mat_texrepeat[model.geom_matid[0]] / (2 * model.geom_size[0, :2])
    follow = aim(env, {})
    follow()  # before the first picture there is nothing to move
    assert renderer.default_cam_config["azimuth"] == 90.0
    renderer.viewer = Viewer()
    Viewer.cam.lookat[:] = renderer.default_cam_config["lookat"]
    height = Viewer.cam.lookat[2]
    data.qpos[:2] += (30.0, 0.5)
    env.step(env.action_space.sample())
    follow()
    assert Viewer.cam.lookat[0] == pytest.approx(data.subtree_com[1][0])
    assert Viewer.cam.lookat[0] > 29
    assert Viewer.cam.lookat[2] == height
    assert model.geom_size[0, :2].tolist() == [0, 0]
    np.testing.assert_allclose(model.mat_texrepeat[model.geom_matid[0]], repeated)
    renderer.viewer = None


def test_a_floor_that_is_drawn_to_the_horizon_moves_no_robot_otherwise():
    def final(aimed):
        env = gymnasium.make("Hopper-v5")
        env.reset(seed=3)
        if aimed:
            aim(env, {})
        for _ in range(20):
            observation, *_ = env.step(np.array([0.3, -0.2, 0.1], np.float32))
        return observation

    np.testing.assert_array_equal(final(True), final(False))


def test_whoever_aims_the_camera_keeps_it():
    options = {"default_camera_config": {"distance": 7.0}}
    env = gymnasium.make("Hopper-v5", **options)
    env.reset(seed=0)
    aim(env, options)()
    assert env.unwrapped.mujoco_renderer.default_cam_config == {"distance": 7.0}
    assert env.unwrapped.model.geom_size[0, 0] > 0


@pytest.mark.parametrize("env", FIXED)
def test_all_of_a_robot_that_stays_is_in_the_picture(env):
    made = gymnasium.make(env)
    made.reset(seed=0)
    aim(made, {})
    camera, model, data = made.unwrapped.mujoco_renderer.default_cam_config, mujoco_model(made), made.unwrapped.data
    seen = np.tan(np.radians(model.vis.global_.fovy / 2)) * camera["distance"]
    shown = model.geom_type != 0
    assert (np.abs(data.geom_xpos[shown] - camera["lookat"]).max(axis=0) < seen).all()
