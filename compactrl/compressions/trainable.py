"""What a compression needs, beside `expand`, to be trained by gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from compactrl.compressions.base import Compact
from compactrl.types import Designs, Floats, Layer, Layers

if TYPE_CHECKING:
    from torch import Tensor

    from compactrl.networks.pullback import Pullback


@runtime_checkable
class Trainable(Protocol):
    """A compression whose policies are differentiable functions in torch."""

    def network(self, theta: Tensor, designs: Designs) -> Callable[[Tensor], Tensor]:
        """Return the MLPs of theta (P,) and designs (n, D): observations (n, B, O) → raw outputs (n, B, outputs)."""

    def expand_each(self, theta: Any, designs: Designs) -> list[Layers]:
        """Return the MLPs of one theta (P,) and designs (n, D); their shapes may differ."""


@runtime_checkable
class OfLatents(Protocol):
    """One whose policies are told their task by Z latent numbers."""

    latents: int
    """Z"""

    def of_latents(self, theta: Floats, latents: Floats) -> list[Layers]:
        """Return the MLPs of one theta (P,) and latents (n, Z)."""

    def network_of(self, theta: Tensor, latents: Tensor) -> Callable[[Tensor], Tensor]:
        """Return the MLPs of theta (P,) and latents (n, Z): observations (n, B, O) → raw outputs (n, B, outputs)."""

    def compact_of(self, theta: Floats, latents: Floats) -> Compact:
        """Return what ships of theta (P,) with these latents (Z,)."""


@runtime_checkable
class Direct(Trainable, Protocol):
    """One whose gradient is written out."""

    def pullback(self, theta: Tensor, designs: Designs) -> Pullback:
        """Return the MLPs of theta (P,), which they follow, and designs (n, D), with their gradient."""


@runtime_checkable
class Paired(Trainable, Protocol):
    """One whose designs may each have a theta of their own."""

    def expand_pairs(self, theta: Tensor, designs: Designs) -> Layers:
        """Return the MLPs of thetas (n, P), each of its own design of (n, D), with a leading axis n.

        They can be differentiated any number of times.
        """


def pullback_of(trained: Trainable, theta: Tensor, designs: Designs) -> Pullback:
    """Return the MLPs of theta (P,), which they follow, and designs (n, D), with their gradient."""
    if isinstance(trained, Direct):
        return trained.pullback(theta, designs)
    from compactrl.networks.pullback import GraphPullback

    return GraphPullback(lambda vector: trained.network(vector, designs), theta)


def layers_function(layers: Layers, activation: str) -> Callable[[Tensor], Tensor]:
    """Return torch MLPs as a function of observations → raw outputs.

    Layers without a leading axis take (…, O) and give (…, A); those of n MLPs take (n, B, O) and give (n, B, A).
    """

    def function(observations: Tensor) -> Tensor:
        import torch

        value = observations
        for number, (weight, bias) in enumerate(layers):
            if bias is not None and weight.ndim == 3:
                value = torch.baddbmm(bias[:, None], value, weight.transpose(1, 2))
            else:
                value = torch.nn.functional.linear(value, weight, bias)
            if number < len(layers) - 1:
                value = value.relu() if activation == "relu" else value.tanh()
        return value

    return function


def outputs_of(networks: Sequence[Layers], activation: str, observations: Tensor) -> Tensor:
    """Return the raw outputs (n, B, A) of n torch MLPs for observations (n, B, O).

    They can be differentiated any number of times, which a network's own operation may not let. MLPs of one shape are
    one product a layer.
    """
    import torch

    shapes = {tuple(layer.weight.shape for layer in layers) for layers in networks}
    if len(networks) == 1 or len(shapes) > 1:
        pairs = zip(networks, observations, strict=True)
        return torch.stack([layers_function(layers, activation)(rows) for layers, rows in pairs])
    alike = zip(*networks, strict=True)
    stacked = tuple(Layer(*(torch.stack(parts) for parts in zip(*layers, strict=True))) for layers in alike)
    return layers_function(stacked, activation)(observations)
