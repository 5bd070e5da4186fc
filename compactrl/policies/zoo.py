"""Policies that ship in the package, by names such as `zoo:CartPole-v1/64B`; each is a folder that opens as a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from compactrl.errors import InputError, did_you_mean

PREFIX = "zoo:"
FOLDER = Path(__file__).parents[1] / "zoo"
"""ENV/SIZE, a run's folder each; written by `python -m experiments.zoo`. An environment's own name may have a slash."""


def names() -> list[str]:
    """Return the names of all policies that ship, ENV/SIZE, those of an environment from small to large."""
    found = [path.parent.relative_to(FOLDER).as_posix().rsplit("/", 1) for path in FOLDER.rglob("config.json")]
    return [f"{env}/{size}" for env, size in sorted(found, key=lambda parts: (parts[0], bytes_of(parts[1])))]


def bytes_of(size: str) -> int:
    """Return the bytes of a size's name.

    Example:
        >>> bytes_of("64B"), bytes_of("1kB")
        (64, 1000)
    """
    number = size.removesuffix("B")
    return 1000 * int(number[:-1]) if number.endswith("k") else int(number)


def located(path: str | Path) -> Path:
    """Return the folder of a policy that ships, where its name begins with `zoo:`; any other path as it is.

    Raises:
        InputError: there is no such policy.
    """
    text = str(path)
    if not text.startswith(PREFIX):
        return Path(path)
    name = text.removeprefix(PREFIX)
    if name not in names():
        of_robot = [known for known in names() if known.startswith(f"{name}/")]
        hint = f" There are: {', '.join(of_robot)}" if of_robot else did_you_mean(name, names(), lambda x: PREFIX + x)
        raise InputError(f"{text}: no such policy ships.{hint} (`compactrl zoo` lists them)")
    return FOLDER / name


def ships(path: Path) -> bool:
    """Return whether a folder is of the package, where nothing is to be written."""
    return path.is_relative_to(FOLDER)


def absolute(value: Any) -> Any:
    """Return a folder's absolute path, since a search may be resumed elsewhere; of what ships, its name."""
    if not value or not isinstance(value, (str, Path)) or str(value).startswith(PREFIX):
        return value
    return str(Path(value).absolute())
