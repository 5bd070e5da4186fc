"""Where a policy's two files lie."""

from __future__ import annotations

from pathlib import Path

from compactrl.errors import InputError

ENDINGS = (".json", ".safetensors")


def stem_of(path: str | Path) -> Path:
    """Return a policy's two files without their ending: policy in a folder, or as one of them is named.

    Raises:
        InputError: a name with more dots than that of its ending.
    """
    given = Path(path)
    if given.suffix not in ENDINGS or given.is_dir():
        return given / "policy"
    if "." in given.stem:
        raise InputError(f"{path}: expected a folder, or a name with one dot, such as walker{given.suffix}")
    return given.with_suffix("")
