"""Large packages of others, of which only the part that is used runs.

EnvPool's `__init__` imports every family of environments, and with them matplotlib. EvoTorch's imports Ray, pandas,
pycma and SciPy, of which its functional strategies need nothing. Here these packages wait: each is in `sys.modules`
before its own code has run, so that a submodule can be imported, and runs as soon as a name of it is asked for that
is not there. Whoever imports one of them later, for whatever else it has, gets it whole.

This relies on how the two packages are put together (`TESTED`). Where that is not as it was, they are imported as
anyone would: slower, and the same.
"""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec, module_from_spec
from threading import RLock
from types import ModuleType
from typing import Any

TESTED = {"envpool": ">=1.2.5,<1.3", "evotorch": ">=0.6.1,<0.7"}
"""Versions of the packages that this file was tested with."""
_LOCK = RLock()


class Waiting(ModuleType):
    """A module whose code runs when it is first asked for a name that it does not have."""

    def __getattr__(self, name: str) -> Any:
        with _LOCK:
            if isinstance(self, Waiting):  # another thread may have been first
                if self.__spec__ is None or self.__spec__.loader is None or "_runs" in self.__dict__:
                    raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
                self.__dict__["_runs"] = True
                try:
                    self.__spec__.loader.exec_module(self)
                    self.__class__ = ModuleType  # type: ignore[assignment]  # no longer waits
                finally:
                    del self.__dict__["_runs"]
        return getattr(self, name)


def wait(name: str) -> None:
    """Let a package wait, unless it is imported already; those that it lies in are imported, or wait too.

    Raises:
        ModuleNotFoundError: there is none of this name.
    """
    if name in sys.modules:
        return
    spec = find_spec(name)
    if spec is None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    module = module_from_spec(spec)
    module.__class__ = Waiting
    sys.modules[name] = module
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], child, module)


def import_evotorch() -> None:
    """Import EvoTorch's functional strategies without the rest of it; its TensorFrame does without pandas then."""
    if "evotorch" in sys.modules:
        return
    names = ("evotorch", "evotorch.algorithms")
    with _all_or_nothing("evotorch"), _absent("pandas"):
        for name in names:
            wait(name)
        importlib.import_module("evotorch.algorithms.functional")


def import_envpool() -> ModuleType:
    """Return EnvPool with all of its ids known; of its environments, a family is imported when one is made."""
    if "envpool" not in sys.modules:
        with _all_or_nothing("envpool"):
            sys.modules["envpool.entry"] = ModuleType("envpool.entry")  # in place of the one that imports all families
            importlib.import_module("envpool")
            del sys.modules["envpool.entry"]
            for name in _registrations():
                packages = name.split(".")[:-1]
                for length in range(2, len(packages) + 1):
                    wait(".".join(packages[:length]))
                importlib.import_module(name)
    return importlib.import_module("envpool")


def _registrations() -> list[str]:
    """Return the modules that register EnvPool's families, as its module `entry` imports them.

    Raises:
        ImportError: it is not as it was.
    """
    spec = find_spec("envpool.entry")
    source = getattr(spec and spec.loader, "get_source", lambda _: None)("envpool.entry")
    nodes = ast.parse(source or "").body
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    if not names or any(isinstance(node, ast.ImportFrom) for node in nodes):
        raise ImportError("envpool.entry does not import what registers its families")
    return names


@contextmanager
def _all_or_nothing(package: str) -> Iterator[None]:
    """Forget a package's modules if importing it in parts fails: it is then imported as anyone would."""
    try:
        yield
    except (ImportError, AttributeError, SyntaxError):
        for name in [name for name in sys.modules if name == package or name.startswith(f"{package}.")]:
            del sys.modules[name]


@contextmanager
def _absent(package: str) -> Iterator[None]:
    """Let importing a package fail, as where it is not installed, unless it is imported already."""
    absent = package not in sys.modules
    if absent:
        sys.modules[package] = None  # type: ignore[assignment]  # what Python takes for "not there"
    try:
        yield
    finally:
        if absent:
            del sys.modules[package]
