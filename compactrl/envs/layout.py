"""How Gymnasium flattens an observation space, as a layout that a policy keeps."""

from __future__ import annotations

from typing import Any

from compactrl.policies.observations import GOAL, Layout, Part


def layout_of(space: Any, path: tuple[str | int, ...] = ()) -> Layout:
    """Return the layout of a space, in the order in which Gymnasium flattens it.

    Returns:
        nothing where observations are rows of numbers, and where parts are of a kind that has no fixed size.

    Example:
        >>> from gymnasium.spaces import Box, Dict, Discrete
        >>> [(part.path, part.kind, part.shape) for part in layout_of(Dict(gear=Discrete(3), pose=Box(-1, 1, (2,))))]
        [(('gear',), 'discrete', (3,)), (('pose',), 'box', (2,))]
    """
    from gymnasium.spaces import Box

    if isinstance(space, Box) and len(space.shape) == 1 and not path:
        return ()
    try:
        return _parts(space, path)
    except TypeError:
        return ()


def goal_layout(space: Any) -> Layout:
    """Return the layout of a goal environment's observations: [observation | desired goal]."""
    return tuple(Part((key,), "box", tuple(space[key].shape)) for key in GOAL)


def _parts(space: Any, path: tuple[str | int, ...]) -> Layout:
    """Return the parts of a space.

    Raises:
        TypeError: one of them has no fixed size.
    """
    from gymnasium import spaces

    if isinstance(space, spaces.Discrete):
        return (Part(path, "discrete", (int(space.n),), (int(space.start),)),)
    if isinstance(space, spaces.Dict):
        return tuple(part for key, inner in space.items() for part in _parts(inner, (*path, key)))
    if isinstance(space, spaces.Tuple):
        return tuple(part for place, inner in enumerate(space) for part in _parts(inner, (*path, place)))
    if isinstance(space, spaces.MultiDiscrete) and space.nvec.ndim == 1:
        return (Part(path, "discretes", tuple(map(int, space.nvec)), tuple(map(int, space.start))),)
    if isinstance(space, (spaces.Box, spaces.MultiBinary)):
        return (Part(path, "box", tuple(space.shape), dtype=str(space.dtype)),)
    raise TypeError(f"{space} has no fixed size")
