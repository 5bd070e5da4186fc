"""With --json, standard output is one JSON document, whatever environments print, and how."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from compactrl.searches import api

CHATTY = """
import atexit, ctypes, os, subprocess
import gymnasium, numpy as np

c = ctypes.CDLL(None)
if "CHATTY_ENDS" in os.environ:
    atexit.register(lambda: (print("as it ends"), c.puts(b"C as it ends")))


class Chatty(gymnasium.Env):
    observation_space = action_space = gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float64)

    def __init__(self):
        self.say("made")
        subprocess.run(["echo", "of another process"], check=True)

    def say(self, word):
        print("printed", word)
        os.write(1, f"written {word}\\n".encode())
        c.puts(f"put {word}".encode())

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.np_random.uniform(-1, 1, 2), {}

    def step(self, action):
        self.say("step")
        return self.np_random.uniform(-1, 1, 2), 1.0, False, False, {}

    def close(self):
        self.say("closed")


gymnasium.register("Chatty-v0", Chatty, max_episode_steps=3)
"""


@pytest.fixture(scope="module")
def chatty(tmp_path_factory):
    """A finished run in an environment that prints, and the folder that its module is in."""
    folder = tmp_path_factory.mktemp("chatty")
    (folder / "chatty.py").write_text(CHATTY)
    options = {"env": "Chatty-v0", "env_module": "chatty", "method": "chromatic", "partitions": 2, "hidden": ()}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("os.fsync", lambda _: None)
        api.search(out=folder / "run", **options, population=4, steps=60, selections=1, selection_episodes=2)
    yield folder
    sys.modules.pop("chatty", None)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("evaluate", "run", "--episodes", "2", "--json"),
            ("printed step", "put step", "written step", "another process"),
        ),
        (("envs", "Chatty", "--env-module", "chatty", "--json"), ("printed made", "put made", "as it ends", "C as it")),
    ],
)
def test_nothing_but_json_is_on_standard_output(chatty, arguments, said):
    ended = subprocess.run(
        [sys.executable, "-m", "compactrl", *arguments],
        cwd=chatty, capture_output=True, text=True, check=True, timeout=120,
        env={**os.environ, "CHATTY_ENDS": "", "PYTHONPATH": str(Path(api.__file__).parents[2])},
    )  # fmt: skip
    assert json.loads(ended.stdout)
    assert ended.stdout.endswith(("}\n", "]\n"))
    for words in said:
        assert words in ended.stderr


def test_what_is_printed_in_between_goes_to_standard_error(capfd):
    from compactrl.cli.output import json_alone, print_json

    with json_alone():
        print("python")
        os.write(1, b"descriptor\n")
        print_json("{}")
        os.system("echo shell")
    print("after")
    out, error = capfd.readouterr()
    assert out == "{}\nafter\n"
    assert {"python", "descriptor", "shell"} == set(error.split())


def test_a_command_that_fails_prints_no_half_result(capfd):
    from compactrl.cli.output import json_alone, print_json

    def fail():
        with json_alone():
            print_json("{}")
            raise ValueError("late")

    with pytest.raises(ValueError, match="late"):
        fail()
    print("again")
    assert capfd.readouterr().out == "again\n"


def test_a_warning_that_many_environments_give_is_one_line(capsys):
    from compactrl.cli import app

    app._shown.clear()
    for _ in range(3):
        app._show_warning("\x1b[33mWARN: The environment Hopper-v4 is out of date.\x1b[0m")
    assert capsys.readouterr().err == "warning: The environment Hopper-v4 is out of date.\n"
