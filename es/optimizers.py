"""Gradient ascent in numpy: turns an estimated gradient into a step of the centre.

`sgd`: v <- momentum * v + gradient, step = learning_rate * v (momentum 0 is plain ascent).
`adam`: Kingma & Ba 2015, "Adam: A Method for Stochastic Optimization", algorithm 1, with the paper's
beta1 = 0.9, beta2 = 0.999 and epsilon = 1e-8.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from es.strategy import Floats, State

OptimizerName = Literal["sgd", "adam"]


class Ascent:
    """SGD with momentum, or Adam, on P parameters; ascends.

    Args:
        name: which of the two.
        parameters: P.
        learning_rate: step size.
        momentum: share of the previous direction that `sgd` keeps; `adam` does not use it.

    Example:
        >>> Ascent("sgd", 2, learning_rate=0.5, momentum=0.0).step(np.array([2.0, -4.0])).tolist()
        [1.0, -2.0]
    """

    def __init__(self, name: OptimizerName, parameters: int, learning_rate: float, momentum: float) -> None:
        self.name = name
        self.learning_rate = learning_rate
        self.momentum = momentum
        self._first = np.zeros(parameters)  # sgd: velocity; adam: mean of gradients
        self._second = np.zeros(parameters)  # adam: mean of squared gradients
        self._steps = 0

    def step(self, gradient: Floats) -> Floats:
        """Return the step to add to the parameters, shape (P,), for a gradient (P,)."""
        self._steps += 1
        if self.name == "sgd":
            self._first = self.momentum * self._first + gradient
            return self.learning_rate * self._first
        self._first = 0.9 * self._first + 0.1 * gradient
        self._second = 0.999 * self._second + 0.001 * gradient**2
        mean = self._first / (1 - 0.9**self._steps)
        square = self._second / (1 - 0.999**self._steps)
        return self.learning_rate * mean / (np.sqrt(square) + 1e-8)

    def state_dict(self) -> State:
        """Return everything that later steps depend on."""
        return {"first": self._first.copy(), "second": self._second.copy(), "steps": self._steps}

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned."""
        self._first = np.array(state["first"], dtype=np.float64)
        self._second = np.array(state["second"], dtype=np.float64)
        self._steps = int(state["steps"])
