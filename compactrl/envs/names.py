"""What each number of a flattened observation is, by the keys of the environment's spaces.

`Dict(spaces)` sorts its keys and `Dict(**spaces)` keeps their order, so that an observation's own order must be written
down: a robot's sensors are put into it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any


def observation_names(space: Any) -> tuple[str, ...]:
    """Return a name for each number that `gymnasium.spaces.flatten` makes of a space with parts, (O,).

    Of a space without any, as a Box, it is nothing: there are no words to name its numbers by.

    Example:
        >>> from gymnasium.spaces import Box, Dict, Discrete
        >>> observation_names(Dict(gyro=Box(-1, 1, (2,)), gear=Discrete(2, start=1)))
        ('gyro[0]', 'gyro[1]', 'gear = 1', 'gear = 2')
    """
    from gymnasium.spaces import Dict, Tuple

    return tuple(_named("", space)) if isinstance(space, Dict | Tuple) else ()


def goal_names(space: Any) -> tuple[str, ...]:
    """Return a name for each number of [observation | desired goal], (O,), of a goal environment's space."""
    parts = (("observation", "observation"), ("desired_goal", "desired goal"))
    return tuple(name for key, word in parts for name in _named(word, space[key]))


def _named(word: str, space: Any) -> Iterator[str]:
    """Yield the names of a part that is called so, in the order in which it is flattened."""
    from gymnasium.spaces import Dict, Discrete, MultiDiscrete, Tuple

    if isinstance(space, Dict | Tuple):
        parts = space.spaces.items() if isinstance(space, Dict) else enumerate(space.spaces)
        for key, part in parts:
            yield from _named(f"{word}.{key}" if word else str(key), part)
    elif isinstance(space, Discrete):
        yield from (f"{word} = {value}" for value in range(int(space.start), int(space.start + space.n)))
    elif isinstance(space, MultiDiscrete):
        starts = space.start.ravel().tolist()
        for place, (first, count) in enumerate(zip(starts, space.nvec.ravel().tolist(), strict=True)):
            yield from (f"{word}[{place}] = {value}" for value in range(first, first + count))
    elif not space.shape:
        yield word
    else:
        places = product(*map(range, space.shape))
        yield from (f"{word}[{', '.join(map(str, place))}]" for place in places)
