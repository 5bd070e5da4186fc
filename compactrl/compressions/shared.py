"""Shared weights on any skeleton: a latent number an edge, rounded to a palette of M values; biases too where asked.

theta = [latents x | biases, where each has its own | palettes, where these are trained]. Edges, and biases that share,
are rounded in groups with a palette each: all edges together or layer by layer, and all biases. The design, one number
a latent, says which entry of its group's palette each takes:

    Phi(e) = argmin_m |x_e - palette_m|,    W[e] = palette_Phi(e)

so that a candidate's return is that of the policy that would ship. There are three kinds of palettes:

- levels, equally spaced, as wide as the latents spread (`levels.py`): without a run to begin from;
- fixed: the means of the clusters of the start's weights (`clusters.py`);
- trained (`train_palette`): they begin so, and are part of theta.

Begun from a policy, the latents are its weights. Rounding has no gradient. Where theta is learned by gradients, a
latent takes its weight's, as if it had not been rounded (the straight-through estimator: Bengio, Léonard & Courville,
"Estimating or propagating gradients through stochastic neurons", 2013), and a palette's entry takes the sum of those of
its edges, as in trained quantization (Han, Mao & Dally, "Deep compression", 2016, section 3).

Departure: in "Deep compression" edges keep their clusters once these are found. Here latents go on choosing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from compactrl.compressions.base import START, AnyOptions, Compact, Compression
from compactrl.compressions.clusters import centers, nearest
from compactrl.compressions.frozen import Frozen
from compactrl.compressions.gather import Gather, gather, like
from compactrl.compressions.levels import Levels
from compactrl.compressions.shared_options import LatentOptions, SharedOptions, check_groups, completed
from compactrl.compressions.starts import numbers_of, unit_for
from compactrl.compressions.trainable import layers_function
from compactrl.policies.skeleton import Skeleton
from compactrl.types import Design, Designs, Floats, Integers, Size
from controllers.base import Space

if TYPE_CHECKING:
    from torch import Tensor

    from compactrl.policies.policy import Policy

FLIPPING = 0.25
"""Noise on a latent, in widths of its cell, with a strategy's usual noise: begun from a run, as many edges change their
entry whatever the weights' size and number (`docs/trials.md`)."""
START_BIAS = 0.1
"""Largest of the first biases where they share trained values: equal ones would have no clusters."""


@dataclass(frozen=True)
class Group:
    """Latents that one palette is for."""

    begin: int
    end: int
    """Places of its latents in theta."""
    count: int
    """M, entries of its palette."""
    offset: int
    """Entries of the palettes before it, of weights or of biases."""


class Shared(Gather):
    """Few weights for all edges of any skeleton.

    Raises:
        ValueError: no partition, or more than there are edges or biases.

    Example:
        >>> policy = Shared(Skeleton.relu((3, 1)), SharedOptions(partitions=3))
        >>> policy.design_of(np.array([-1.0, 0.1, 1.0, 0.0]))
        array([0, 1, 2])
    """

    name = "shared"
    counts_unused = True
    Options: ClassVar[type[LatentOptions]] = SharedOptions

    def __init__(self, skeleton: Skeleton, options: LatentOptions) -> None:
        super().__init__(skeleton, options)
        self._chosen = completed(options)
        check_groups(self._chosen, skeleton)
        self.groups = self._grouped()
        self.num_latents = self.groups[-1].end
        self.num_weights = sum(group.count for group in self._edge_groups)
        self.num_bias_values = self._chosen.bias_partitions or self.num_biases
        most = max(group.count for group in self.groups)
        self.design_space = Space(length=self.num_latents, choices=most)
        self._levels = [Levels(group.count, self._chosen.palette_spread) for group in self.groups]
        self._fixed: list[Floats] = []
        self._start: Floats | None = None
        self.unit = 1.0

    @classmethod
    def skeleton_of(cls, sizes: tuple[int, ...], options: AnyOptions | None = None) -> Skeleton:
        """Return the skeleton of these sizes, with the activation and the output's biases that the options ask for."""
        chosen = completed(options)
        plain = Skeleton.tanh(sizes)
        return Skeleton(plain.sizes, chosen.activation, (*plain.biased[:-1], chosen.output_bias))

    def _grouped(self) -> tuple[Group, ...]:
        """Return the groups of edges in order, and after them that of the biases, if they share."""
        count, biases = self._chosen.partitions, self._chosen.bias_partitions
        layers = [outputs * inputs for outputs, inputs in self.shapes]
        lengths = layers if self._chosen.palette_per_layer else [self.num_edges]
        ends = np.cumsum(lengths).tolist()
        groups = [
            Group(end - length, end, count, number * count)
            for number, (end, length) in enumerate(zip(ends, lengths, strict=True))
        ]
        if biases > self.num_biases:
            raise ValueError(
                f"--bias-partitions {biases}: expected at most the number of the network's biases, {self.num_biases}"
            )
        if biases:
            groups.append(Group(self.num_edges, self.num_edges + self.num_biases, biases, 0))
        return tuple(groups)

    @property
    def _edge_groups(self) -> tuple[Group, ...]:
        return tuple(group for group in self.groups if group.end <= self.num_edges)

    @property
    def _own_biases(self) -> int:
        return 0 if self._chosen.bias_partitions else self.num_biases

    @property
    def _num_palette(self) -> int:
        """How many numbers of theta are palettes."""
        return sum(group.count for group in self.groups) if self._chosen.train_palette else 0

    @property
    def num_parameters(self) -> int:
        """P, the length of theta."""
        return self.num_latents + self._own_biases + self._num_palette

    @property
    def _num_trained(self) -> int:
        return self.num_latents

    # Where theta begins.

    def begun_from(self, policy: Policy) -> Self:
        """Return the same compression, whose first theta is a policy's weights, and its palettes their clusters.

        Raises:
            ValueError: the policy has another network.
        """
        return self._begun(*numbers_of(policy, self.skeleton))

    def _begun(self, edges: Floats, biases: Floats) -> Self:
        begun = type(self)(self.skeleton, self._chosen)
        latents = np.concatenate([edges, biases])[: self.num_latents]
        palettes = [centers(latents[group.begin : group.end], group.count) for group in self.groups]
        own = biases if self._own_biases else np.zeros(0)
        if self._chosen.train_palette:
            begun._start = np.concatenate([latents, own, *palettes])
            return begun
        begun._fixed = palettes
        begun.unit = self._unit_of(latents, palettes)
        begun._start = np.concatenate([latents, own]) / begun.unit
        return begun

    def _unit_of(self, latents: Floats, palettes: list[Floats]) -> float:
        """Return what 1 of theta is in weights, so that a strategy's usual noise is `FLIPPING` of a cell."""
        widths = [
            _cells(palette)[nearest(latents[group.begin : group.end], palette)]
            for group, palette in zip(self._edge_groups, palettes, strict=False)
        ]
        width = float(np.concatenate(widths).mean())
        return unit_for(FLIPPING * width, self.num_parameters)

    def initial(self, generator: np.random.Generator) -> Floats:
        """Return the first theta, (P,): the start's, where there is one; else next to nothing, biases zero.

        Trained palettes need weights to be the clusters of: these are Xavier uniform (Glorot & Bengio 2010).
        """
        if self._start is not None:
            return self._start.copy()
        if self._chosen.train_palette:
            bounds = [(6 / (inputs + outputs)) ** 0.5 for outputs, inputs in self.shapes]
            drawn = [
                generator.uniform(-bound, bound, outputs * inputs)
                for bound, (outputs, inputs) in zip(bounds, self.shapes, strict=True)
            ]
            biases = generator.uniform(-START_BIAS, START_BIAS, self.num_biases) * (self._own_biases == 0)
            return self._begun(np.concatenate(drawn), biases).initial(generator)
        theta = np.zeros(self.num_parameters)
        theta[: self.num_latents] = START * generator.standard_normal(self.num_latents)
        return theta

    # From theta to weights.

    def _palette(self, theta: Any, number: int) -> Any:
        """Return the palette of a group, (M,) or (N, M); fixed ones have no N."""
        group = self.groups[number]
        if self._chosen.train_palette:
            begin = self.num_latents + self._own_biases + sum(before.count for before in self.groups[:number])
            return theta[..., begin : begin + group.count]
        if self._fixed:
            return like(self._fixed[number].astype(str(theta.dtype).removeprefix("torch.")), theta)
        return self._levels[number].palette(theta[..., group.begin : group.end])

    def design_of(self, theta: Any) -> Designs:
        """Return which entry of its palette is nearest to each latent, (L,) or (N, L)."""
        self._check_theta(theta)
        values = theta if isinstance(theta, np.ndarray) else theta.detach().cpu().numpy()
        parts = [self._entries(values, number) for number in range(len(self.groups))]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)

    def _entries(self, values: Floats, number: int) -> Integers:
        group = self.groups[number]
        latents = values[..., group.begin : group.end]
        if self._fixed:
            return nearest(latents * self.unit, self._fixed[number])
        if not self._chosen.train_palette:
            return self._levels[number].nearest(latents)
        palettes = self._palette(values, number)
        if values.ndim == 1:
            return nearest(latents, palettes)
        return np.stack([nearest(row, palette) for row, palette in zip(latents, palettes, strict=True)])

    def _weights(self, theta: Any) -> Any:
        """Return the palettes of the edges, one after the other, (M,) or (N, M)."""
        parts = [self._palette(theta, number) for number in range(len(self._edge_groups))]
        if len(parts) == 1:
            return _for_each(parts[0], theta)
        if isinstance(parts[0], np.ndarray):
            return _for_each(np.concatenate(parts, axis=-1), theta)
        import torch

        return _for_each(torch.cat(parts, -1), theta)

    def _map(self, design: Design) -> tuple[Integers, Integers | None]:
        edges = design[..., : self.num_edges]
        return (edges + self._offsets if self._chosen.palette_per_layer else edges), None

    @property
    def _offsets(self) -> Integers:
        """(E,) how many entries the palettes before an edge's have."""
        return np.repeat(
            [group.offset for group in self._edge_groups], [group.end - group.begin for group in self._edge_groups]
        )

    def _biases(self, theta: Any, design: Design) -> Any:
        if self._own_biases or not self.num_biases:
            own = theta[..., self.num_latents : self.num_latents + self.num_biases]
            return own * self.unit if self.unit != 1.0 else own
        return gather(_for_each(self._palette(theta, len(self.groups) - 1), theta), design[..., self.num_edges :])

    # By gradients.

    def network(self, theta: Tensor, designs: Designs) -> Callable[[Tensor], Tensor]:  # noqa: ARG002  (theta decides)
        """Return the MLP of theta (P,) as a function; a latent takes its weight's gradient."""
        design = self.design_of(theta)
        edges = gather(self._weights(theta), self._map(design)[0])
        latents = theta[: self.num_latents] * self.unit
        edges = edges + (latents[: self.num_edges] - latents[: self.num_edges].detach())
        biases = self._biases(theta, design)
        if not self._own_biases and self.num_biases:
            biases = biases + (latents[self.num_edges :] - latents[self.num_edges :].detach())
        return layers_function(self.skeleton.layers(edges, biases), self.skeleton.activation)

    # What ships.

    def size(self, design: Design) -> Size:  # noqa: ARG002  (the same for all)
        """Return the exact size, the same for all designs."""
        return self._frozen_like(np.zeros(self.num_latents, np.int64)).size(np.zeros(0, np.int64))

    def shipped_size(self, compact: Compact) -> Size:
        """Return the exact size of what ships, which may have fewer outputs than the skeleton."""
        return self._frozen_like(np.zeros(self.num_latents, np.int64)).shipped_size(compact)

    def settle(self, theta: Floats, design: Design) -> tuple[Compression, Floats]:
        """Freeze which entry each edge and bias takes; the new theta is the palettes and the biases."""
        self._check_theta(theta)
        entries = self._check_design(design)
        if self._own_biases or not self.num_biases:
            values = self._biases(theta, entries)
        else:
            values = self._palette(theta, len(self.groups) - 1)
        return self._frozen_like(entries), np.concatenate([self._weights(theta), values])

    def _frozen_like(self, design: Design) -> Frozen:
        shared = self.num_biases and not self._own_biases
        return Frozen(
            self.skeleton,
            self._map(design)[0],
            self.num_weights,
            bias_index=design[self.num_edges :] if shared else None,
            num_bias_values=self.num_bias_values if shared else None,
            choices=self._chosen.partitions,
        )


def _cells(palette: Floats) -> Floats:
    """Return how wide the range of numbers is that each entry of a sorted palette (M,) is nearest to, (M,).

    The outermost ones end as far outside as inside.
    """
    if len(palette) == 1:
        return np.zeros(1)
    gaps = np.diff(palette)
    return np.concatenate([gaps[:1], (gaps[1:] + gaps[:-1]) / 2, gaps[-1:]])


def _for_each(palette: Any, theta: Any) -> Any:
    """Return a palette (M,) for each of N thetas, where there are N, (N, M)."""
    return palette if palette.ndim == theta.ndim else palette + like(np.zeros((len(theta), 1), np.int8), palette)
