"""What the README shows works as it stands there."""

import re
import shlex
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from compactrl.cli import main
from compactrl.envs.registry import describe
from compactrl.errors import InputError
from compactrl.methods.settings import resolve
from compactrl.searches import api

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(kind):
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)  # (kind, content), in order
    return [content for found, content in fenced if found == kind]


def run(arguments, folder):
    return subprocess.run(arguments, cwd=folder, capture_output=True, text=True, timeout=300, check=False)


def test_the_python_snippet_runs_and_prints_what_it_says(tmp_path):
    (snippet,) = blocks("python")
    answer = run([sys.executable, "-c", snippet], tmp_path)
    assert answer.returncode == 0, answer.stderr
    action, mean_return, size = answer.stdout.strip().splitlines()
    assert re.fullmatch(r"\[-?[0-9.e-]+\]", action)
    assert -2000 < float(mean_return) < 0  # Pendulum's range
    assert size.startswith("Size(weights=3, biases=8, parameters=11")
    assert (tmp_path / "runs/pendulum/policy.safetensors").exists()
    assert "Pendulum-v1" in (tmp_path / "runs/report.html").read_text(encoding="utf-8")


def search_lines():
    lines = [line.split("#")[0].strip() for block in blocks("") for line in block.splitlines()]
    return [line for line in lines if line.startswith("compactrl search")]


def test_there_are_search_lines():
    assert len(search_lines()) == 3


@pytest.mark.parametrize("line", search_lines())
def test_a_search_line_names_options_that_there_are_and_values_that_will_do(line, monkeypatch):
    """The command line reads it and would begin this search; `test_cli.py` runs such searches."""
    begun = []

    def start(given, out):
        begun.append(resolve(given))
        assert out is not None
        raise InputError("begun")

    monkeypatch.setattr(api, "start", start)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    monkeypatch.setattr(sys, "argv", shlex.split(line))
    with pytest.raises(SystemExit):
        main()
    (settings,) = begun
    assert describe(settings.search.env).observation_size == 17


def test_the_first_search_line_runs_and_finds_as_few_weights_as_it_says(tmp_path):
    program = [str(Path(sys.executable).with_name("compactrl")), *shlex.split(search_lines()[0])[1:]]
    small = ["--steps", "1000", "--population", "2", "--selections", "1", "--max-episode-steps", "20"]
    answer = run([*program, *small], tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert "17 weights + 41 biases = 58 parameters" in answer.stdout
    assert "fresh episodes" in answer.stdout


def test_tables_are_those_of_the_results():
    answer = run([sys.executable, "-m", "experiments.tables", "--check"], ROOT)
    assert answer.returncode == 0, answer.stderr
