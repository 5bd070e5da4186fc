"""What a compression is: a pure function from (theta, design) to the weights of a plain tanh MLP, and its exact size.

Sizes follow Song, Choromanski et al., "Chromatic networks" (ICLR 2020 NAS workshop), section 4.2, appendix D:

    compression = 1 - (weights + biases) / (edges + biases)
    bits        = 32 * (weights + biases) + dictionary

where the dictionary, which says what weight an edge takes, is edges * ceil(log2 M) for a colouring or a mask of
M distinct weights, and 0 for a fixed pattern.

Deviation: appendix D lists a bias on the output; no printed figure counts it, and there is none here.

Letters: N trials, D decisions of a design, P parameters, E edges, M weights that ship.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from itertools import pairwise
from typing import Any, ClassVar, TypeAlias

import numpy as np
from pydantic import BaseModel, ConfigDict

from compactrl.types import Design, Designs, Floats, Layers, Size
from controllers.base import Space

START = 1e-5
"""Standard deviation of freshly drawn weights, latents and mask scores: next to nothing, so that no random network has
to be unlearnt first (from 0.1 the same search stood at 3432 after 12 M steps on HalfCheetah)."""


class Options(BaseModel):
    """Base of every compression's options: frozen, and unknown names are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


AnyOptions: TypeAlias = Options  # a name for annotations inside the class, where its attribute `Options` hides this one


class Compression(ABC):
    """A pure function (theta, design) → weights of a plain MLP, with biases on the hidden layers only.

    Args:
        sizes: widths of observation, hidden layers, action.
        options: the compression's own `Options`.

    Raises:
        ValueError: sizes that are no network, options out of range.
        TypeError: options of another compression.
    """

    name: ClassVar[str]
    activation: ClassVar[str] = "tanh"
    """Of the hidden layers of what `expand` returns: `tanh` or `relu`."""
    Options: ClassVar[type[Options]] = Options

    space: Space
    """What a controller may choose; length 0 where nothing is left to it (fixed patterns, and where theta decides)."""
    design_space: Space
    """All rows that a design may be, whoever chooses it: D = design_space.length."""
    num_weights: int
    """M, the most weights that may ship."""
    meta_batch: int = 1
    """How many designs a learner by gradients acts with and trains at a time."""
    resample_updates: int = 0
    """Updates by gradients after which others learn, where they change."""
    anchors: Designs
    """(k, D) designs that are part of every meta-batch, k < meta_batch; none but where a compression says so."""

    def __init__(self, sizes: tuple[int, ...], options: AnyOptions) -> None:
        if len(sizes) < 2 or min(sizes) < 1:
            raise ValueError(f"expected sizes (observation, hidden layers …, action), each at least 1, got {sizes}")
        if not isinstance(options, self.Options):
            raise TypeError(f"expected {self.Options.__name__} for {self.name}, got {type(options).__name__}")
        self.sizes = tuple(int(size) for size in sizes)
        self.options = options
        self.shapes = tuple((outputs, inputs) for inputs, outputs in pairwise(self.sizes))
        self.num_edges = sum(outputs * inputs for outputs, inputs in self.shapes)
        self.num_biases = sum(self.sizes[1:-1])
        self.space = self.design_space = Space(length=0, choices=1)
        self.anchors = np.zeros((0, 0), np.int64)

    @property
    def summary(self) -> str:
        """What is searched, in words."""
        return f"{'-'.join(map(str, self.sizes))} policies, {self.num_edges} edges"

    @property
    @abstractmethod
    def num_parameters(self) -> int:
        """P, the length of theta."""

    @abstractmethod
    def expand(self, theta: Any, design: Any) -> Layers:
        """Return the MLP of theta (P,) or (N, P) and design (D,) or (N, D).

        Numpy in gives numpy out; a torch theta gives torch, differentiable in theta. The dtype is theta's. The layers
        have a leading N where theta or design has one.

        Raises:
            ValueError: a wrong length of theta or of the design, or a decision out of range.
        """

    @abstractmethod
    def initial(self, generator: np.random.Generator) -> Floats:
        """Draw the first theta, shape (P,); biases start at zero."""

    def design_of(self, theta: Any) -> Designs | None:  # noqa: ARG002  (most leave the design to a controller)
        """Return the design that theta (P,) or (N, P) itself decides, (D,) or (N, D); None where it decides none."""
        return None

    def described(self, designs: Designs) -> Floats:
        """Return what critics are told of each design (n, D), numbers of the order of 1, shape (n, F); none here."""
        return np.zeros((len(designs), 0))

    def usage(self, designs: Designs) -> Floats | None:  # noqa: ARG002
        """Return the share of edges that each design (N, D) keeps, shape (N,); None where all are always kept."""
        return None

    def cost(self, designs: Designs, progress: float) -> tuple[Floats, float] | None:  # noqa: ARG002
        """Return what a search should keep small beside the return: costs (N,), and beta, the return's share.

        Progress is the share of the budget that is spent. None where there is no such cost.
        """
        return None

    def size(self, design: Design) -> Size:  # noqa: ARG002  (most sizes are the same for all designs)
        """Return the exact size of the policy with this design (D,)."""
        return self._size(self.num_weights, dictionary=0)

    def fit(self, theta: Floats, design: Design) -> Design:  # noqa: ARG002
        """Return the design to settle on, (D,): this one, or what of it fits the wanted size."""
        return design

    def settle(self, theta: Floats, design: Design) -> tuple[Compression, Floats]:  # noqa: ARG002
        """Freeze one design (D,): the compression with nothing left to choose, and its theta.

        Of theta (P,) only the numbers that ship are left; the MLP and the size stay what they were.
        """
        return self, theta

    def _size(self, weights: int, dictionary: int) -> Size:
        """Return the size of so many weights with a dictionary of so many bits."""
        parameters = weights + self.num_biases
        return Size(
            weights=weights,
            biases=self.num_biases,
            parameters=parameters,
            compression=1 - parameters / (self.num_edges + self.num_biases),
            bits=32 * parameters + dictionary,
        )


def coloring_bits(edges: int, weights: int) -> int:
    """Return edges * ceil(log2 weights), exactly: the bits that say which of the weights each edge takes."""
    return edges * (weights - 1).bit_length()


def mask_bits(edges: int, weights: int) -> int:
    """Return the dictionary of a mask, in bits: as for a colouring with the kept weights, but at least a bit an edge.

    The paper's formula gives 0 bits for one kept weight and is undefined for none, yet a mask must still say where.
    """
    return edges * max(1, max(weights - 1, 0).bit_length())
