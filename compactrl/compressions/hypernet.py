"""A graph hypernetwork as a compression: theta = its weights, the design = the widths of a policy's hidden layers.

Zhang et al. 2018; Hegde & Sukhatme, "Efficiently learning small policies for locomotion and manipulation" (2022),
section III: one theta gives a policy for every architecture. Settling on a design leaves a plain network, with the
weights that the hypernetwork last wrote for it.

Departures: node features are normalised and have the node's position (`--width-features raw` has the paper's), and the
decoder is bilinear (`--decoder dense` has the paper's); see `hypernetworks/`.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import BeforeValidator, Field, field_validator, model_validator

from compactrl.compressions.base import AnyOptions, Options
from compactrl.compressions.per_design import PerDesign
from compactrl.compressions.plain import Plain, PlainOptions
from compactrl.hypernetworks import graph
from compactrl.networks.layout import Layout
from compactrl.policies.architectures import (
    MAX_LAYERS,
    MOST_ARCHITECTURES,
    WIDTHS,
    ArchitectureSpace,
    Widths,
    count_architectures,
    depths_of,
    enumerate_architectures,
)
from compactrl.policies.skeleton import Skeleton
from compactrl.types import Design, Designs, Floats, Layer, Layers
from controllers.base import Space

if TYPE_CHECKING:
    from torch import Tensor

    from compactrl.hypernetworks.lowrank import Batch

Chains = tuple[Floats, Floats, Floats]
"""Nodes, closed gates, and what the nodes are told: see `gnn.embed`."""


def _widths(value: Any) -> Any:
    """Read '4,8,16'."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(","))
    return tuple(value) if isinstance(value, list) else (value,) if isinstance(value, int) else value


class HypernetOptions(Options):
    """Options of the graph hypernetwork."""

    widths: Annotated[tuple[Annotated[int, Field(ge=1)], ...], BeforeValidator(_widths)] = Field(
        WIDTHS, min_length=1, description="Widths that a policy's hidden layers may have."
    )
    max_layers: int = Field(MAX_LAYERS, ge=1, le=8, description="Largest number of hidden layers of a policy.")
    decoder: Literal["bilinear", "dense"] = Field(
        "bilinear",
        description="Decoder of the graph hypernetwork: bilinear, or the paper's dense one with 33.9 M parameters.",
    )
    width_features: Literal["normalized", "raw"] = Field(
        "normalized",
        description="How a graph node encodes a layer's width: normalized, with its place, or raw as in the paper.",
    )
    rank: int = Field(32, ge=1, description="Code length of the bilinear decoder.")
    graph_size: int = Field(
        32, ge=1, description="Width of a graph node's hidden state; 16 in the paper's public code."
    )

    @field_validator("widths")
    @classmethod
    def _different(cls, widths: Widths) -> Widths:
        if len(set(widths)) < len(widths):
            raise ValueError("a width is given twice")
        return widths

    @model_validator(mode="after")
    def _few_enough(self) -> Self:
        count = count_architectures(len(self.widths), self.max_layers)
        if count > MOST_ARCHITECTURES:
            raise ValueError(
                f"{len(self.widths)} --widths in up to {self.max_layers} layers are {count:,} architectures, more than "
                f"the {MOST_ARCHITECTURES:,} that can be kept: give fewer --widths, or a smaller --max-layers"
            )
        return self


class Hypernet(PerDesign):
    """One theta for every architecture; the design, (D,), has a number per possible layer (`architectures.py`).

    Args:
        skeleton: of observation and output; the design has the hidden layers.
        options: of the hypernetwork.

    Example:
        >>> hypernet = Hypernet(Skeleton.relu((17, 6)), HypernetOptions())
        >>> hypernet.space.count
        4680
        >>> hypernet.size(np.array([7, 7, 0, 0])).parameters
        71942
    """

    name = "hypernet"
    Options: ClassVar[type[HypernetOptions]] = HypernetOptions
    options: HypernetOptions

    def __init__(self, skeleton: Skeleton, options: HypernetOptions) -> None:
        super().__init__(skeleton, options)
        if len(skeleton.sizes) != 2:
            raise ValueError(
                f"expected sizes (observation, action): hidden layers are the design's; got {skeleton.sizes}"
            )
        observation, outputs = self.sizes
        self.widths, self.max_layers, self._kind = options.widths, options.max_layers, options.width_features
        self.architectures = enumerate_architectures(observation, outputs, self.widths, self.max_layers)
        self.architecture_space: ArchitectureSpace = ArchitectureSpace(self.widths, self.max_layers)
        designs = self.architecture_space.designs_of(self.architectures)
        self.space = self.design_space = Space(
            length=self.max_layers, choices=len(self.widths) + 1, rows=designs, strata=depths_of(designs)
        )
        self.num_weights = 0  # depends on the design: see `size`
        self._decoder_arguments = (observation, outputs, max(self.widths), options.graph_size, options.rank)
        self._last: tuple[Any, tuple[Chains, Batch]] | None = None

    @property
    def summary(self) -> str:
        """What is searched, in words."""
        return f"{len(self.architectures):,} architectures of {self.sizes[0]} observations"

    @property
    def num_parameters(self) -> int:
        """P, the length of theta."""
        return self._parts[0].size

    @cached_property
    def _parts(self) -> tuple[Layout, Any]:
        """The layout of theta and the decoder; made on first use, since they import torch."""
        from compactrl.hypernetworks import gnn
        from compactrl.hypernetworks.decoders import DECODERS

        options = self.options
        decoder = DECODERS[options.decoder](*self._decoder_arguments)
        shapes = gnn.shapes(graph.FEATURES[self._kind], options.graph_size, self.told_size)
        return Layout(shapes | decoder.shapes()), decoder

    def initial(self, generator: np.random.Generator) -> Floats:
        """Draw the first theta, (P,)."""
        from compactrl.hypernetworks import gnn

        layout, decoder = self._parts
        of_graph = gnn.initial(generator, graph.FEATURES[self._kind], self.options.graph_size, self.told_size)
        return layout.joined(of_graph | decoder.initial(generator))

    def expand_each(self, theta: Any, designs: Designs) -> list[Layers]:
        """Return the MLPs of one theta (P,) and designs (n, D); their shapes differ."""
        import torch

        from compactrl.networks.perceptrons import single_threaded_torch

        if isinstance(theta, np.ndarray):
            with torch.no_grad(), single_threaded_torch():
                networks = self._matrices(torch.as_tensor(theta), designs)
            return [tuple(Layer(weight.numpy(), bias.numpy()) for weight, bias in layers) for layers in networks]
        return [tuple(Layer(weight, bias) for weight, bias in layers) for layers in self._matrices(theta, designs)]

    def _matrices(self, theta: Tensor, designs: Designs) -> list[list[tuple[Tensor, Tensor]]]:
        """Return weight and bias of every layer of each design (n, D)."""
        p, states, order = self._embedded(theta, designs)
        matrices: list[list[tuple[Tensor, Tensor]]] = self._parts[1].matrices(p, states, order)
        return matrices

    def network(self, theta: Tensor, designs: Designs) -> Any:
        """Return the MLPs of a torch theta (P,) and designs (n, D) as one function that can be trained."""
        p, states, order = self._embedded(theta, designs)
        return self._parts[1].network(p, states, order)

    def _embedded(self, theta: Tensor, designs: Designs) -> tuple[dict[str, Tensor], Tensor, Batch]:
        """Return the parts of theta, the states of the graphs' nodes, and the order of the MLPs."""
        from compactrl.hypernetworks import gnn

        self.design_space.check(designs)
        key = (designs.tobytes(), theta.dtype, theta.device)
        if self._last is None or self._last[0] != key:  # many updates in a row have the same designs
            self._last = key, self._graphs(theta, designs)
        chains, order = self._last[1]
        p = self._parts[0].views(theta)
        return p, gnn.embed(p, *chains), order

    def _graphs(self, theta: Tensor, designs: Designs) -> tuple[Chains, Batch]:
        """Return graphs and order of these designs (n, D): the part that theta's numbers do not change."""
        from compactrl.hypernetworks import gnn
        from compactrl.hypernetworks.lowrank import Batch

        architectures = [self.widths_of(design) for design in designs]
        nodes, lengths = graph.batch(architectures, self.sizes[0], self.sizes[1], self._kind)
        closed = gnn.closed_gates(lengths, nodes.shape[1])
        order = Batch(architectures, self.sizes[0], theta.dtype, theta.device)
        return (nodes, closed, self.told_of(designs)), order

    @property
    def told_size(self) -> int:
        """C, how many numbers the graphs' nodes are told beside their features."""
        return 0

    def told_of(self, designs: Designs) -> Floats:
        """Return what the nodes of each design (n, D) are told, (n, C)."""
        return np.zeros((len(designs), 0))

    def widths_of(self, design: Design) -> Widths:
        """Return the widths of the hidden layers of a design (D,), which come first in it."""
        return self.architecture_space.widths_of(design[: self.max_layers])

    @classmethod
    def skeleton_of(cls, sizes: tuple[int, ...], options: AnyOptions | None = None) -> Skeleton:  # noqa: ARG003
        """Return ReLUs with biases on every layer, of observation and output."""
        return Skeleton.relu(sizes)

    def plain_of(self, design: Design) -> Plain:
        """Return the plain network of this design (D,), as a compression of its own."""
        sizes = (self.sizes[0], *self.widths_of(design), self.sizes[1])
        return Plain(Skeleton.relu(sizes), PlainOptions(activation="relu", initialization="xavier"))
