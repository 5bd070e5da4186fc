"""What the README shows works as it stands there."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

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


def commands():
    lines = [line.split("#")[0].strip() for block in blocks("") for line in block.splitlines()]
    return [line for line in lines if line.startswith("compactrl search")]


@pytest.mark.parametrize("line", commands())
def test_the_search_lines_run(line, tmp_path):
    program = [str(Path(sys.executable).with_name("compactrl")), *shlex.split(line)[1:]]
    by_gradients = "--method ghp" in line
    few = ["--random-steps", "100", "--selection-episodes", "2", "--updates-per-step", "0.1"]
    small = few if by_gradients else ["--population", "2"]
    answer = run([*program, "--steps", "1000", "--selections", "1", *small], tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert by_gradients or "17 weights + 41 biases = 58 parameters" in answer.stdout
    assert "fresh episodes" in answer.stdout


def test_there_are_search_lines_to_run():
    assert len(commands()) == 3


def test_tables_are_those_of_the_results():
    answer = run([sys.executable, "-m", "experiments.tables", "--check"], ROOT)
    assert answer.returncode == 0, answer.stderr
