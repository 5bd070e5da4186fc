"""No table at all: every number is a constant in the code."""

from __future__ import annotations

from compactrl.encodings.tables import Encoding, Snippets, Table
from compactrl.policies.sharing import Sharing


class Unrolled(Encoding):
    """A palette or a pruned network as one statement a neuron, with its weights as constants."""

    name = "codebook"
    inline = True

    def __init__(self, sharing: Sharing) -> None:
        super().__init__(sharing)
        self.skips_inputs = sharing.mask is not None

    def tables(self) -> list[Table]:
        """Return no table."""
        return []

    def snippets(self) -> Snippets:
        """Return nothing: there is no loop."""
        return Snippets()

    @property
    def code_estimate(self) -> int:
        """See `Encoding`: an addition and, for most, a load for every edge that is kept."""
        kept = len(self.sharing.index) if self.sharing.mask is None else int(self.sharing.mask.sum())
        return 200 + 10 * kept
