"""How this program was called, so that what it tells the user to type works from where the user is."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path


def program(script: str | None = None, call: Sequence[str] | None = None) -> str:
    """Return what to type for the command line: `compactrl`, or the path or the module by which it was called.

    Args:
        script: that runs; by default this process's.
        call: the words of the call, the interpreter's among them; by default this process's.
    """
    script = sys.argv[0] if script is None else script
    words = list(sys.orig_argv if call is None else call)
    if Path(script).name == "__main__.py" and "-m" in words:
        return shlex.join([*words[: words.index("-m")], "-m", "compactrl"])
    found = shutil.which("compactrl")
    if Path(script).name != "compactrl" or (found and Path(found).resolve() == Path(script).resolve()):
        return "compactrl"
    return shlex.quote(script)
