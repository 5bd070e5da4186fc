"""Importing what imports matplotlib, whatever backend the environment names.

Matplotlib reads `MPLBACKEND` once, as it is first imported, and refuses to be imported if it does not know the name:
a notebook's `module://matplotlib_inline.backend_inline` is inherited by commands whose Python lacks that module.
EnvPool and pycma import matplotlib though they draw nothing, and our own figures are drawn without a backend, so that
a search, an evaluation or a report need not fail for it.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

VARIABLE = "MPLBACKEND"


@contextlib.contextmanager
def any_backend() -> Iterator[None]:
    """Let whatever is imported in here import matplotlib; a backend that it knows is the user's choice afterwards too.

    Example:
        >>> with any_backend():
        ...     from matplotlib.figure import Figure
    """
    named = os.environ.get(VARIABLE)
    if named is None or "matplotlib" in sys.modules:
        yield
        return
    del os.environ[VARIABLE]
    try:
        yield
    finally:
        os.environ[VARIABLE] = named
        if "matplotlib" in sys.modules:
            # As its import would have set it. An unknown one is left at what matplotlib chooses by itself.
            with contextlib.suppress(ValueError):
                sys.modules["matplotlib"].rcParams["backend"] = named
