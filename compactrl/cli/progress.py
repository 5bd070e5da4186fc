"""What the terminal shows while commands other than a search work."""

from __future__ import annotations

from compactrl.searches.progress import Display, Look


class CatalogProgress(Display):
    """Shows how the evaluation of many architectures or tasks goes."""

    def __init__(self, total: int, noun: str = "architectures") -> None:
        super().__init__(quiet=False)
        self._done, self._total, self._noun = 0, total, noun
        self._begun = False

    def note(self, done: int, total: int) -> None:
        """Show how many are done; those of before, with which it begins, are not part of the rate."""
        self._done, self._total = done, total
        if not self._begun:
            self._begun = True
            self.begin_measuring()

    def look(self) -> Look:
        """Return how many are done."""
        return Look(self._done, self._total, f"{self._done:,} of {self._total:,} {self._noun}")
