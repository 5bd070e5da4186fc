"""Films: of whole episodes, as mp4 and gif, and clear lines where nothing can be drawn."""

import os
import subprocess
import sys

import imageio.v2 as imageio
import numpy as np
import pytest

from compactrl.errors import CompactrlError, InputError
from compactrl.reports import film as playing
from compactrl.searches.api import search

TINY = {
    "method": "linear", "env": "HalfCheetah-v5", "population": 2, "steps": 40, "selections": 1,
    "selection_episodes": 2, "threads": 1, "max_episode_steps": 10,
}  # fmt: skip
DRAWS = """
import sys
from compactrl.reports.film import play
played = play(sys.argv[1], sys.argv[2], 2)
print(played.steps, [float(value) for value in played.returns])
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return search(out=tmp_path_factory.mktemp("play") / "run", **TINY)


def can_draw():
    program = "from compactrl.reports.film import _choose_library; _choose_library(); import mujoco; "
    program += "mujoco.GLContext(8, 8)"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not can_draw(), reason="there is neither EGL nor OSMesa here: apt-get install libegl1, as .ci/run")
@pytest.mark.parametrize("kind", ["mp4", "gif"])
def test_a_film_shows_whole_episodes(run, tmp_path, kind):
    path = tmp_path / f"film.{kind}"
    answer = subprocess.run(
        [sys.executable, "-c", DRAWS, run.path, path], capture_output=True, text=True, check=False, timeout=240
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.startswith("[10, 10] [")
    with imageio.get_reader(path) as reader:
        frames = list(reader.iter_data())
    # A gif leaves out frames that are the same as the one before.
    assert len(frames) == 22 if kind == "mp4" else 10 < len(frames) <= 22
    assert frames[0].shape[:2] == (480, 480)
    assert np.ptp(frames[0]) > 100
    assert [place.name for place in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"video": "film.avi"}, "--video film.avi: expected a name that ends in .mp4 or .gif"),
        ({"video": "nowhere/film.gif"}, "there is no folder nowhere"),
        ({"episodes": 0}, "--episodes 0: expected at least 1"),
    ],
)
def test_bad_input_is_refused_before_anything_is_drawn(run, given, message):
    with pytest.raises(InputError) as caught:
        playing.play(run, **given)
    assert message in str(caught.value)


def test_without_a_library_it_says_what_to_install(run, monkeypatch):
    monkeypatch.setattr("ctypes.util.find_library", lambda _: None)
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    with pytest.raises(CompactrlError, match="needs EGL or OSMesa, and neither is there: `apt-get install libegl1"):
        playing.play(run)
    assert "MUJOCO_GL" not in os.environ


def test_an_environment_without_a_camera_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", "egl")
    other = search(out=tmp_path / "run", **{**TINY, "env": "compactrl/Target-v0"})
    with pytest.raises(CompactrlError, match="compactrl/Target-v0 cannot be drawn: "):
        playing.play(other, tmp_path / "film.gif")
    assert not (tmp_path / "film.gif").exists()


def test_a_film_that_is_not_finished_does_not_replace_the_one_before(run, tmp_path, monkeypatch):
    path = tmp_path / "film.gif"
    path.write_bytes(b"before")

    class Broken:
        metadata, action_space = {}, None

        def reset(self, **_):
            raise CompactrlError("the environment fell over")

        def close(self):
            pass

    monkeypatch.setattr(playing, "_environment", lambda _: Broken())
    with pytest.raises(CompactrlError, match="fell over"):
        playing.play(run, path)
    assert path.read_bytes() == b"before"
    assert [place.name for place in tmp_path.iterdir()] == ["film.gif"]
