"""What a fit has decided and spent so far, in a file that is rewritten at every step: `fit.json`.

A fit is one function that goes through all its steps in order. Each step is written down once it is done, and one that
is written down is not done again. So a fit that was killed is begun anew, comes at once to where it was, and goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from compactrl.errors import DamagedFileError, InputError
from compactrl.storage.files import read_json, write_json

FILE = "fit.json"
FORMAT = "compactrl-fit-1"
PORTFOLIO = 3
"""Of the candidates that a fit tries, and of the order of its steps: one that was begun with others does not go on."""
T = TypeVar("T")


class Ledger:
    """The record of a fit's folder.

    Args:
        path: of the folder; its record is read if there is one.
        options: of the fit, as JSON values.
        engine: that steps its environments; what is recorded of it decides, see `stages.engine_of`.
        threads: that it may use, for whoever goes on with it.

    Raises:
        InputError: the folder holds a fit with other options, or one that has not ended and is of an earlier version.
        DamagedFileError: its record is none.
    """

    def __init__(self, path: Path, options: Mapping[str, Any], engine: str, threads: int = 0) -> None:
        self._file = path / FILE
        self._content: dict[str, Any] = {
            "format": FORMAT, "finished": False, "options": dict(options), "engine": engine, "portfolio": PORTFOLIO,
            "spent": {}, "steps": {},
        }  # fmt: skip
        if self._file.exists():
            self._content = {"engine": engine, **read_record(path)}  # earlier versions recorded none
            _check_same(path, self._content["options"], options)
            if not self.finished and self._content.get("portfolio", 1) != PORTFOLIO:
                raise InputError(
                    f"{path} was begun by an earlier version, which tries other candidates, and cannot go on: what it "
                    "has found is kept, and opens as a run; choose another --out to begin anew"
                )
        self._content["threads"] = threads

    @property
    def finished(self) -> bool:
        """Whether the fit has come to its end."""
        return bool(self._content["finished"])

    @property
    def spent(self) -> float:
        """Of the budget, in seconds or steps, by all steps that are done."""
        return float(sum(self._content["spent"].values()))

    def known(self, key: str) -> Any:
        """Return what a step came to; None where it is not done yet."""
        return self._content["steps"].get(key)

    def once(self, key: str, do: Callable[[], T]) -> T:
        """Return what a step came to, as JSON values; it is done now if it was not done before."""
        if key not in self._content["steps"]:
            self.note(key, do())
        result: T = self._content["steps"][key]
        return result

    def note(self, key: str, result: Any, spent: float = 0.0) -> None:
        """Write down what a step came to, and what it took of the budget."""
        self._content["steps"][key] = result
        if spent:
            self._content["spent"][key] = spent
        self.save()

    def forget(self, key: str) -> None:
        """Take back a step, all that was decided for it, and what it took of the budget."""
        for table in ("steps", "spent"):
            kept = {
                name: value for name, value in self._content[table].items() if not f"{name}: ".startswith(f"{key}: ")
            }
            self._content[table] = kept
        self.save()

    def finish(self, finished: bool) -> None:
        """Write down whether the fit has ended by itself."""
        self._content["finished"] = finished
        self.save()

    def save(self) -> None:
        """Write the file."""
        write_json(self._file, self._content)


def read_record(path: Path) -> dict[str, Any]:
    """Return the content of a fit's `fit.json`.

    Raises:
        DamagedFileError: it is none.
    """
    content = read_json(path / FILE)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise DamagedFileError(f"{path / FILE} is not the record of a fit ({FORMAT})")
    return content


def threads_of(path: Path) -> int:
    """Return how many threads a fit was begun with, or gone on with last; 0 for every core."""
    return int(read_record(path).get("threads", 0))


def _check_same(path: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raise InputError where a fit would go on with other options."""
    for name in differing(before, now):
        other = f"with another {name}, {before[name]}" if name in before else f"without {name}"
        raise InputError(
            f"{path} holds a fit {other}: go on with the same options (`compactrl resume {path}`), or choose another "
            "--out"
        )


def differing(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return the names of options that are not the same; those of a fit that has none of a name are None."""
    return [name for name in sorted(before.keys() | now.keys()) if before.get(name) != now.get(name)]
