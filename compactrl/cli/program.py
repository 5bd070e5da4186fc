"""How this program was called, so that what it tells the user to type works from where the user is."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path


def program(called: Sequence[str] | None = None) -> str:
    """Return what to type for the command line: `compactrl`, or the path or module by which it was called.

    Args:
        called: the words of the call, with those of the interpreter; by default those of this process.
    """
    words = list(sys.orig_argv if called is None else called)
    if "-m" in words[1:-1] and words[words.index("-m") + 1] == "compactrl":
        return shlex.join([*words[: words.index("-m")], "-m", "compactrl"])
    script = next((word for word in words if Path(word).name == "compactrl"), "compactrl")
    found = shutil.which("compactrl")
    on_path = found is not None and Path(found).resolve() == Path(script).resolve()
    return "compactrl" if on_path or script == Path(script).name else shlex.quote(script)
