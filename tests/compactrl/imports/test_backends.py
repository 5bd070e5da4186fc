"""What MPLBACKEND names breaks nothing here, and is still the user's choice afterwards."""

import os
import subprocess
import sys

import pytest

from compactrl.imports.backends import any_backend

EVERYTHING = """
import os, sys, compactrl
run = compactrl.search("compactrl/Target-v0", steps=400, hidden=4, method="unstructured", es="cmaes", seed=1,
                       population=8, threads=1, out=sys.argv[1])
run.evaluate(2, threads=1)
compactrl.compare(run).save(sys.argv[1] + "/page.html")
from compactrl.envs.engines import envpool
envpool.describe("Jumanji/Maze-v0", 0, {})
"""
IMPORT = """
import os
from compactrl.imports.backends import any_backend
with any_backend():
    import matplotlib
print(os.environ["MPLBACKEND"], matplotlib.rcParams._get("backend"))
"""


def python(backend, *arguments):
    """Run Python where MPLBACKEND names this backend; return what it prints."""
    environment = {**os.environ, "MPLBACKEND": backend}
    answer = subprocess.run([sys.executable, "-c", *arguments], capture_output=True, text=True, env=environment)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def test_a_search_its_evaluation_and_its_report_go_without(tmp_path):
    python("nonsense", EVERYTHING, tmp_path / "run")
    assert (tmp_path / "run" / "page.html").exists()


@pytest.mark.parametrize(("backend", "kept"), [("nonsense", False), ("module://nowhere.at.all", True)])
def test_a_backend_that_matplotlib_knows_is_the_users_choice_afterwards(backend, kept):
    named, chosen = python(backend, IMPORT).split(maxsplit=1)
    assert named == backend
    assert (chosen.strip() == backend) == kept


def test_a_backend_chosen_already_is_left_alone(monkeypatch):
    import matplotlib

    monkeypatch.setenv("MPLBACKEND", "nonsense")
    before = matplotlib.rcParams._get("backend")
    with any_backend():
        assert os.environ["MPLBACKEND"] == "nonsense"
    assert matplotlib.rcParams._get("backend") == before
