"""From where a task is seen, and that it is, whoever has imported MuJoCo before."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import gymnasium
import mujoco
import pytest
from gymnasium.utils.env_checker import check_env
from mujoco_tasks import CART, Cart, cart  # noqa: F401  (a fixture)

from compactrl.envs.mujoco.view import FAR, view_of
from compactrl.envs.registry import describe
from compactrl.envs.robots import Minitaur
from compactrl.errors import InputError
from compactrl.machine import drawing


def viewed(monkeypatch, model=CART, **camera):
    monkeypatch.setattr(Cart, "camera", camera)
    monkeypatch.setattr(Cart, "model", model)
    return view_of(Cart())


def test_a_camera_follows_the_body_that_the_actuators_move(monkeypatch):
    view = viewed(monkeypatch)
    assert view.type == mujoco.mjtCamera.mjCAMERA_TRACKING
    assert view.trackbodyid == 1
    view = viewed(monkeypatch, body="pole", distance=7.0)
    assert (view.trackbodyid, view.distance) == (2, 7.0)
    assert view_of(Minitaur()).trackbodyid == 1


def test_a_camera_is_as_far_as_what_moves_is_large_whatever_it_moves_on(monkeypatch):
    # The cart's lowest point and the pole's highest, around -0.1 to 1.05, are its longest side.
    assert viewed(monkeypatch).distance == pytest.approx(FAR * 1.15)
    ground = '<worldbody><geom type="plane" size="20 20 1"/><geom type="box" size="30 30 1" pos="0 0 -3"/>'
    assert viewed(monkeypatch, CART.replace("<worldbody>", ground)).distance == pytest.approx(FAR * 1.15)


def test_the_models_own_camera_is_used_where_it_tracks(monkeypatch):
    own = CART.replace("<worldbody>", '<worldbody><camera name="side"/><camera name="track"/>')
    assert viewed(monkeypatch, own) == 1
    assert viewed(monkeypatch, own, name="side") == 0


@pytest.mark.parametrize(
    ("camera", "said"),
    [
        ({"name": "side"}, "Cart: its model has no camera 'side'"),
        ({"body": "pol"}, "Cart: its model has no body 'pol' for the camera. Did you mean 'pole'"),
        ({"distance": "far"}, "Cart: camera has distance 'far': expected a number"),
        ({"zoom": 2}, "Cart: camera has 'zoom': expected name, or body, distance, azimuth, elevation"),
    ],
)
def test_a_camera_that_is_not_there_is_one_line(monkeypatch, cart, camera, said):  # noqa: F811
    monkeypatch.setattr(Cart, "camera", camera)
    with pytest.raises(InputError) as caught:
        describe(cart)  # before a search begins
    assert said in str(caught.value)


@pytest.fixture(scope="module")
def _draws():
    if why := drawing.trial():
        pytest.skip(why)


DRAWN = """
import mujoco, gymnasium
from mujoco_tasks import Cart
from compactrl.envs import register
register("Cart-v0", Cart)
made = gymnasium.make("Cart-v0", render_mode="rgb_array", width=64, height=48)
made.reset(seed=0)
picture = made.render()
print(picture.shape, picture.std() > 1)
"""


def drawn(**environment):
    """Draw in a process that has imported MuJoCo, without a screen and without a word of what to draw with."""
    unset = {"MUJOCO_GL", "PYOPENGL_PLATFORM", *drawing.SCREENS}
    inherited = {name: value for name, value in os.environ.items() if name not in unset}
    places = [str(Path(sys.modules["mujoco_tasks"].__file__).parent), *sys.path]
    environment = {**inherited, "PYTHONPATH": os.pathsep.join(places), **environment}
    return subprocess.Popen(
        [sys.executable, "-c", DRAWN], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.usefixtures("_draws")
def test_without_a_screen_it_is_drawn_though_mujoco_was_imported_before():
    processes = drawn(), drawn(MUJOCO_GL="glfw"), drawn(MUJOCO_EGL_DEVICE_ID="99")
    (out, errors), (_, no_screen), (_, no_device) = (process.communicate() for process in processes)
    assert out == "(48, 64, 3) True\n"
    assert errors == ""  # though nobody has closed it
    assert no_screen.splitlines()[-1].startswith(
        "compactrl.errors.CompactrlError: MUJOCO_GL=glfw asks for a window, which needs a screen, and there is none"
    )
    if drawing.chosen() == "egl":
        assert no_device.splitlines()[-1].startswith("compactrl.errors.CompactrlError: EGL is there (MUJOCO_GL=egl), ")
    assert "Exception ignored" not in no_screen + no_device


@pytest.mark.usefixtures("_draws")
def test_gymnasiums_check_of_a_task_that_draws_finds_nothing(cart):  # noqa: F811
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        made = gymnasium.make(cart, render_mode="rgb_array")
        check_env(made.unwrapped)
        made.close()
    assert not [str(one.message) for one in told if "render" in str(one.message)]
