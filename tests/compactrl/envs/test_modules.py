"""Modules of the user's own: by name or by file, and one line where they cannot be imported."""

import sys

import pytest

from compactrl.envs.modules import absolute_module, load_module, module_folder, module_name
from compactrl.errors import InputError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with modules, not on the path; what is imported from it is forgotten."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    robots = tmp_path / "robots"
    robots.mkdir()
    (robots / "beside.py").write_text("ARMS = 2\n")
    (robots / "my_arm.py").write_text("import beside\nARMS = beside.ARMS\n")
    yield robots
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.mark.parametrize("name", ["robots/my_arm.py", "{folder}/my_arm.py"])
def test_a_file_is_imported_under_its_stem_with_what_lies_beside_it(folder, name):
    name = name.format(folder=folder)
    load_module(name)
    load_module(name)
    assert sys.modules["my_arm"].ARMS == 2
    assert module_folder(name) == str(folder)
    assert str(folder) in sys.path  # what it imports when its environment is made
    load_module("my_arm")  # as a worker finds it


def test_a_run_finds_its_file_from_another_folder_and_beside_itself(folder, tmp_path, monkeypatch):
    recorded = absolute_module("robots/my_arm.py")
    assert recorded == str(folder / "my_arm.py")
    assert (absolute_module("robots.arm"), absolute_module("")) == ("robots.arm", "")
    monkeypatch.chdir("/")
    load_module(recorded)
    (tmp_path / "later.py").write_text("")
    monkeypatch.chdir(tmp_path)
    load_module("/of/another/machine/later.py")
    assert "later" in sys.modules


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "import nothing_of_that_name",
            r"raised ModuleNotFoundError: No module named 'nothing_of_that_name' \(.*bad.py, line 1\)",
        ),
        ("\n\nvalue = 1 / 0", r"importing bad raised ZeroDivisionError: division by zero \(.*bad.py, line 3\)"),
        ("\nvalue = (", r"bad.py, line 2: SyntaxError: '\(' was never closed"),
        ("raise SystemExit(2)", r"raised SystemExit: 2 \(.*bad.py, line 1\)"),
        ("import beside\nbeside.LEGS", r"has no attribute 'LEGS' \(.*bad.py, line 2\)"),
    ],
)
@pytest.mark.parametrize("named", ["robots/bad.py", "bad"])
def test_one_that_fails_says_in_which_file_and_line(folder, monkeypatch, text, expected, named):
    (folder / "bad.py").write_text(text)
    monkeypatch.syspath_prepend(str(folder))
    with pytest.raises(InputError, match=f"--env-module {named}: .*{expected}") as error:
        load_module(named)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("robots/my_amr.py", "there is no such file. Did you mean 'my_arm.py'"),
        ("robots/", "it is a folder: expected a file ending in .py"),
        ("no_such_module", "No module named 'no_such_module'. Give the importable name"),
        ("robots/json.py", "another module is called json"),
        ("robots/my-arm.py", "'my-arm' is no name of a module"),
    ],
)
def test_what_is_no_module_is_told(folder, name, expected):
    import json  # noqa: F401  (the one that is there)

    for other in ("json.py", "my-arm.py"):
        (folder / other).write_text("")
    with pytest.raises(InputError, match=f"--env-module {name}: .*{expected}"):
        load_module(name)


def test_the_name_of_a_file_is_its_stem():
    assert (module_name("a/b.py"), module_name("b.py"), module_name("a.b")) == ("b", "b", "a.b")
