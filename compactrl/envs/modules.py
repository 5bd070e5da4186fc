"""The user's own modules, which register environments: importable names, or files.

A file such as `my_robot.py` is the module `my_robot`, with its folder on the path: it may import what lies
beside it, and is found by its name afterwards.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from compactrl.envs.answers import raised
from compactrl.errors import InputError, did_you_mean
from compactrl.imports.backends import any_backend

ENDING = ".py"


def load_module(name: str, named_by: str = "") -> None:
    """Import a user's module, which registers its environments; no name, no module.

    Args:
        name: of the module, or the path of its file.
        named_by: what the user wrote, where it is not `--env-module NAME`.

    Raises:
        InputError: there is no such module, or it raises.
    """
    if not name:
        return
    named_by = named_by or f"--env-module {name}"
    module = module_name(name)
    try:
        with any_backend():
            if is_file(name):
                _import_file(module, _found(name, named_by), named_by)
            else:
                with _working_directory_importable():
                    importlib.import_module(module)
    except InputError:
        raise
    except BaseException as error:
        raise InputError(f"{named_by}: {_why(error, module)}") from error


def is_file(name: str) -> bool:
    """Return whether a module is named by its file.

    Example:
        >>> is_file("robots/arm.py"), is_file("robots.arm")
        (True, False)
    """
    return name.endswith(ENDING) or os.sep in name


def module_name(name: str) -> str:
    """Return the name by which a module is imported.

    Example:
        >>> module_name("robots/arm.py"), module_name("robots.arm")
        ('arm', 'robots.arm')
    """
    return Path(name).stem if is_file(name) else name


def absolute_module(name: str) -> str:
    """Return a module's file by its whole path, so that it is found from any folder; an importable name as it is."""
    return str(Path(name).expanduser().absolute()) if is_file(name) else name


def module_folder(name: str) -> str:
    """Return the folder from which an imported module can be imported."""
    package = sys.modules[module_name(name).partition(".")[0]]
    place = Path(getattr(package, "__file__", None) or next(iter(getattr(package, "__path__", [""])), ""))
    return str((place.parent.parent if hasattr(package, "__path__") and place.suffix else place.parent).absolute())


def _found(name: str, named_by: str) -> Path:
    """Return where a module's file is: at its path, or in the working directory if it has been moved.

    Raises:
        InputError: it is nowhere.
    """
    path = Path(name).expanduser()
    for place in (path, Path(path.name)):
        if place.is_file() and place.suffix == ENDING:
            return place.absolute()
    if path.is_dir():
        raise InputError(f"{named_by}: it is a folder: expected a file ending in {ENDING}, or an importable name")
    folder = path.parent if path.parent.is_dir() else Path()
    near = did_you_mean(path.name, [each.name for each in folder.glob(f"*{ENDING}")])
    raise InputError(f"{named_by}: there is no such file.{near} Expected a Python file, or an importable name")


def _import_file(module: str, path: Path, named_by: str) -> None:
    """Import a module of this name from this file.

    Raises:
        InputError: the name is no name of a module, or taken by another one.
    """
    if not module.isidentifier():
        raise InputError(f"{named_by}: '{module}' is no name of a module: rename the file, with letters, digits and _")
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    imported = sys.modules.get(module)
    if imported is None:
        with _first_on_path(str(path.parent)):
            imported = importlib.import_module(module)
    if not _is_of(imported, path):
        other = getattr(imported, "__file__", None) or "built in"
        raise InputError(f"{named_by}: another module is called {module} ({other}): rename the file")


def _is_of(module: ModuleType, path: Path) -> bool:
    file = getattr(module, "__file__", None)
    return file is not None and Path(file).exists() and path.samefile(file)


def _why(error: BaseException, module: str) -> str:
    """Say in one line why a module cannot be imported: what is missing, or what it raises, and where."""
    if isinstance(error, ModuleNotFoundError) and error.name and f"{module}.".startswith(f"{error.name}."):
        return (
            f"{error}. Give the importable name of the module that has your environment, and install it or run from "
            "its folder; or the path of its file"
        )
    if isinstance(error, SyntaxError) and error.filename:
        return f"{Path(error.filename).name}, line {error.lineno}: {type(error).__name__}: {error.msg}"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_users(frame.filename)]
    where = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
    return f"importing {module} raised {raised(error)}{where}"


def _is_users(file: str) -> bool:
    """Return whether a file is neither Python's import machinery nor this one."""
    return not file.startswith("<frozen") and file not in (__file__, importlib.__file__)


@contextlib.contextmanager
def _first_on_path(folder: str) -> Iterator[None]:
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
        if folder not in sys.path:  # last: for what the module imports later, when its environment is made
            sys.path.append(folder)


@contextlib.contextmanager
def _working_directory_importable() -> Iterator[None]:
    sys.path.insert(0, "")
    try:
        yield
    finally:
        sys.path.remove("")
        if os.getcwd() not in sys.path:  # last: for what the module imports later, when its environment is made
            sys.path.append(os.getcwd())
