"""What holds the parts apart: who may import whom, and what no file may do."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = [path.relative_to(ROOT) for name in ("compactrl", "controllers", "es") for path in (ROOT / name).rglob("*.py")]
every_file = pytest.mark.parametrize("file", FILES, ids=str)

LEGACY = {
    "seed", "get_state", "set_state", "rand", "randn", "randint", "random", "random_sample", "choice", "shuffle",
    "permutation", "uniform", "normal", "standard_normal", "RandomState",
}  # fmt: skip
KEEPS_GLOBAL_STATE = Path("compactrl/envs/probe.py")
"""Draws nothing, and puts back what users' environments draw."""


def nodes(file):
    return ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8")))


def imported(file):
    for node in nodes(file):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.split(".")[0]


def dotted(node):
    """'np.random.seed' of an attribute chain, '' of anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := dotted(node.value)):
        return f"{before}.{node.attr}"
    return ""


def test_there_are_files():
    assert len(FILES) > 30


FLOORS = (
    "types", "errors", "versions", "imports", "quantities", "machine", "storage", "networks", "policies",
    "hypernetworks", "compressions", "encodings", "envs", "evaluation", "buffers", "learners", "methods", "runs",
    "searches", "catalogs", "exports", "reports", "fits", "cli", "__main__",
)  # fmt: skip
"""The rooms of compactrl from the ground up: each imports those before it, and never one after it."""


def module_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def graph_of(package):
    """Every module with those of the package that it imports, inside functions and for types alone included."""
    modules = {module_of(path): path for path in (ROOT / package).rglob("*.py")}
    graph = {module: set() for module in modules}
    for module, path in modules.items():
        for node in nodes(path):
            if isinstance(node, ast.Import):
                graph[module] |= {alias.name for alias in node.names} & modules.keys()
            elif isinstance(node, ast.ImportFrom):
                base = node.module or ""
                if node.level:
                    above = module.split(".")[: len(module.split(".")) - node.level + (path.name == "__init__.py")]
                    base = ".".join([*above, base] if base else above)
                for alias in node.names:
                    place = f"{base}.{alias.name}"
                    graph[module] |= {place if place in modules else base} & modules.keys()
        graph[module].discard(module)
    return graph


def circles(graph):
    """The modules that are left when those that import nothing more are taken away, again and again."""
    left = dict(graph)
    while free := [module for module, imports in left.items() if not imports & left.keys()]:
        for module in free:
            del left[module]
    return left.keys()


@pytest.mark.parametrize("package", ["compactrl", "controllers", "es"])
def test_no_imports_go_in_circles(package):
    assert not circles(graph_of(package))


def test_circles_are_found():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}, "e": set()}) == {"a", "b", "c", "d"}
    assert not circles({"a": {"b", "c"}, "b": {"c"}, "c": set()})


def test_rooms_import_what_is_below_them():
    rooms = {"compactrl": len(FLOORS)} | {f"compactrl.{name}": floor for floor, name in enumerate(FLOORS)}

    def room(module):
        return ".".join(module.split(".")[:2])

    assert {room(module) for module in graph_of("compactrl")} == rooms.keys()
    upwards = [
        (module, imported)
        for module, imports in graph_of("compactrl").items()
        for imported in imports
        if rooms[room(imported)] > rooms[room(module)]
    ]
    assert not upwards


def test_the_hall_holds_few_files():
    assert {path.stem for path in (ROOT / "compactrl").glob("*.py")} == {
        "__init__", "__main__", "errors", "quantities", "types", "versions",
    }  # fmt: skip


def test_tests_mirror_the_tree():
    inside = {path.relative_to(ROOT / "tests").parent for path in (ROOT / "tests" / "compactrl").rglob("test_*.py")}
    assert not [folder for folder in inside if not (ROOT / folder).is_dir()]


@every_file
def test_controllers_and_strategies_know_nothing_of_the_rest(file):
    package = file.parts[0]
    forbidden = {"compactrl": {"experiments", "tests"}}.get(package, {"compactrl", "controllers", "es", "experiments"})
    assert not set(imported(file)) & (forbidden - {package})


@every_file
def test_no_file_pickles(file):
    assert not set(imported(file)) & {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "shelve"}
    assert not {dotted(node) for node in nodes(file)} & {"torch.load", "torch.save"}


@every_file
def test_no_file_uses_a_global_random_state(file):
    used = {dotted(node) for node in nodes(file)}
    legacy = LEGACY - ({"get_state", "set_state"} if file == KEEPS_GLOBAL_STATE else set())
    assert not used & {f"{numpy}.random.{name}" for numpy in ("np", "numpy") for name in legacy}
    assert {name for name in used if name.startswith("random.")} <= {"random.getstate", "random.setstate"}
    assert not used & {"torch.manual_seed", "torch.random.manual_seed", "torch.seed"}
    if "random" in imported(file) and file != KEEPS_GLOBAL_STATE:
        pytest.fail("the module random has one state for all")


@every_file
def test_no_file_asserts(file):
    """User input gets an error that speaks; `python -O` would drop an assert."""
    assert not [node.lineno for node in nodes(file) if isinstance(node, ast.Assert)]


TALKING = Path("compactrl/cli")
"""The room whose work it is to talk to the user."""


@pytest.mark.parametrize("file", [file for file in FILES if TALKING not in file.parents], ids=str)
def test_no_library_code_prints(file):
    assert not [node.lineno for node in nodes(file) if isinstance(node, ast.Call) and dotted(node.func) == "print"]


@every_file
def test_every_file_says_what_it_is(file):
    assert ast.get_docstring(ast.parse((ROOT / file).read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "module",
    [
        "compactrl",
        "compactrl.cli",
        "compactrl.methods.settings",
        "compactrl.runs.run",
        "compactrl.policies.policy",
        "controllers",
        "es",
    ],
)
def test_importing_brings_in_nothing_heavy(module):
    heavy = ("torch", "envpool", "evotorch", "ray", "gymnasium", "mujoco", "cma", "matplotlib", "pandas")
    program = f"import sys, {module}; print([name for name in {heavy} if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert answer.stdout.strip() == "[]"


def test_names_of_the_package_come_when_first_used():
    program = "import compactrl; print(compactrl.search.__module__, compactrl.load.__module__)"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert answer.stdout.split() == ["compactrl.searches.api", "compactrl.runs.run"]


def test_names_of_the_package_are_no_modules_too():
    """Importing a module sets its name on the package, and would hide a function of that name; data is none."""
    import compactrl

    places = list((ROOT / "compactrl").iterdir())
    modules = {path.stem for path in places if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert not set(compactrl.__all__) & modules


def test_names_of_test_files_are_unique():
    """Without packages in tests/, two files of one name would hide each other."""
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))
