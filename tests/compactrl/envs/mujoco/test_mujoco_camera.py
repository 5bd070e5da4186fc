"""From where a task is seen; nothing is drawn here."""

import mujoco
import pytest
from mujoco_tasks import CART, Cart

from compactrl.envs.mujoco.camera import _view
from compactrl.envs.robots import Minitaur
from compactrl.errors import InputError


def viewed(monkeypatch, model=CART, **camera):
    monkeypatch.setattr(Cart, "camera", camera)
    monkeypatch.setattr(Cart, "model", model)
    return _view(Cart())


def test_a_camera_follows_the_body_that_the_actuators_move(monkeypatch):
    view = viewed(monkeypatch)
    assert view.type == mujoco.mjtCamera.mjCAMERA_TRACKING
    assert view.trackbodyid == 1
    view = viewed(monkeypatch, body="pole", distance=7.0)
    assert (view.trackbodyid, view.distance) == (2, 7.0)
    assert _view(Minitaur()).trackbodyid == 1


def test_the_models_own_camera_is_used_where_it_tracks(monkeypatch):
    own = CART.replace("<worldbody>", '<worldbody><camera name="side"/><camera name="track"/>')
    assert viewed(monkeypatch, own) == 1
    assert viewed(monkeypatch, own, name="side") == 0


@pytest.mark.parametrize(
    ("camera", "said"),
    [
        ({"name": "side"}, "Cart: its model has no camera 'side'"),
        ({"body": "pol"}, "Cart: its model has no body 'pol' for the camera. Did you mean 'pole'"),
        ({"zoom": 2}, "Cart: camera has 'zoom': expected name, or body, distance, azimuth, elevation"),
    ],
)
def test_a_camera_that_is_not_there_is_one_line(monkeypatch, camera, said):
    with pytest.raises(InputError) as caught:
        viewed(monkeypatch, **camera)
    assert said in str(caught.value)
