"""Steps within a trust region, as pure functions: natural gradient, its length, line search.

Schulman et al., "Trust region policy optimization" (2015), appendix C. With the mean gain of transitions

    L(x) = mean r(x) A,   r(x) = p_x(a) / p_x0(a)

and the mean divergence D(x) = mean KL(p_x0 || p_x), a step goes from x0 along s = F⁻¹ ∇L(x0), by conjugate gradients,
F being the matrix of second derivatives of D at x0. Its length makes 1/2 sᵀ F s the largest divergence; shorter ones
are tried until L grows and D is within the bound. Without one x0 stays.

F is never built. At x0 it is Fisher's matrix, F = mean Jᵀ M J, with J the slopes of what decides a distribution in x,
and M the information of that (`policies/families.py`). J v is the slope of Jᵀ u in u, times v: both graphs are built
once, and each product is a pass through each.

All transitions are in F; the paper takes a tenth of them. Means are over transitions that count.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from compactrl.learners.surrogates import LARGEST
from compactrl.policies.families import Family

ROUNDING = 1e-4
"""Share of the largest divergence by which one may be above it: the longest step of a quadratic one is just as long."""

Product = Callable[[Tensor], Tensor]
"""A symmetric matrix (Q, Q) times a vector (Q,)."""


class Transitions(NamedTuple):
    """What a step is made from: B transitions of each of n designs, drawn by the policies of x0."""

    drawn: Tensor
    """(n, B, A)"""
    behaviour: Tensor
    """(n, B) log probabilities of it by those policies."""
    advantage: Tensor
    """(n, B)"""
    weight: Tensor
    """(n, B) 0 of steps that failed, else 1."""


class Region(NamedTuple):
    """How a step is found."""

    max_kl: float
    cg_steps: int
    cg_damping: float
    steps: int
    """Lengths that are tried."""
    decay: float
    """How much shorter each is."""


class Step(NamedTuple):
    """What was found."""

    vector: Tensor
    """(Q,) x."""
    share: float
    """Of the longest step; 0 where no length would do, and x is x0."""
    gain: Tensor
    """() L."""
    divergence: Tensor
    """() D."""
    numbers: Tensor
    """(n, B, K) that decide distributions."""


def weighted_mean(values: Tensor, weight: Tensor) -> Tensor:
    """Return the mean of values (n, B) over those of weight 1, ()."""
    return (values * weight).sum() / weight.sum().clamp(min=1.0)


def mean_gain(log_probability: Tensor, behaviour: Tensor, advantage: Tensor, weight: Tensor) -> Tensor:
    """Return L, (), of log probabilities (n, B) of what was drawn, and those it was drawn with."""
    return weighted_mean((log_probability - behaviour).clamp(max=LARGEST).exp() * advantage, weight)


def conjugate_gradients(product: Product, target: Tensor, steps: int, tolerance: float = 1e-10) -> Tensor:
    """Return about x of A x = b, (Q,), from x = 0, for a positive definite A (Hestenes & Stiefel 1952).

    It ends early where |b - A x|² is below the tolerance times |b|², or A shows itself not to be positive definite.
    """
    solution, residual = torch.zeros_like(target), target.clone()
    direction, size = residual.clone(), residual.dot(residual)
    enough = tolerance * float(size)
    for _ in range(steps):
        if float(size) <= enough:
            break
        image = product(direction)
        curvature = direction.dot(image)
        if not float(curvature) > 0:
            break
        length = size / curvature
        solution += length * direction
        residual -= length * image
        before, size = size, residual.dot(residual)
        direction = residual + size / before * direction
    return solution


def fisher_product(numbers: Tensor, vector: Tensor, family: Family, weight: Tensor) -> Product:
    """Return Fisher's matrix as a product.

    Args:
        numbers: (n, B, K), with the graph of how they follow from the vector.
        vector: (Q,)
        family: of the distributions that they decide.
        weight: (n, B)
    """
    with torch.enable_grad():
        slope = torch.zeros_like(numbers, requires_grad=True)
        (pulled,) = torch.autograd.grad(numbers, vector, slope, create_graph=True)
    at, share = numbers.detach(), (weight / weight.sum().clamp(min=1.0))[..., None]

    def product(change: Tensor) -> Tensor:
        (pushed,) = torch.autograd.grad(pulled, slope, change, retain_graph=True)
        return torch.autograd.grad(numbers, vector, share * family.information(at, pushed), retain_graph=True)[0]

    return product


def _longest(
    function: Callable[[Tensor], Tensor], start: Tensor, family: Family, transitions: Transitions, region: Region
) -> tuple[Tensor, Tensor]:
    """Return the longest step (Q,), zero where there is no way up, and the numbers (n, B, K) at its start."""
    drawn, behaviour, advantage, weight = transitions
    vector = start.clone().requires_grad_()
    with torch.enable_grad():
        numbers = function(vector)
        gain = mean_gain(family.density(numbers, drawn), behaviour, advantage, weight)
        (gradient,) = torch.autograd.grad(gain, vector, retain_graph=True)
    fisher = fisher_product(numbers, vector, family, weight)

    def damped(change: Tensor) -> Tensor:
        return fisher(change).add_(change, alpha=region.cg_damping)

    direction = conjugate_gradients(damped, gradient, region.cg_steps)
    curvature = float(direction.dot(damped(direction)))
    length = (2 * region.max_kl / curvature) ** 0.5 if curvature > 0 else 0.0
    return direction * length, numbers.detach()


def step_within(
    function: Callable[[Tensor], Tensor], vector: Tensor, family: Family, transitions: Transitions, region: Region
) -> Step:
    """Return the step from x0.

    Args:
        function: the numbers (n, B, K) of a vector (Q,), which can be differentiated twice.
        vector: x0, (Q,).
        family: of the distributions that numbers decide.
        transitions: of x0's policies.
        region: how the step is found.
    """
    start, (drawn, behaviour, advantage, weight) = vector.detach(), transitions
    longest, before = _longest(function, start, family, transitions, region)
    with torch.no_grad():
        base, share = mean_gain(family.density(before, drawn), behaviour, advantage, weight), 1.0
        for _ in range(region.steps):
            candidate = start + share * longest
            after = function(candidate)
            gain = mean_gain(family.density(after, drawn), behaviour, advantage, weight) - base
            divergence = weighted_mean(family.divergence(before, after), weight)
            if float(gain) > 0 and float(divergence) <= region.max_kl * (1 + ROUNDING):  # neither where it is NaN
                return Step(candidate, share, gain, divergence, after)
            share *= region.decay
    return Step(start, 0.0, torch.zeros_like(base), torch.zeros_like(base), before)
