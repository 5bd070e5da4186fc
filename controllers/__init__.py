"""Controllers: who proposes the next designs, given the rewards of the last ones.

    designs = controller.propose(n)           # (n, D) integers in 0 … choices - 1
    metrics = controller.feedback(designs, rewards)   # (n,) rewards, higher is better; NaN: failed, skipped

| name        | proposes                                                    | learns by                        |
|-------------|-------------------------------------------------------------|----------------------------------|
| `pointer`   | samples of an LSTM pointer network                          | REINFORCE                        |
| `evolution` | children of the best of small tournaments                   | replacing the oldest designs     |
| `random`    | uniform designs, drawn anew each time                       | nothing                          |
| `fixed`     | a fixed population, random or given, again and again        | nothing                          |
| `cycle`     | every design once, in random order, before any is repeated  | nothing                          |
| `stratified`| the next design of a uniformly drawn stratum                | nothing                          |
| `inverse-stratum` | the same, drawn in proportion to its rows over its number | nothing                     |
| `none`      | empty rows, for a space without decisions                   | nothing                          |

Of a product of spaces, `controller_of` gives each part a controller of its own.

To add one, write a file with a subclass of `Controller` and add it to `CONTROLLERS`. Slow libraries are imported only
when a controller that needs them is made.

Example:
    >>> import numpy as np
    >>> kind = CONTROLLERS["random"]
    >>> controller = kind(Space(length=4, choices=3), kind.Options(), np.random.SeedSequence(0))
    >>> controller.propose(5).shape
    (5, 4)
"""

from .ahead import Ahead
from .base import Controller, Space
from .cycle import CycleController, InverseStratumController, StratifiedController
from .evolution import EvolutionController
from .fixed import FixedController
from .none import NoneController
from .product import controller_of
from .random import RandomController
from .reinforce import PointerController

CONTROLLERS: dict[str, type[Controller]] = {
    kind.name: kind
    for kind in (
        PointerController,
        RandomController,
        FixedController,
        EvolutionController,
        CycleController,
        StratifiedController,
        InverseStratumController,
        NoneController,
    )
}
"""Every controller by its name."""

__all__ = ["CONTROLLERS", "Ahead", "Controller", "Space", "controller_of"]
