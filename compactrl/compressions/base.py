"""The interface of compressions: pure functions from (theta, design) to the weights of a plain MLP, with exact sizes.

A compression gives the numbers of a network. The skeleton gives its form: widths, activation, and which layers have
biases. Sizes are those of `compactrl.policies.size`.

Letters: N trials, D decisions of a design, P parameters, E edges, M weights that ship.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, TypeAlias

import numpy as np
from pydantic import BaseModel, ConfigDict

from compactrl.policies.architectures import ArchitectureSpace
from compactrl.policies.contexts import Contexts
from compactrl.policies.size import size_of
from compactrl.policies.skeleton import Skeleton
from compactrl.types import Design, Designs, Floats, Integers, Layers, Size
from controllers.base import Space

if TYPE_CHECKING:
    from compactrl.policies.policy import Policy

START = 1e-5
"""Standard deviation of the first weights and latents: next to nothing, so that no random network has to be unlearnt.
A trial of 0.1 is in `docs/trials.md`."""


class Described(Protocol):
    """Designs as numbers."""

    def features(self, designs: Designs) -> Floats:
        """Return what critics are told of designs (n, D), numbers of the order of 1, (n, F)."""


class Options(BaseModel):
    """Base of every compression's options: frozen, and unknown names are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def completed(self, contexts: Contexts | None, seed: int) -> Self:  # noqa: ARG002  (most know nothing of tasks)
        """Return the options with what the environment's family of tasks and the seed decide.

        Args:
            contexts: of the family; None where there are no tasks.
            seed: the run's.

        Raises:
            ValueError: it needs tasks, and there are none.
        """
        return self


AnyOptions: TypeAlias = Options  # for annotations inside `Compression`, whose attribute `Options` hides the class


@dataclass(frozen=True)
class Compact:
    """The numbers of a network as it ships, and which edge takes which."""

    skeleton: Skeleton
    weights: Floats
    """(M,) the distinct ones."""
    index: Integers | None
    """(E,) which weight each edge takes; None where each has its own, in order."""
    mask: Integers | None
    """(E,) of zeros and ones; None where every edge is kept."""
    biases: Floats
    """(B,), layer by layer."""


class Compression(ABC):
    """A pure function (theta, design) → weights of a plain MLP.

    Args:
        skeleton: the MLP.
        options: the compression's own `Options`.

    Raises:
        ValueError: the compression is not for this skeleton, or an option is out of range.
        TypeError: options of another compression.
    """

    name: ClassVar[str]
    container: ClassVar[str] = "stacked"
    """How what `expand` returns is evaluated (`compactrl.types.Networks`): `stacked` or `mixed`."""
    Options: ClassVar[type[Options]] = Options

    space: Space
    """What a controller may choose; of length 0 for fixed patterns, and where theta decides the design."""
    design_space: Space
    """All designs there are, whoever chooses them: D = design_space.length."""
    num_weights: int
    """M, the largest number of weights that may ship."""
    architecture_space: ArchitectureSpace | None = None
    """All architectures, where designs are architectures."""
    shipped_design: Design | None = None
    """(D,) the design that ships where nothing leads yet; None where there is none of itself."""
    counts_unused: ClassVar[bool] = False
    """Whether weights that no edge takes ship, too: a palette counts whole, as in the paper."""
    task: Floats | None = None
    """(C,) that every design is for: of a policy for one task of a family, from which a search begins or which it
    imitates."""
    unit: float = 1.0
    """What 1 of theta is in the policy's numbers, where theta is what a strategy's noise goes on."""

    def __init__(self, skeleton: Skeleton, options: AnyOptions) -> None:
        if not isinstance(options, self.Options):
            raise TypeError(f"expected {self.Options.__name__} for {self.name}, got {type(options).__name__}")
        self.skeleton, self.options = skeleton, options
        self.sizes, self.shapes = skeleton.sizes, skeleton.shapes
        self.num_edges, self.num_biases = skeleton.num_edges, skeleton.num_biases
        self.space = self.design_space = Space(length=0, choices=1)

    @classmethod
    def skeleton_of(cls, sizes: tuple[int, ...], options: AnyOptions | None = None) -> Skeleton:  # noqa: ARG003
        """Return the skeleton that a search takes for these sizes, with these options or the defaults."""
        return Skeleton.tanh(sizes)

    def begun_from(self, policy: Policy) -> Compression:  # noqa: ARG002
        """Return the same compression, whose first theta is this policy.

        Raises:
            ValueError: it cannot begin from a policy, or from this one.
        """
        raise ValueError(f"{self.name} policies cannot begin from another run's")

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

    def tasks(self, designs: Designs) -> Floats | None:
        """Return the tasks (n, C) that designs (n, D) are for, which their environments get; None where for no task."""
        return None if self.task is None else np.tile(self.task, (len(designs), 1))

    def task_of(self, design: Design) -> Floats | None:
        """Return the task (C,) that a design (D,) is for; None where for no task."""
        tasks = self.tasks(design[None])
        return None if tasks is None else tasks[0]

    def as_shipped(self, designs: Designs) -> Designs:
        """Return designs (n, D) as they would ship: of tasks, whose returns are not to be compared, in one of them."""
        return designs

    @property
    def described(self) -> Described | None:
        """What critics can be told of its designs; None where there is nothing."""
        return self.architecture_space

    def usage(self, designs: Designs) -> Floats | None:  # noqa: ARG002
        """Return the share of edges that each design (N, D) keeps, shape (N,); None where all are always kept."""
        return None

    def cost(self, designs: Designs, progress: float) -> tuple[Floats, float] | None:  # noqa: ARG002
        """Return costs (N,) that a search should keep small, and beta, the return's share of the objective.

        Progress is the share of the budget that is spent. None where there is no cost.
        """
        return None

    def size(self, design: Design) -> Size:  # noqa: ARG002  (most sizes are the same for all designs)
        """Return the exact size of the policy with this design (D,)."""
        return self._size(self.num_weights, dictionary=0)

    def fitted_design(self, theta: Floats, design: Design) -> Design:  # noqa: ARG002
        """Return the design to settle on, (D,): this one, or the part of it that fits the requested size."""
        return design

    def settle(self, theta: Floats, design: Design) -> tuple[Compression, Floats]:  # noqa: ARG002
        """Freeze one design (D,): return a compression with nothing left to choose, and its theta.

        Its theta has only the numbers that ship; the MLP and the size stay the same.
        """
        return self, theta

    @abstractmethod
    def compact(self, theta: Floats, design: Design) -> Compact:
        """Return what ships of theta (P,) with this design (D,): its distinct numbers, and which edge takes which."""

    def shipped_size(self, compact: Compact) -> Size:
        """Return the exact size of what ships, which may have fewer outputs than the skeleton."""
        return size_of(compact.skeleton, len(compact.weights))

    def _size(self, weights: int, dictionary: int) -> Size:
        """Return the size of so many weights with a dictionary of so many bits."""
        return size_of(self.skeleton, weights, dictionary)
