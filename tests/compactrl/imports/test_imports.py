"""Of large packages, a search imports what it uses; the rest comes whole to whoever asks for it."""

import importlib
import json
import subprocess
import sys
from importlib import metadata
from types import ModuleType

import pytest
from packaging.specifiers import SpecifierSet

from compactrl.imports.waiting import TESTED, Waiting, import_envpool, wait

UNUSED = ("ray", "pandas", "matplotlib", "scipy", "cma", "sympy", "onnx", "imageio")
"""What a search of 17 weights by EvoTorch's PGPE in an environment of EnvPool has no use for."""
SEARCH = """
import json, sys
from compactrl.imports.waiting import Waiting
import compactrl
run = compactrl.search(
    "CartPole-v1", method="chromatic", partitions=2, steps=1, hidden="3", population=4, reevaluations=1,
    reevaluation_episodes=2, threads=1, out=sys.argv[1],
)
waiting = [name for name, module in list(sys.modules.items()) if isinstance(module, Waiting)]
found = {"modules": sorted(sys.modules), "waiting": waiting}
import envpool, evotorch, envpool.jumanji
found["ids"] = envpool.list_all_envs()
found["later"] = [evotorch.Problem.__module__, evotorch.algorithms.PGPE.__name__, evotorch.tools.__name__]
found["later"] += [envpool.jumanji.SnakeGymnasiumEnvPool.__name__]
print(json.dumps(found))
"""


def test_a_search_imports_what_it_uses_and_the_rest_comes_whole_when_asked_for(tmp_path):
    commands = ([SEARCH, str(tmp_path / "run")], ["import envpool, json; print(json.dumps(envpool.list_all_envs()))"])
    processes = [subprocess.Popen([sys.executable, "-c", *command], stdout=subprocess.PIPE) for command in commands]
    mine, plain = (json.loads(process.communicate()[0].splitlines()[-1]) for process in processes)
    assert not [name for name in UNUSED if name in mine["modules"]]
    assert {"torch", "envpool.classic_control", "evotorch.distributions"} <= set(mine["modules"])
    assert {"evotorch", "evotorch.algorithms", "envpool.jumanji", "envpool.mujoco.gym"} <= set(mine["waiting"])
    assert "envpool.classic_control" not in mine["waiting"]
    assert mine["ids"] == plain  # as where EnvPool is imported as ever
    assert len(plain) > 1000
    assert mine["later"] == ["evotorch.core", "PGPE", "evotorch.tools", "SnakeGymnasiumEnvPool"]


@pytest.mark.parametrize("package", TESTED)
def test_the_installed_version_is_one_that_this_was_tested_with(package):
    assert metadata.version(package) in SpecifierSet(TESTED[package])


@pytest.fixture
def parcel(tmp_path, monkeypatch):
    """A package that counts how often its code runs, with one submodule."""
    (tmp_path / "parcel").mkdir()
    (tmp_path / "parcel" / "__init__.py").write_text("from parcel.inside import runs\nruns.append(1)\ncontent = 7\n")
    (tmp_path / "parcel" / "inside.py").write_text("runs = []\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in ("parcel", "parcel.inside"):
        sys.modules.pop(name, None)


@pytest.mark.usefixtures("parcel")
def test_a_waiting_packages_code_runs_once_and_not_for_its_submodules():
    wait("parcel")
    inside = importlib.import_module("parcel.inside")
    package = sys.modules["parcel"]
    assert isinstance(package, Waiting)
    assert inside.runs == []
    assert (package.content, package.inside, inside.runs) == (7, inside, [1])
    assert type(package) is ModuleType
    with pytest.raises(AttributeError, match="'parcel' has no attribute 'nothing'"):
        package.nothing  # noqa: B018
    assert inside.runs == [1]


def test_a_package_that_is_not_there_cannot_wait():
    with pytest.raises(ModuleNotFoundError, match="No module named 'nowhere_to_be_found'"):
        wait("nowhere_to_be_found")


def test_where_envpool_is_put_together_otherwise_it_is_imported_as_ever(monkeypatch):
    whole = ModuleType("envpool")
    saved = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "envpool"}
    for name in saved:
        monkeypatch.delitem(sys.modules, name)
    calls = []

    def importer(name):
        calls.append(name)
        if len(calls) == 1:
            raise ImportError("cannot import name 'register'")
        return whole

    monkeypatch.setattr("compactrl.imports.waiting.importlib.import_module", importer)
    assert import_envpool() is whole
    assert calls == ["envpool", "envpool"]
    assert "envpool.entry" not in sys.modules
