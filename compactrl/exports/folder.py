"""An output folder that is there whole or not at all, and never over other people's files."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from compactrl.errors import DamagedFileError, InputError, UnwritableError
from compactrl.storage.files import beside, read_json, write_json, writing

MANIFEST = "MANIFEST.json"
MANIFEST_FORMAT = "compactrl-export-1"


def check_free(folder: Path) -> None:
    """Raise InputError unless a folder is new, empty, or an earlier export that nobody has put anything into."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise InputError(f"--out {folder} is a file: give a folder")
    present = {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}
    foreign = present - _exported(folder)
    if foreign:
        raise InputError(
            f"--out {folder} has other files in it, such as {min(foreign)}: give a new folder, or one that holds an "
            "earlier export and nothing else"
        )


def _exported(folder: Path) -> set[str]:
    """Return the files of the export in a folder that are still as they were written."""
    try:
        manifest = read_json(folder / MANIFEST)
    except DamagedFileError:
        return set()
    if not isinstance(manifest, dict) or manifest.get("format") != MANIFEST_FORMAT:
        return set()
    unchanged = {
        name for name, digest in manifest.get("files", {}).items()
        if (folder / name).is_file() and sha256((folder / name).read_bytes()) == digest
    }  # fmt: skip
    return {MANIFEST, *unchanged}


def sha256(content: bytes) -> str:
    """Return the hash in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


@contextlib.contextmanager
def being_written(folder: Path) -> Iterator[Path]:
    """Give a folder to write to that takes the place of `folder` at the end, or is gone if anything goes wrong.

    Raises:
        InputError: the place cannot be written to.
    """
    temporary = beside(folder)
    try:
        with writing(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            temporary.mkdir()
    except UnwritableError as error:
        raise InputError(f"--out: {error}") from error
    try:
        yield temporary
        check_free(folder)  # again: compiling and running takes a while
        if folder.exists():
            old = temporary.with_name(temporary.name + "-old")
            os.replace(folder, old)
            os.replace(temporary, folder)
            shutil.rmtree(old)
        else:
            os.replace(temporary, folder)
    except OSError as error:
        raise UnwritableError(folder, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Write text files, folders included."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8", newline="\n")


def write_manifest(folder: Path, files: Mapping[str, str], content: Mapping[str, Any]) -> dict[str, Any]:
    """Write the manifest, last of all, and return it: what is in the folder, with the hash of every file."""
    hashes = {name: sha256(text.encode()) for name, text in sorted(files.items())}
    manifest = {"format": MANIFEST_FORMAT, **content, "files": hashes}
    write_json(folder / MANIFEST, manifest)
    return manifest
