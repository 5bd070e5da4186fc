"""What README and docs show works as it stands there; links lead somewhere."""

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
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def fenced(page, kind):
    """What stands between fences of a kind, in order."""
    text = page.read_text(encoding="utf-8")
    return [content for found, content in re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.M) if found == kind]


def run(arguments, folder):
    return subprocess.run(arguments, cwd=folder, capture_output=True, text=True, timeout=300, check=False)


def test_the_readme_is_read_at_one_sitting():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 130


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            path, _, section = target.partition("#")
            other = page.parent / path if path else page
            assert other.exists(), target
            headings = re.findall(r"^#+ (.*)$", other.read_text(encoding="utf-8"), re.M) if section else []
            anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert not section or section in anchors, target


def test_the_python_of_the_readme_runs_and_prints_what_it_says(tmp_path):
    (snippet,) = fenced(ROOT / "README.md", "python")
    answer = run([sys.executable, "-c", snippet], tmp_path)
    assert answer.returncode == 0, answer.stderr
    action, mean_return, size = answer.stdout.strip().splitlines()
    assert action in ("0", "1")
    assert float(mean_return) > 450  # of 500
    assert size.startswith("Size(weights=2, biases=4, parameters=6")
    assert (tmp_path / "runs/pole/policy.safetensors").exists()
    assert "CartPole-v1" in (tmp_path / "runs/report.html").read_text(encoding="utf-8")


def search_lines():
    blocks = [block for page in PAGES for block in fenced(page, "")]
    lines = [line.split("  #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith("compactrl search")]


def test_there_are_search_lines():
    assert len(search_lines()) >= 4


@pytest.mark.parametrize("line", search_lines())
def test_a_search_line_names_options_that_there_are_and_values_that_will_do(line, monkeypatch):
    """The command line reads it and would begin this search."""
    begun = []

    def start(given, out):
        begun.append(given)
        assert out is not None
        raise InputError("begun")

    monkeypatch.setattr(api, "start", start)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    monkeypatch.setattr(sys, "argv", shlex.split(line))
    with pytest.raises(SystemExit):
        main()
    (given,) = begun
    if "RUN" not in line:
        settings = resolve(given)
        assert settings.search.env_module or describe(settings.search.env).observation_size > 1


def test_tables_are_those_of_the_results():
    answer = run([sys.executable, "-m", "experiments.tables", "--check"], ROOT)
    assert answer.returncode == 0, answer.stderr
