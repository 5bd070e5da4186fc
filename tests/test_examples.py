"""The examples run as they stand there, and so does the Python of the page on own robots."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from compactrl.cli import main

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"


def run(arguments, folder):
    answer = subprocess.run(
        [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def test_the_first_search_solves_what_it_says(tmp_path):
    first, *_, last = run([EXAMPLES / "first_search.py"], tmp_path).splitlines()
    assert float(first.split()[0]) > 450
    assert last.endswith("policy.c")


def test_an_environment_of_ones_own_is_learned_and_its_sensors_are_named(tmp_path):
    source = (EXAMPLES / "own_environment.py").read_text(encoding="utf-8")
    (tmp_path / "shorter.py").write_text(source.replace('"300k"', '"60k"'), encoding="utf-8")
    assert '"60k"' in (tmp_path / "shorter.py").read_text(encoding="utf-8")
    names, action, returns = run(["shorter.py"], tmp_path).splitlines()
    assert names == "('flow[0]', 'level[0]', 'wanted[0]')" or names == "('level[0]', 'wanted[0]', 'flow[0]')"
    assert re.fullmatch(r"\[[01]\.?\d*(e-\d+)?\]", action)
    found, others = returns.split(" ", 1)
    assert float(found) > max(other["return_mean"] for other in json.loads(others.replace("'", '"')).values())


def test_a_robot_from_its_model_is_searched_from_the_command_line(tmp_path, monkeypatch, capsys):
    module = str(EXAMPLES / "sled.py")
    options = ["--partitions", "3", "--hidden", "4", "--steps", "20k", "--out", str(tmp_path / "run")]
    monkeypatch.setattr(sys, "argv", ["compactrl", "search", "--env-module", module, "--env", "Sled-v0", *options])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code in (None, 0), capsys.readouterr().err
    assert np.isfinite(json.loads((tmp_path / "run/summary.json").read_text())["return_mean"])


def test_methods_are_compared(tmp_path):
    source = (EXAMPLES / "compare_methods.py").read_text(encoding="utf-8")
    shorter = source.replace('"200k"', '"4k"')
    assert shorter != source
    printed = run(["-c", shorter], tmp_path)
    assert "| chromatic" in printed.replace("`", "")
    assert (tmp_path / "runs/report.html").exists()


def test_the_notebook_runs_from_its_first_cell_to_its_last(tmp_path):
    cells = json.loads((EXAMPLES / "tour.ipynb").read_text(encoding="utf-8"))["cells"]
    source = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    run(["-c", source], tmp_path)
    assert (tmp_path / "tour-c/policy.c").exists()


def python_of(page):
    return re.findall(r"^```python\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def test_the_page_on_own_robots_shows_what_can_be_searched(tmp_path):
    blocks = python_of(ROOT / "docs/own-robot.md")
    assert len(blocks) == 3
    (tmp_path / "sled.xml").write_bytes((EXAMPLES / "sled.xml").read_bytes())
    (tmp_path / "robots.py").write_text("\n".join(blocks), encoding="utf-8")
    sizes = {"Sled-v0": 3, "SledTo-v0": 4, "Buoy-v0": 2}
    lines = ["import compactrl"]
    for env in sizes:
        lines += [
            f"run = compactrl.search('{env}', env_module='robots', method='linear', steps=2000, out='{env}')",
            "print(run.policy.shape, run.summary['return_mean'])",
        ]
    printed = run(["-c", "\n".join(lines)], tmp_path).splitlines()
    assert [line.rpartition(" ")[0] for line in printed] == [f"({size}, 1)" for size in sizes.values()]
    assert np.isfinite([float(line.rpartition(" ")[2]) for line in printed]).all()
