"""Families of distributions, by the numbers that decide one: densities, divergences, and Fisher's information.

Learning in a trust region needs more of a distribution than what was drawn from it: how far it is from another one, and
how far a small change takes it. All functions are differentiable any number of times, and add over actions.

- `NORMAL`, independent normal numbers before any bound: means m and logarithms s of deviations, K = 2 A.
  KL(0 || 1) = Σ s1 - s0 + (exp(2 s0) + (m0 - m1)²) / (2 exp(2 s1)) - 1/2; the information is diag(exp(-2 s), 2).
- `CHOICE`, one of K: logarithms l of its probabilities. KL(0 || 1) = Σ exp(l0) (l0 - l1); the information is
  diag(exp(l)) for changes that keep the sum of the probabilities.

The divergence of a distribution from itself with a small change d is 1/2 dᵀ F d, F the information (Amari, "Natural
gradient works efficiently in learning", 1998).

Letters: A actions, K numbers that decide a distribution.
"""

from __future__ import annotations

from math import log, pi
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor


class Family(Protocol):
    """Distributions that K numbers tell apart."""

    def density(self, numbers: Tensor, drawn: Tensor) -> Tensor:
        """Return the log probabilities (…,) of having drawn (…, A) from distributions (…, K)."""

    def divergence(self, before: Tensor, after: Tensor) -> Tensor:
        """Return the KL divergence (…,) of distributions (…, K) before from those after."""

    def information(self, numbers: Tensor, change: Tensor) -> Tensor:
        """Return Fisher's information matrix at distributions (…, K) times changes of them (…, K)."""

    def entropy(self, numbers: Tensor) -> Tensor:
        """Return the entropy (…,) of distributions (…, K)."""


class NormalFamily:
    """Independent normal numbers; `numbers` are means, then logarithms of standard deviations.

    Example:
        >>> import torch
        >>> float(NORMAL.divergence(torch.tensor([0.0, 0.0]), torch.tensor([2.0, 0.0])))
        2.0
    """

    def density(self, numbers: Tensor, drawn: Tensor) -> Tensor:
        """Return the log probabilities (…,) of numbers (…, A)."""
        mean, log_std = numbers.chunk(2, dim=-1)
        terms = -0.5 * ((drawn - mean) * (-log_std).exp()).square() - log_std
        return terms.sum(-1) - drawn.shape[-1] * 0.5 * log(2 * pi)

    def divergence(self, before: Tensor, after: Tensor) -> Tensor:
        """Return the KL divergence (…,)."""
        (mean, log_std), (new_mean, new_log_std) = before.chunk(2, dim=-1), after.chunk(2, dim=-1)
        squares = (2 * log_std).exp() + (mean - new_mean).square()
        return (new_log_std - log_std + 0.5 * squares * (-2 * new_log_std).exp() - 0.5).sum(-1)

    def information(self, numbers: Tensor, change: Tensor) -> Tensor:
        """Return the information times changes (…, K)."""
        import torch

        mean, log_std = change.chunk(2, dim=-1)
        return torch.cat([mean * (-2 * numbers.chunk(2, dim=-1)[1]).exp(), 2 * log_std], dim=-1)

    def entropy(self, numbers: Tensor) -> Tensor:
        """Return the entropy (…,)."""
        log_std = numbers.chunk(2, dim=-1)[1]
        return (log_std + 0.5 + 0.5 * log(2 * pi)).sum(-1)


class ChoiceFamily:
    """One of K; `numbers` are logarithms of probabilities, which sum to 1.

    Example:
        >>> import torch
        >>> even, sure = torch.tensor([0.5, 0.5]).log(), torch.tensor([0.25, 0.75]).log()
        >>> round(float(CHOICE.divergence(even, sure)), 4)
        0.1438
    """

    def density(self, numbers: Tensor, drawn: Tensor) -> Tensor:
        """Return the log probabilities (…,) of the choices (…, 1)."""
        return numbers.gather(-1, drawn.long())[..., 0]

    def divergence(self, before: Tensor, after: Tensor) -> Tensor:
        """Return the KL divergence (…,)."""
        return (before.exp() * (before - after)).sum(-1)

    def information(self, numbers: Tensor, change: Tensor) -> Tensor:
        """Return the information times changes (…, K)."""
        return numbers.exp() * change

    def entropy(self, numbers: Tensor) -> Tensor:
        """Return the entropy (…,)."""
        return -(numbers.exp() * numbers).sum(-1)


NORMAL, CHOICE = NormalFamily(), ChoiceFamily()
