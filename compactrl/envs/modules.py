"""The user's own modules, which register environments."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from pathlib import Path
from typing import Any

from compactrl.backends import any_backend
from compactrl.errors import InputError


def load_module(name: str, named_by: str = "") -> None:
    """Import a user's module, which registers its environments; no name, no module.

    Args:
        name: of the module.
        named_by: what the user wrote, where it is not `--env-module NAME`.

    Raises:
        InputError: there is no such module, or it raises.
    """
    if not name:
        return
    named_by = named_by or f"--env-module {name}"
    try:
        with _working_directory_importable(), any_backend():
            importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise InputError(
            f"{named_by}: {error}. Give the importable name of the module that has your environment, and install it or "
            "run from its folder."
        ) from error
    except Exception as error:
        raise InputError(f"{named_by}: importing {name} raised {type(error).__name__}: {error}") from error


def module_folder(name: str) -> str:
    """Return the folder from which an imported module can be imported."""
    package = sys.modules[name.partition(".")[0]]
    place = Path(getattr(package, "__file__", None) or next(iter(getattr(package, "__path__", [""])), ""))
    return str((place.parent.parent if hasattr(package, "__path__") and place.suffix else place.parent).absolute())


@contextlib.contextmanager
def _working_directory_importable() -> Any:
    sys.path.insert(0, "")
    try:
        yield
    finally:
        sys.path.remove("")
        if os.getcwd() not in sys.path:  # last: for what the module imports later, when its environment is made
            sys.path.append(os.getcwd())
