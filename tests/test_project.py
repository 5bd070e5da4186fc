"""What the project's own files say of it: how it is set up, with which versions, how it is cited."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from compactrl.versions import VERSION

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
PINS = {
    canonicalize_name(name): version
    for name, version in re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text("utf-8"), re.MULTILINE)
}


@pytest.mark.parametrize("text", [*PROJECT["dependencies"], *EXTRAS["onnx"], *EXTRAS["dev"][1:], *EXTRAS["bench"]])
def test_every_dependency_has_a_tested_version_in_its_range(text):
    requirement = Requirement(text)
    assert PINS[canonicalize_name(requirement.name)] in requirement.specifier


def test_the_pythons_are_those_that_mujoco_has_wheels_for():
    assert PINS["mujoco"] == "3.6.0"  # of a later one, see again: 3.6.0 has wheels for 3.10 to 3.13
    allowed = SpecifierSet(PROJECT["requires-python"])
    assert [minor for minor in range(8, 20) if f"3.{minor}.0" in allowed] == [11, 12, 13]


def planned(*arguments):
    """The commands that make would run in a folder where nothing is set up."""
    return subprocess.run(
        ["make", "--dry-run", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
def test_a_search_installs_no_linters_and_tests_do():
    def installed(target):
        lines = planned(target, "VENV=nowhere")
        return [line.split("constraints.txt ")[1].split(" 2>")[0] for line in lines if "pip install" in line]

    torch = "--no-deps --retries 0 --extra-index-url https://download.pytorch.org/whl/cpu torch"
    assert installed("search") == [torch, "-e ."]
    assert installed("test") == [torch, "-e .", '-e ".[dev]"']


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
def test_an_index_for_pytorch_may_be_chosen():
    lines = planned("search", "VENV=nowhere", "TORCH_INDEX=")
    assert [line for line in lines if "--no-deps" in line]
    assert not [line for line in lines if "--extra-index-url" in line]


def test_it_is_cited_by_its_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert (citation["title"], citation["version"], citation["license"]) == ("compactrl", VERSION, PROJECT["license"])
    assert PROJECT["version"] == VERSION
    assert [work["year"] for work in citation["references"]] == [2020, 2022]


@pytest.mark.xdist_group("grouped")
def test_groups_of_tests_are_kept_together(request):
    """Which pytest-xdist does by a suffix of the test's name; where it does not, what must not run at once does."""
    if not getattr(request.config.option, "loadgroup", False):
        pytest.skip("not distributed by groups")
    assert request.node.nodeid.endswith("@grouped")
