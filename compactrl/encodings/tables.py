"""What an encoding is: constant tables, and the C that reads them back.

The C of an encoding stands inside two loops. The outer one goes over the rows of all layers. The inner one moves the
pointer `x` from `input`, the layer's first input, to its last, and `sum` adds up the row. Weights are read in the order
of the edges: layer by layer, row by row. Nothing is expanded into memory.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from numpy.typing import NDArray

from compactrl.policies.sharing import Sharing, Singles


@dataclass(frozen=True)
class Table:
    """A constant array of the exported C."""

    name: str
    """What follows the policy's name and an underscore."""
    type: str
    """C type: float, int8_t, uint8_t, uint16_t or uint32_t."""
    values: NDArray[Any]
    meaning: str

    @property
    def bytes(self) -> int:
        """What it takes in flash."""
        return int(self.values.nbytes)


@dataclass(frozen=True)
class Snippets:
    """C statements, a line each; NAME stands for the policy's name."""

    state: tuple[str, ...] = ()
    """Before the first layer: what is carried from weight to weight."""
    term: tuple[str, ...] = ()
    """Adds the next weight times *x to sum."""
    row_end: tuple[str, ...] = ()
    """After the columns of a row, before its bias."""
    layer: tuple[tuple[str, ...], ...] = ()
    """Before the first row of each layer; empty where nothing is to do."""


class Encoding(ABC):
    """The weights of a policy as tables, and the C that reads them."""

    name: ClassVar[str]
    """Its row in `formats.FORMATS`."""
    inline: ClassVar[bool] = False
    """Whether all numbers, those of the normaliser and the biases too, stand in the code and not in tables."""
    skips_inputs: bool = False
    """Whether an input may meet no weight at all, so that it being NaN does not show in the outputs."""

    def __init__(self, sharing: Sharing) -> None:
        self.sharing = sharing

    @classmethod
    def fits(cls, sharing: Sharing) -> bool:  # noqa: ARG003
        """Return whether it can hold these weights; any does unless it says otherwise."""
        return True

    @abstractmethod
    def tables(self) -> list[Table]:
        """Return the constant arrays of the weights; the biases' are the plan's."""

    @abstractmethod
    def snippets(self) -> Snippets:
        """Return the C that reads them."""

    def matrices(self) -> list[Singles]:
        """Return the weights that the C multiplies by, (outputs, inputs) a layer."""
        return self.sharing.matrices()

    @property
    def table_bytes(self) -> int:
        """Bytes of its tables."""
        return sum(table.bytes for table in self.tables())

    @property
    def code_estimate(self) -> int:
        """Bytes of code on a Cortex-M4. An estimate, from what others of its kind took."""
        return 220
