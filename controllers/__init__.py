"""Controllers: who proposes the next designs, given the rewards of the last ones.

    designs = controller.propose(n)           # (n, D) integers in 0 … choices - 1
    metrics = controller.feedback(designs, rewards)   # (n,) rewards, higher is better; NaN: failed, skipped

| name        | proposes                                                    | learns by                        |
|-------------|-------------------------------------------------------------|----------------------------------|
| `pointer`   | samples of an LSTM pointer network                          | REINFORCE                        |
| `evolution` | children of the best of small tournaments                   | ageing the oldest designs out    |
| `random`    | uniform designs, new ones each time                         | nothing                          |
| `fixed`     | a fixed population of designs, uniform or given, in a cycle | nothing                          |
| `cycle`     | every design once before any comes again, shuffled          | nothing                          |
| `stratified`| a uniformly drawn stratum, and the next design of it        | nothing                          |
| `none`      | empty rows, for a space without decisions                   | nothing                          |

To add one: a file with a subclass of `Controller`, and a line in `CONTROLLERS`. Nothing heavy is imported before a
controller that needs it is made.

Example:
    >>> import numpy as np
    >>> kind = CONTROLLERS["random"]
    >>> controller = kind(Space(length=4, choices=3), kind.Options(), np.random.SeedSequence(0))
    >>> controller.propose(5).shape
    (5, 4)
"""

from .ahead import Ahead
from .base import Controller, Space
from .cycle import CycleController, StratifiedController
from .evolution import EvolutionController
from .fixed import FixedController
from .none import NoneController
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
        NoneController,
    )
}
"""Every controller by its name."""

__all__ = ["CONTROLLERS", "Ahead", "Controller", "Space"]
