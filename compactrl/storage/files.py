"""Files of nested state, as safetensors and JSON: written atomically, checked by hash when read.

Never pickle: people send runs to each other. A file is written beside its place, flushed to the disk, then renamed, so
that a power cut or a `kill -9` leaves the old file or the new one.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compactrl.errors import DamagedFileError, UnwritableError
from compactrl.types import State

FORMAT = "compactrl-state-1"
"""Marks the files, and the version of their layout."""


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Say of a file or folder what goes wrong while it is written, or anything that it is made of.

    Raises:
        UnwritableError: the system refuses; what was there before is still there if it was written atomically.
    """
    try:
        yield
    except BrokenPipeError:  # of a reader who has gone, not of a file
        raise
    except OSError as error:
        raise UnwritableError(path, error) from error
    except UnwritableError as error:
        raise UnwritableError(path, error.reason) from error


def beside(path: Path) -> Path:
    """Return the place of something unfinished that will be renamed to `path`: hidden, and nobody else's."""
    return path.with_name(f".unfinished-{os.urandom(6).hex()}")


def write_atomically(path: Path, content: bytes) -> None:
    """Write a whole file or nothing; who may read it, the process's umask says.

    Raises:
        UnwritableError: it cannot be written.
    """
    temporary = beside(path)
    with writing(path):
        try:
            with open(temporary, "xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


def write_json(path: Path, content: Any) -> None:
    """Write JSON, indented for people."""
    write_atomically(path, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())


def read_json(path: Path) -> Any:
    """Read JSON.

    Raises:
        DamagedFileError: missing, or not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DamagedFileError(f"{path} is missing") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DamagedFileError(f"{path} is not JSON: it is damaged or another kind of file") from error


def save_state(stem: Path, state: State) -> None:
    """Write nested state to `stem.safetensors` and `stem.json`, which holds the hashes of both.

    Where an old pair is replaced, the JSON is first written with the headers of both the old and the new arrays. So
    whenever this is interrupted, the arrays that are there have a header that fits.
    """
    from safetensors.numpy import save

    arrays: dict[str, NDArray[Any]] = {}
    tree = _split(state, "", arrays)
    content = save(arrays)
    digest = hashlib.sha256(content).hexdigest()
    header = {"format": FORMAT, "sha256": digest, "state_sha256": _digest(tree), "state": tree}
    if stem.with_suffix(".json").exists():
        with contextlib.suppress(DamagedFileError):
            write_json(stem.with_suffix(".json"), {**header, "before": _read(stem)[0]})
    write_atomically(stem.with_suffix(".safetensors"), content)
    write_json(stem.with_suffix(".json"), header)


def load_state(stem: Path) -> State:
    """Read what `save_state` wrote.

    Raises:
        DamagedFileError: missing, truncated, altered or foreign.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    header, content = _read(stem)
    path = stem.with_suffix(".safetensors")
    try:
        arrays = load(content)
        state = _join(header["state"], arrays)
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise DamagedFileError(f"{path} is not a safetensors file that fits its JSON: {error}") from error
    if not isinstance(state, dict):
        raise DamagedFileError(f"{stem.with_suffix('.json')} holds no state")
    return state


def _read(stem: Path) -> tuple[dict[str, Any], bytes]:
    """Return the header that fits the arrays, and the arrays' bytes; hashes are checked."""
    header = read_json(stem.with_suffix(".json"))
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise DamagedFileError(f"{stem.with_suffix('.json')} is not one of compactrl's files ({FORMAT})")
    path = stem.with_suffix(".safetensors")
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise DamagedFileError(f"{path} is missing") from error
    digest = hashlib.sha256(content).hexdigest()
    before = header.pop("before", None)
    if digest != header.get("sha256") and isinstance(before, dict):  # writing was interrupted
        header = before
    if digest != header.get("sha256"):
        raise DamagedFileError(f"{path} does not have the content that was saved: it is truncated, altered or foreign")
    if "state_sha256" in header and header["state_sha256"] != _digest(header.get("state")):
        raise DamagedFileError(f"{stem.with_suffix('.json')} does not have the content that was saved: it was altered")
    return header, content


def _digest(tree: Any) -> str:
    return hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()


def _split(node: Any, path: str, arrays: dict[str, NDArray[Any]]) -> Any:
    """Return the JSON of a node; its arrays are added to `arrays` under their paths."""
    if isinstance(node, dict):
        return {key: _split(value, f"{path}/{key}", arrays) for key, value in node.items()}
    if isinstance(node, np.ndarray):
        arrays[path] = np.array(node, order="C")  # ascontiguousarray gives a scalar an axis
        return {"$array": path}
    if isinstance(node, np.generic):
        return node.item()
    if node is None or isinstance(node, (bool, int, float, str)):
        return node
    raise TypeError(f"state at {path or '/'} is a {type(node).__name__}; expected arrays, numbers, text or None")


def _join(node: Any, arrays: dict[str, NDArray[Any]]) -> Any:
    if isinstance(node, dict):
        if set(node) == {"$array"}:
            return arrays[node["$array"]]
        return {key: _join(value, arrays) for key, value in node.items()}
    return node
