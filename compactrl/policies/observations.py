"""How an environment's observations become the row of numbers that a policy takes.

A layout is a tuple of parts in the order of the row. It is empty where observations are such rows themselves. What it
does is what Gymnasium's flattening does, from the policy's own files and without the environment.

Example:
    >>> pose, gear = Part(("pose",), "box", (2,)), Part(("gear",), "discrete", (3,), (1,))
    >>> rows_of({"gear": 2, "pose": [0.5, 0.25]}, (pose, gear), size=5)
    (array([[0.5 , 0.25, 0.  , 1.  , 0.  ]]), True)
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from compactrl.types import Floats


class Part(NamedTuple):
    """Some of the numbers of a row."""

    path: tuple[str | int, ...]
    """Keys and places that lead to it in an observation; empty where that is the part itself."""
    kind: str
    """`box`: its numbers one by one; `discrete`: a whole number, as 1 among zeros; `discretes`: several of those."""
    shape: tuple[int, ...]
    """Of a box; of discrete ones how many values each may have."""
    starts: tuple[int, ...] = ()
    """The first value of each discrete one."""
    dtype: str = ""
    """Of a box, the type that Gymnasium makes its numbers of; nothing where they stay as they are."""

    @property
    def size(self) -> int:
        """Numbers in the row."""
        return int(np.prod(self.shape) if self.kind == "box" else np.sum(self.shape))

    @property
    def natural(self) -> tuple[int, ...]:
        """Its shape in an observation."""
        return {"box": self.shape, "discrete": (), "discretes": (len(self.shape),)}[self.kind]

    @property
    def name(self) -> str:
        """Where it is, in words."""
        return "the observation" + "".join(f"[{key!r}]" for key in self.path)

    def rows(self, observation: Any) -> tuple[Floats, bool]:
        """Return its numbers (B, size), and whether the observation was a single one.

        Raises:
            ValueError: it is not in the observation, or has another shape.
        """
        shape = self.natural
        values = np.asarray(np.asarray(self._found(observation), self.dtype or None), np.float64)
        single = values.shape == shape
        if not single and values.shape[1:] != shape:
            raise ValueError(f"expected {self.name} with shape {shape}, or (B, …) of a batch, got {values.shape}")
        if self.kind == "box":
            return values.reshape(-1, self.size), single
        places = values.reshape(-1, len(self.shape)) - self.starts
        if not ((places >= 0) & (places < self.shape) & (places == np.rint(places))).all():
            last = tuple(start + count - 1 for start, count in zip(self.starts, self.shape, strict=True))
            raise ValueError(f"expected {self.name} of whole numbers from {self.starts} to {last}")
        columns = zip(places.T.astype(np.int64), self.shape, strict=True)
        return np.concatenate([np.eye(count)[column] for column, count in columns], axis=1), single

    def _found(self, observation: Any) -> Any:
        for key in self.path:
            try:
                observation = observation[key]
            except (KeyError, IndexError, TypeError) as error:
                has = f"it has {', '.join(map(str, observation))}" if isinstance(observation, Mapping) else "it is none"
                raise ValueError(f"expected {self.name}: {has}") from error
        return observation


Layout = tuple[Part, ...]


def layout_text(layout: Layout) -> str:
    """Return a layout as JSON."""
    return json.dumps([part._asdict() for part in layout])


def layout_from(text: str) -> Layout:
    """Return the layout of `layout_text`."""
    return tuple(
        Part(tuple(part["path"]), part["kind"], tuple(part["shape"]), tuple(part["starts"]), part.get("dtype", ""))
        for part in json.loads(text)
    )


GOAL: tuple[str, ...] = ("observation", "desired_goal")
"""What a policy sees of a goal environment, in this order."""


def rows_of(observation: Any, layout: Layout, size: int) -> tuple[Floats, bool]:
    """Return observations as rows (B, O), and whether there was a single one.

    Args:
        observation: as the environment gives it, or several of them, each part with a leading axis; or rows already,
            (O,) or (B, O).
        layout: of the environment's observations.
        size: O

    Raises:
        ValueError: it is something else; the message says what was expected.
    """
    if isinstance(observation, Mapping) and not layout:
        return _goal_rows(observation, size)
    if not layout or not (layout[0].path and isinstance(observation, (Mapping, tuple))):
        rows = np.asarray(observation, np.float64)
        natural = None if not layout or layout[0].path else layout[0].natural
        if rows.shape[-1:] == (size,) and rows.ndim <= 2 and natural not in (rows.shape, rows.shape[1:]):
            return (rows[None], True) if rows.ndim == 1 else (rows, False)
        if natural is None:
            named = f", or one with {', '.join(part.name for part in layout)}" if layout else ""
            raise ValueError(f"expected an observation with shape ({size},) or (B, {size}){named}, got {rows.shape}")
    parts = [part.rows(observation) for part in layout]
    if len({(len(rows), single) for rows, single in parts}) != 1:
        raise ValueError("expected every part of the observation for one moment, or for as many as the others")
    return np.concatenate([rows for rows, _ in parts], axis=1), parts[0][1]


def _goal_rows(observation: Mapping[str, Any], size: int) -> tuple[Floats, bool]:
    """Return the rows of a goal environment's observation, of a policy that was saved without its layout."""
    if not set(GOAL) <= observation.keys():
        raise ValueError(
            f"expected an observation with shape ({size},) or (B, {size}), got one with {', '.join(observation)}: this "
            "policy was not trained on them, or by a version that did not keep their order; concatenate them"
        )
    values = [np.asarray(observation[key], np.float64) for key in GOAL]
    single = all(value.ndim == 1 for value in values)
    rows = np.concatenate([np.atleast_2d(value) for value in values], axis=1)
    if rows.shape[1] != size:
        raise ValueError(f"expected {size} numbers in observation and desired_goal, got {rows.shape[1]}")
    return rows, single
