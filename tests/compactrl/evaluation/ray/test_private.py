"""What of Ray is private and used all the same: there, in the versions that it was tested with."""

import tomllib
from importlib import import_module, metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from compactrl.evaluation.ray.private import PRIVATE, TESTED


def test_the_installed_ray_is_one_that_the_private_parts_are_known_of():
    installed = metadata.version("ray")
    project = tomllib.loads((Path(__file__).parents[4] / "pyproject.toml").read_text())["project"]
    (allowed,) = (each for each in map(Requirement, project["dependencies"]) if each.name == "ray")
    if installed not in allowed.specifier:
        pytest.fail(f"Ray {installed} is installed, and pyproject.toml allows {allowed.specifier}")
    if installed not in SpecifierSet(TESTED):
        pytest.fail(
            f"Ray {installed} is installed, and evaluation/ray/private.py is for {TESTED}: see that the tests of "
            "evaluation/ray pass (loopback alone, nothing printed), then widen TESTED there"
        )


@pytest.mark.parametrize("part", PRIVATE)
def test_a_private_part_of_ray_is_there(part):
    module, name = part.split(":")
    try:
        there = hasattr(import_module(module), name)
    except ImportError:
        there = False
    if not there:
        pytest.fail(f"Ray {metadata.version('ray')} has no {part}: evaluation/ray/private.py must do without")


def test_no_other_file_uses_what_is_private():
    package = Path(__file__).parents[4] / "compactrl"
    using = [path.name for path in package.rglob("*.py") if "ray._private" in path.read_text(encoding="utf-8")]
    assert using == ["private.py"]
