"""Adam for a dict of tensors, with a state of plain arrays.

Kingma & Ba, "Adam: a method for stochastic optimization", 2015, algorithm 1, with g the gradient at step t:

    m <- β₁ m + (1 - β₁) g,  v <- β₂ v + (1 - β₂) g²
    θ <- θ - α m / (1 - β₁^t) / (sqrt(v / (1 - β₂^t)) + ε),  β₁ = 0.9, β₂ = 0.999, ε = 1e-8

Deviations: none. `torch.optim.Adam` computes the same, but its first step imports a compiler, and its state is keyed by
position instead of by name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

FIRST, SECOND, EPSILON = 0.9, 0.999, 1e-8


class Adam:
    """Gradient descent along the parameters' `grad`.

    Args:
        parameters: Changed in place.
        learning_rate: α.
        own_rates: By name, α of the parameters that have one of their own.

    Example:
        >>> parameter = torch.ones(2, requires_grad=True)
        >>> parameter.grad = torch.tensor([3.0, 4.0])
        >>> Adam({"x": parameter}, learning_rate=0.5).step()
        5.0
        >>> [round(value, 4) for value in parameter.tolist()]
        [0.5, 0.5]
    """

    def __init__(
        self, parameters: dict[str, Tensor], learning_rate: float, own_rates: Mapping[str, float] | None = None
    ) -> None:
        self.parameters, self.steps = parameters, 0
        self.rates = dict.fromkeys(parameters, learning_rate) | dict(own_rates or {})
        self.first = {name: torch.zeros_like(parameter) for name, parameter in parameters.items()}
        self.second = {name: torch.zeros_like(parameter) for name, parameter in parameters.items()}

    @torch.no_grad()
    def step(self) -> float:
        """Take one step; return the norm of the gradient."""
        self.steps += 1
        first_scale = 1 / (1 - FIRST**self.steps)
        root_scale = math.sqrt(1 - SECOND**self.steps)
        squared_norm = 0.0
        for name, parameter in self.parameters.items():
            gradient = parameter.grad
            if gradient is None:
                raise ValueError(f"expected a gradient for every parameter, got none for {name!r}")
            squared_norm += float(gradient.square().sum())
            self.first[name].lerp_(gradient, 1 - FIRST)
            self.second[name].mul_(SECOND).addcmul_(gradient, gradient, value=1 - SECOND)
            denominator = (self.second[name].sqrt() / root_scale).add_(EPSILON)
            parameter.addcdiv_(self.first[name], denominator, value=-first_scale * self.rates[name])
        return math.sqrt(squared_norm)

    def state_dict(self) -> dict[str, Any]:
        """Return the number of steps and both moments, arrays by parameter name."""
        first = {name: value.numpy().copy() for name, value in self.first.items()}
        second = {name: value.numpy().copy() for name, value in self.second.items()}
        return {"steps": self.steps, "first": first, "second": second}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self.steps = int(state["steps"])
        for name in self.parameters:
            self.first[name].copy_(torch.as_tensor(state["first"][name]))
            self.second[name].copy_(torch.as_tensor(state["second"][name]))
