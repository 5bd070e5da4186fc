"""Films: of whole episodes, as mp4 and gif, in real time, and clear lines where nothing can be drawn."""

import os
import subprocess
import sys

import gymnasium
import imageio.v2 as imageio
import numpy as np
import pytest

from compactrl.envs.answers import RaisedError
from compactrl.errors import CompactrlError, FaultError, InputError
from compactrl.machine import drawing
from compactrl.reports import film as playing
from compactrl.reports.film import play
from compactrl.reports.stage import CannotDrawError, Stage
from compactrl.searches.api import search

TINY = {
    "method": "linear", "env": "HalfCheetah-v5", "population": 2, "steps": 40, "selections": 1,
    "selection_episodes": 2, "threads": 1, "max_episode_steps": 10,
}  # fmt: skip
DRAWS = """
import sys
from compactrl.reports.film import play
played = play(sys.argv[1], sys.argv[2], 2)
print(played.steps, played.pace)
"""
needs_library = pytest.mark.skipif(
    bool(drawing.trial()), reason="there is neither EGL nor OSMesa here: apt-get install libegl1, as .ci/run"
)


class Lamp(gymnasium.Env):
    """Its picture is as bright as its step number; its steps pay 2 and take 20 ms. It ends by itself after 12."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 50}  # noqa: RUF012  (as Gymnasium has it)
    observation_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)
    action_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)
    spec = None
    fails_at = -1
    failure: BaseException = OSError("the bulb went")

    def __init__(self):
        self.taken = 0

    def reset(self, **given):
        super().reset(**given)
        self.taken = 0
        if self.fails_at == 0:
            raise self.failure
        return np.zeros(2, np.float32), {}

    def step(self, _):
        self.taken += 1
        if self.taken == self.fails_at:
            raise self.failure
        return np.zeros(2, np.float32), 2.0, self.taken == 12, False, {}

    def render(self):
        return np.full((101, 161, 3), 20 * self.taken, np.uint8)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda _: None)
        return search(out=tmp_path_factory.mktemp("play") / "run", **TINY)


@pytest.fixture
def lamp(run, monkeypatch):
    """The run as if it had been of a lamp."""
    env = Lamp()
    monkeypatch.setattr(playing, "with_camera", lambda _: Stage(env, lambda: None))
    monkeypatch.setattr(type(run.policy), "__call__", lambda *_: np.zeros(1))
    return env


@needs_library
def test_a_film_shows_whole_episodes_in_real_time(run, tmp_path):
    path = tmp_path / "film.mp4"
    answer = subprocess.run(
        [sys.executable, "-c", DRAWS, run.path, path], capture_output=True, text=True, check=False, timeout=240
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout == "[10, 10] in real time\n"
    with imageio.get_reader(path) as reader:
        frames, rate = list(reader.iter_data()), reader.get_meta_data()["fps"]
    assert (len(frames), rate) == (22, 20.0)  # two episodes of ten steps and a start each, at HalfCheetah's 20 Hz
    assert frames[0].shape[:2] == (480, 480)
    assert np.ptp(frames[0]) > 100
    assert [place.name for place in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(("kind", "rate", "frames"), [("mp4", 50.0, 13), ("gif", 25.0, 7)])
@pytest.mark.usefixtures("lamp")
def test_a_film_has_every_step_or_every_second_one_and_ends_with_the_episode(run, tmp_path, kind, rate, frames):
    path = tmp_path / f"film.{kind}"
    played = play(run, path)
    assert (played.path, played.returns.tolist(), played.steps) == (path, [24.0], [12])
    with imageio.get_reader(path) as reader:
        shown = list(reader.iter_data())
        about = reader.get_meta_data()
    assert (about["fps"] if kind == "mp4" else 1000 / about["duration"]) == rate
    corners = [int(frame[-20:, -20:, :3].mean()) for frame in shown]
    expected = np.linspace(0, 240, frames)
    np.testing.assert_allclose(corners, expected, atol=6)
    assert shown[0][:12, :12].mean() < 60  # what is said of it stands on a dark ground
    assert shown[-1][:12, :160].max() > 200


def test_lines_tell_how_far_an_episode_is(run, lamp, tmp_path, monkeypatch):  # noqa: ARG001
    told = []
    play(run, tmp_path / "film.gif", 2, on_episode=told.append)
    assert told == ["drawing episode 1 of 2", "drawing episode 2 of 2"]
    monkeypatch.setattr(playing, "TELL_SECONDS", 0.0)
    told.clear()
    play(run, tmp_path / "film.gif", on_episode=told.append)
    assert told[:2] == ["drawing the episode", "drawing the episode, step 2"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"video": "film.avi"}, "--video film.avi: expected a name that ends in .mp4 or .gif"),
        ({"video": "nowhere/film.gif"}, "there is no folder nowhere; make it first"),
        ({"video": "folder.mp4"}, "folder.mp4 is a folder: expected the name of a file"),
        ({"video": "/proc/film.gif"}, "cannot write to /proc"),
        ({"episodes": 0}, "--episodes 0: expected at least 1"),
    ],
)
def test_bad_input_is_refused_before_anything_is_drawn(run, given, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(InputError) as caught:
        play(run, **given)
    assert message in str(caught.value)


def test_a_film_that_was_asked_for_and_cannot_be_drawn_says_what_to_install(run, tmp_path, monkeypatch):
    monkeypatch.setattr("ctypes.util.find_library", lambda _: None)
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    with pytest.raises(CannotDrawError, match="needs EGL or OSMesa, and neither is there: `apt-get install libegl1"):
        play(run, tmp_path / "film.gif")
    assert "MUJOCO_GL" not in os.environ


def test_glfw_without_a_screen_is_not_called_a_missing_library(run, tmp_path, monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", "glfw")
    for name in drawing.SCREENS:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(CannotDrawError, match="=glfw asks for a window, which needs a screen, and there is none: "):
        play(run, tmp_path / "film.gif")


def test_without_a_name_it_plays_all_the_same_and_says_why_there_is_no_film(run, monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", "off")
    with pytest.warns(UserWarning, match="no film: HalfCheetah-v5 cannot be drawn: MUJOCO_GL=off turns drawing off"):
        played = play(run, episodes=3)
    assert played.path is None
    np.testing.assert_array_equal(played.returns, run.evaluate(3).returns)
    assert played.steps == [10, 10, 10]


def test_an_environment_without_a_camera_says_so(tmp_path):
    other = search(out=tmp_path / "run", **{**TINY, "env": "compactrl/Target-v0"})
    with pytest.raises(CannotDrawError, match="compactrl/Target-v0 cannot be drawn: it has no camera"):
        play(other, tmp_path / "film.gif")
    assert not (tmp_path / "film.gif").exists()


@pytest.mark.parametrize(
    ("at", "failure", "told"),
    [
        (0, SystemExit(1), r"^as an episode began: in reset, test_film.py line \d+: SystemExit: 1$"),
        (5, OSError("the bulb went"), r"^step 5: in step, test_film.py line \d+: OSError: the bulb went$"),
        (5, RaisedError("in reward, lamp.py line 3: OSError"), "^step 5: in reward, lamp.py line 3: OSError$"),
        (5, FaultError("the reward has shape (2,)"), r"^step 5: the reward has shape \(2,\)$"),
    ],
)
def test_a_film_that_is_not_finished_does_not_replace_the_one_before(run, lamp, tmp_path, at, failure, told):
    path = tmp_path / "film.gif"
    path.write_bytes(b"before")
    lamp.fails_at, lamp.failure = at, failure
    with pytest.raises(CompactrlError, match=told):
        play(run, path)
    assert path.read_bytes() == b"before"
    assert [place.name for place in tmp_path.iterdir()] == ["film.gif"]
