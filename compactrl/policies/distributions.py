"""Action distributions: a policy's raw outputs → its actions, with noise and without.

Evaluators use `act` in numpy, with noise that the learner has drawn beforehand. Learners use the other methods in
torch. Actions of boxes are in -1 … 1 here; the environment's bounds are applied later.

- `Deterministic`: a = tanh(u) plus noise, clipped to -1 … 1 (DDPG, TD3).
- `SquashedGaussian`: a = tanh(mean + std · noise), with the deviation of each state among the outputs (SAC; Haarnoja
  et al. 2018), log p(a) = Σ log N(u) - log(1 - tanh²(u)).
- `FreeGaussian`: the same with deviations that depend on no state, as PPO has them (Schulman et al. 2017).
- `Categorical`: a number of a discrete action, by Gumbel noise: argmax(outputs + noise) has the softmax's probabilities
  (Gumbel 1954).

Letters: n samples, A actions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import log, pi
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, runtime_checkable

import numpy as np

from compactrl.policies.families import CHOICE, NORMAL, Family
from compactrl.types import Floats

if TYPE_CHECKING:
    from torch import Tensor


class Distribution(Protocol):
    """The action distribution of a policy's outputs."""

    def outputs(self, actions: int) -> int:
        """Return how many outputs a policy needs for this many actions; the first ones ship."""

    def act(self, outputs: Floats, noise: Floats) -> Floats:
        """Return the actions (n, A) of raw outputs (n, outputs) with noise (n, A)."""

    def mode(self, outputs: Tensor) -> Tensor:
        """Return the actions (…, A) without noise of raw outputs (…, outputs)."""


@runtime_checkable
class Stochastic(Distribution, Protocol):
    """A distribution with a density."""

    def sample(self, outputs: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return actions (…, A) of standard noise (…, A), and their log probabilities (…,)."""

    def log_probability(self, outputs: Tensor, action: Tensor) -> Tensor:
        """Return the log probabilities (…,) of actions (…, A)."""


class Slopes(NamedTuple):
    """Of a loss."""

    outputs: Tensor
    """In the shape of a policy's outputs."""
    log_std: Tensor | None
    """(n, A) where deviations are beside the network."""


Pull = Callable[[Any], Slopes]
"""What slopes (n, B) of a loss with respect to numbers (n, B) are further back."""


class Latent(Distribution, Protocol):
    """A distribution as on-policy learning sees it: by what was drawn, before any bound.

    The ratio of two densities of an action is that of what was drawn, since the bound's slope is in both.
    """

    family: ClassVar[Family]
    """Of what is drawn."""

    def numbers(self, outputs: Tensor) -> Tensor:
        """Return the numbers (…, K) that decide what is drawn, as the family takes them."""

    def latent(self, action: Floats) -> Floats:
        """Return what actions (…, A) were drawn as, (…, A)."""

    def likelihood(self, outputs: Tensor, latent: Tensor) -> tuple[Tensor, Pull]:
        """Return the log probabilities (…,) of having drawn (…, A), and their pull."""

    def entropy(self, outputs: Tensor) -> tuple[Tensor, Pull]:
        """Return the entropy of what is drawn, (…,), and its pull."""


FARTHEST = 1 - 2.0**-53
"""Actions at ±1, in double precision, count as this."""
NORMAL_ENTROPY = 0.5 + 0.5 * log(2 * pi)
"""Of a standard normal number."""


def _before_tanh(action: Floats) -> Floats:
    return np.asarray(np.arctanh(np.clip(action, -FARTHEST, FARTHEST)))


@dataclass(frozen=True)
class Deterministic:
    """tanh of the output, plus noise."""

    def outputs(self, actions: int) -> int:
        """Return one output per action."""
        return actions

    def act(self, outputs: Floats, noise: Floats) -> Floats:
        """Return the actions (n, A)."""
        return np.asarray(np.clip(np.tanh(outputs) + noise, -1, 1))

    def mode(self, outputs: Tensor) -> Tensor:
        """Return the actions (…, A) without noise."""
        return outputs.tanh()


@dataclass(frozen=True)
class SquashedGaussian:
    """A normal distribution through a tanh; the outputs are means, then logarithms of standard deviations."""

    family: ClassVar[Family] = NORMAL
    log_std_low: float = -20.0
    """The logarithms are clipped to these bounds."""
    log_std_high: float = 2.0
    log_std_zero: float = 0.0
    """The logarithm where the output is 0: first outputs are small, so that it is the first logarithm."""

    def outputs(self, actions: int) -> int:
        """Return a mean and a deviation per action."""
        return 2 * actions

    def act(self, outputs: Floats, noise: Floats) -> Floats:
        """Return the actions (n, A)."""
        size = noise.shape[-1]
        std = np.exp(np.clip(outputs[:, size:] + self.log_std_zero, self.log_std_low, self.log_std_high))
        return np.asarray(np.tanh(outputs[:, :size] + std * noise))

    def mode(self, outputs: Tensor) -> Tensor:
        """Return the actions (…, A) without noise."""
        return outputs.chunk(2, dim=-1)[0].tanh()

    def sample(self, outputs: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return actions (…, A) of standard normal noise (…, A), and their log probabilities (…,)."""
        import torch

        mean, log_std = self._parts(outputs)
        raw = torch.addcmul(mean, log_std.exp(), noise)
        log_probability = self._density(
            raw, noise, log_std
        )  # before the tanh: gradients are summed in the order of operations
        return torch.tanh(raw), log_probability

    def log_probability(self, outputs: Tensor, action: Tensor) -> Tensor:
        """Return the log probabilities (…,) of actions (…, A); those at ±1 count as just inside."""
        import torch

        inside = 1 - torch.finfo(action.dtype).eps
        raw = torch.atanh(action.clamp(-inside, inside))
        mean, log_std = self._parts(outputs)
        return self._density(raw, (raw - mean) * (-log_std).exp(), log_std)

    def numbers(self, outputs: Tensor) -> Tensor:
        """Return means and logarithms of deviations (…, 2 A)."""
        import torch

        return torch.cat(self._parts(outputs), -1)

    def latent(self, action: Floats) -> Floats:
        """Return what actions (…, A) were before the tanh."""
        return _before_tanh(action)

    def likelihood(self, outputs: Tensor, latent: Tensor) -> tuple[Tensor, Pull]:
        """Return the log probabilities (…,) of numbers before the tanh, (…, A), and their pull."""
        mean, log_std = self._parts(outputs)
        density, scores, squares = _normal(mean, log_std, latent)

        def pull(slope: Tensor) -> Slopes:
            return self._slopes(outputs, slope[..., None] * scores, slope[..., None] * (squares - 1))

        return density, pull

    def entropy(self, outputs: Tensor) -> tuple[Tensor, Pull]:
        """Return the entropy before the tanh, (…,), and its pull."""
        log_std = self._parts(outputs)[1]

        def pull(slope: Tensor) -> Slopes:
            d_log_std = slope[..., None].expand_as(log_std)
            return self._slopes(outputs, d_log_std.new_zeros(d_log_std.shape), d_log_std)

        return (log_std + NORMAL_ENTROPY).sum(-1), pull

    def _slopes(self, outputs: Tensor, mean: Tensor, log_std: Tensor) -> Slopes:
        """Return slopes of the parts of outputs; none goes through a bound of the logarithm."""
        import torch

        raw = self._shifted(outputs[..., mean.shape[-1] :])
        return Slopes(torch.cat([mean, log_std * (raw == raw.clamp(self.log_std_low, self.log_std_high))], -1), None)

    def _parts(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_std = outputs.chunk(2, dim=-1)
        return mean, self._shifted(log_std).clamp(self.log_std_low, self.log_std_high)

    def _shifted(self, log_std: Tensor) -> Tensor:
        return log_std + self.log_std_zero if self.log_std_zero else log_std

    @staticmethod
    def _density(raw: Tensor, noise: Tensor, log_std: Tensor) -> Tensor:
        """Return Σ log N(u) - log(1 - tanh²(u)), (…,), of u = mean + std · noise."""
        from torch.nn.functional import softplus

        # log(1 - tanh²(u)) = 2 (log 2 - u - softplus(-2u)), which does not round to log 0
        terms = noise.square().mul(-0.5) - log_std - 2 * (log(2) - raw - softplus(-2 * raw))
        return terms.sum(-1) - noise.shape[-1] * 0.5 * log(2 * pi)


def _normal(mean: Tensor, log_std: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the log probabilities (…,) of independent normal numbers (…, A), their slopes in the means, and squares.

    With z = (drawn - mean) / std these are z / std and z², (…, A). The slope in log std is z² - 1.
    """
    inverse = (-log_std).exp()
    scores = (drawn - mean) * inverse
    squares = scores.square()
    density = squares.sum(-1).mul_(-0.5) - (log_std.sum(-1) + log_std.shape[-1] * 0.5 * log(2 * pi))
    return density, scores * inverse, squares


@dataclass(frozen=True)
class FreeGaussian:
    """A squashed normal distribution whose deviations do not depend on the state: they are beside the network."""

    family: ClassVar[Family] = NORMAL
    log_std: Floats | Tensor
    """(A,) or (…, A); numpy to act with, torch to learn."""
    bounds: SquashedGaussian = SquashedGaussian()

    def outputs(self, actions: int) -> int:
        """Return one output per action."""
        return actions

    def act(self, outputs: Floats, noise: Floats) -> Floats:
        """Return the actions (n, A)."""
        log_std = np.broadcast_to(np.asarray(self.log_std), outputs.shape)
        return self.bounds.act(np.concatenate([outputs, log_std], axis=-1), noise)

    def mode(self, outputs: Tensor) -> Tensor:
        """Return the actions (…, A) without noise."""
        return outputs.tanh()

    def sample(self, outputs: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return actions (…, A) of standard normal noise (…, A), and their log probabilities (…,)."""
        return self.bounds.sample(self.numbers(outputs), noise)

    def log_probability(self, outputs: Tensor, action: Tensor) -> Tensor:
        """Return the log probabilities (…,) of actions (…, A)."""
        return self.bounds.log_probability(self.numbers(outputs), action)

    def numbers(self, outputs: Tensor) -> Tensor:
        """Return means and logarithms of deviations (…, 2 A)."""
        import torch

        return torch.cat([outputs, self._log_std(outputs).expand_as(outputs)], -1)

    def latent(self, action: Floats) -> Floats:
        """Return what actions (…, A) were before the tanh."""
        return _before_tanh(action)

    def likelihood(self, outputs: Tensor, latent: Tensor) -> tuple[Tensor, Pull]:
        """Return the log probabilities (n, B) of numbers before the tanh, (n, B, A), and their pull."""
        density, scores, squares = _normal(outputs, self._log_std(outputs), latent)

        def pull(slope: Tensor) -> Slopes:
            d_log_std = (slope[:, None] @ squares)[:, 0] - slope.sum(-1, keepdim=True)
            return Slopes(slope[..., None] * scores, d_log_std)

        return density, pull

    def entropy(self, outputs: Tensor) -> tuple[Tensor, Pull]:
        """Return the entropy before the tanh, (n, B), and its pull."""
        entropy = (self._log_std(outputs) + NORMAL_ENTROPY).sum(-1).expand(outputs.shape[:-1])

        def pull(slope: Tensor) -> Slopes:
            total = slope.sum(-1, keepdim=True).expand(-1, outputs.shape[-1])
            return Slopes(outputs.new_zeros(outputs.shape), total)

        return entropy, pull

    def _log_std(self, outputs: Tensor) -> Tensor:
        import torch

        return torch.as_tensor(self.log_std, dtype=outputs.dtype, device=outputs.device)


@dataclass(frozen=True)
class Categorical:
    """Discrete actions with the softmax of the outputs as probabilities; an action is one number, A = 1."""

    family: ClassVar[Family] = CHOICE

    def outputs(self, actions: int) -> int:
        """Return one output per choice."""
        return actions

    def act(self, outputs: Floats, noise: Floats) -> Floats:
        """Return the numbers of the actions (n, 1), NaN where outputs are not finite; noise (n, choices): Gumbel's."""
        if noise.shape != outputs.shape:
            raise ValueError(f"expected noise for each choice, {outputs.shape}, got {noise.shape}")
        chosen = np.argmax(outputs + noise, axis=-1)[:, None]
        return np.where(np.isfinite(outputs).all(axis=-1, keepdims=True), chosen, np.nan)

    def mode(self, outputs: Tensor) -> Tensor:
        """Return the most probable actions (…, 1)."""
        return outputs.argmax(-1, keepdim=True)

    def sample(self, outputs: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return actions (…, 1) of Gumbel noise (…, choices), and their log probabilities (…,)."""
        action = (outputs + noise).argmax(-1, keepdim=True)
        return action, self.log_probability(outputs, action)

    def log_probability(self, outputs: Tensor, action: Tensor) -> Tensor:
        """Return the log probabilities (…,) of actions (…, 1)."""
        return outputs.log_softmax(-1).gather(-1, action.long())[..., 0]

    def numbers(self, outputs: Tensor) -> Tensor:
        """Return the logarithms of the choices' probabilities, (…, choices)."""
        return outputs.log_softmax(-1)

    def latent(self, action: Floats) -> Floats:
        """Return the numbers of the actions, as they are."""
        return action

    def likelihood(self, outputs: Tensor, latent: Tensor) -> tuple[Tensor, Pull]:
        """Return the log probabilities (…,) of actions (…, 1), and their pull."""
        log_probabilities, chosen = outputs.log_softmax(-1), latent.long()

        def pull(slope: Tensor) -> Slopes:
            of_chosen = slope[..., None]
            return Slopes((-of_chosen * log_probabilities.exp()).scatter_add(-1, chosen, of_chosen), None)

        return log_probabilities.gather(-1, chosen)[..., 0], pull

    def entropy(self, outputs: Tensor) -> tuple[Tensor, Pull]:
        """Return the entropy, (…,), and its pull."""
        log_probabilities = outputs.log_softmax(-1)
        probabilities = log_probabilities.exp()
        entropy = -(probabilities * log_probabilities).sum(-1)

        def pull(slope: Tensor) -> Slopes:
            return Slopes(-slope[..., None] * probabilities * (log_probabilities + entropy[..., None]), None)

        return entropy, pull
