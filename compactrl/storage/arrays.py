"""Large arrays of checkpoints, each in a file named by the hash of its content.

A replay buffer is most of a checkpoint, and little of it changes from one to the next: an array that is there already
is not written again. All checkpoints share one folder of arrays. Each names the arrays that it needs; those that none
names are deleted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compactrl.errors import DamagedFileError
from compactrl.storage.files import write_atomically, writing
from compactrl.types import State

LARGE = 1 << 20
"""Smallest size, in bytes, of an array with its own file."""
MARK = "$stored"
"""Key of a name in place of an array: {MARK: name}."""


class ArrayStore:
    """A folder of arrays."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, node: Any) -> Any:
        """Write the large arrays of nested state; return the state with their names in place of them."""
        if isinstance(node, dict):
            return {key: self.put(value) for key, value in node.items()}
        if isinstance(node, np.ndarray) and node.nbytes >= LARGE:
            return {MARK: self._write(np.ascontiguousarray(node))}
        return node

    def fill(self, node: Any) -> Any:
        """Return nested state with arrays in place of their names.

        Raises:
            DamagedFileError: one is missing or altered.
        """
        if isinstance(node, dict):
            return self._read(node[MARK]) if set(node) == {MARK} else {key: self.fill(node[key]) for key in node}
        return node

    def keep(self, states: Iterable[State]) -> None:
        """Delete the arrays that are named in none of these states, as `put` returned them."""
        kept = {name for state in states for name in _names(state)}
        for file in self.folder.glob("*.safetensors") if self.folder.is_dir() else ():
            if file.stem not in kept:
                file.unlink()

    def _write(self, array: NDArray[Any]) -> str:
        from safetensors.numpy import save

        name = _digest(array)
        path = self.folder / f"{name}.safetensors"
        if not path.exists():
            with writing(self.folder):
                self.folder.mkdir(exist_ok=True)
            write_atomically(path, save({"array": array}))
        return name

    def _read(self, name: str) -> NDArray[Any]:
        from safetensors import SafetensorError
        from safetensors.numpy import load

        path = self.folder / f"{name}.safetensors"
        try:
            array: NDArray[Any] = load(path.read_bytes())["array"]
        except FileNotFoundError as error:
            raise DamagedFileError(f"{path} is missing") from error
        except (SafetensorError, KeyError) as error:
            raise DamagedFileError(f"{path} is not an array that was saved: {error}") from error
        if _digest(array) != name:
            raise DamagedFileError(
                f"{path} does not have the content that was saved: it is truncated, altered or foreign"
            )
        return array


def _digest(array: NDArray[Any]) -> str:
    kind = f"{array.dtype.str} {array.shape} ".encode()
    return hashlib.sha256(kind + hashlib.sha256(array.data).digest()).hexdigest()


def _names(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if set(node) == {MARK}:
            yield node[MARK]
        else:
            for child in node.values():
                yield from _names(child)
