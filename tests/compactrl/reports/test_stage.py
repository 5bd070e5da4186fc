"""Stages: what Gymnasium makes with a camera, and why it does not."""

import os
import sys

import gymnasium
import pytest

from compactrl.reports.stage import CannotDrawError, has_camera, with_camera
from compactrl.searches.api import search

TINY = {
    "method": "linear", "env": "CartPole-v1", "population": 2, "steps": 40, "selections": 1,
    "selection_episodes": 2, "threads": 1, "max_episode_steps": 10,
}  # fmt: skip


@pytest.fixture
def run(tmp_path):
    return search(out=tmp_path / "run", **TINY)


def test_without_pygame_it_says_which_packages_have_it(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "pygame", None)  # an import of it fails
    with pytest.raises(CannotDrawError) as caught:
        with_camera(run)
    assert str(caught.value) == (
        "CartPole-v1 cannot be drawn: it is drawn with pygame, which is not installed: "
        '`pip install "gymnasium[classic-control]"`'
    )


def test_without_a_screen_pygame_looks_for_none(run, monkeypatch, capfd):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)
    pytest.importorskip("pygame").quit()  # it keeps the driver that another test has drawn with
    with_camera(run).env.close()
    assert os.environ["SDL_VIDEODRIVER"] == "dummy"
    assert "XDG_RUNTIME_DIR" not in capfd.readouterr().err


def test_robots_of_another_package_name_it(run, monkeypatch):
    import gymnasium

    monkeypatch.delitem(gymnasium.registry, "FetchReach-v4", raising=False)
    run.config["env"] = "FetchReach-v4"
    with pytest.raises(CannotDrawError, match="has it from gymnasium-robotics: `pip install gymnasium-robotics`"):
        with_camera(run)


def test_a_batched_environment_without_a_camera_names_what_it_lacks(run):
    run.config.update(env="compactrl/PointMass-v0", engine="batched")
    with pytest.raises(CannotDrawError, match=r"has no camera: its class has no method render\(lane\)"):
        with_camera(run)


def test_an_environment_that_cannot_begin_says_where(run, monkeypatch):
    from gymnasium.envs.classic_control import CartPoleEnv

    def reset(*_, **__):
        raise OSError("no link")

    monkeypatch.setattr(CartPoleEnv, "reset", reset)
    with pytest.raises(CannotDrawError, match=r"cannot be drawn: in reset, test_stage.py line \d+: OSError: no link$"):
        with_camera(run)


def test_an_environment_that_is_not_what_the_policy_is_for_is_not_shown(run):
    run.config["env"] = "Hopper-v5"
    with pytest.raises(CannotDrawError, match="has 11 observations, and the policy is for 4, as the envpool engine"):
        with_camera(run)


@pytest.mark.parametrize("metadata", [property(lambda _: {}), None, {"render_modes": ["rgb_array"]}])
def test_whose_class_tells_nothing_may_have_a_camera(metadata, monkeypatch):
    entry = type("Entry", (), {"metadata": metadata})
    spec = gymnasium.envs.registration.EnvSpec("Entry-v0", entry_point=entry)
    monkeypatch.setitem(gymnasium.registry, "Entry-v0", spec)
    assert has_camera("Entry-v0")
