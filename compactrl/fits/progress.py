"""What is shown while a fit works: which stage, which candidates are left, the best so far, the time left."""

from __future__ import annotations

import time
from pathlib import Path

from compactrl.fits.options import FitOptions
from compactrl.fits.race import Race
from compactrl.fits.stages import Watch
from compactrl.quantities import a_return
from compactrl.searches.pace import duration
from compactrl.searches.progress import Display, Look, shortened


class FitProgress(Display):
    """Shows how a fit goes.

    Args:
        race: that runs.
        watch: what it does.
        options: of the fit.
        path: its folder.
        quiet: show nothing.
    """

    def __init__(self, race: Race, watch: Watch, options: FitOptions, path: Path, quiet: bool) -> None:
        super().__init__(quiet)
        self._race, self._watch, self._options, self._total = race, watch, options, options.total
        *others, last = options.budgets
        budgets = ", ".join([*(f"{most:,}" for most in others), options.kind.say(last)])
        total = duration(self._total.value) if self._total.seconds else f"{shortened(self._total.value)} steps"
        self.say(f"the best policy for {options.env} in {budgets}, in {total}; all of it is in {path}")

    def look(self) -> Look:
        """Return how far the fit is."""
        watch, total = self._watch, self._total
        if total.seconds:
            done = watch.base + (time.monotonic() - watch.begun)
            amount = f"{duration(min(done, total.value))} of {duration(total.value)}"
        else:
            done = watch.base + watch.taken()
            amount = f"{shortened(done)} of {shortened(total.value)} steps"
        text = "  ".join(filter(None, (watch.doing, self._best())))
        return Look(min(done, total.value), total.value, amount, text, bool(total.seconds))

    def show(self, now: float, end: bool = False) -> None:
        """Show how far the fit is, and what there was to say."""
        while self._watch.lines:
            self.say(self._watch.lines.pop(0))
        super().show(now, end)

    def _best(self) -> str:
        parts = []
        for most in self._options.budgets:
            best = self._race.best(most)
            if best is not None:
                parts.append(f"{a_return(best.mean)} in {self._options.kind.say(best.size)}")
        return "best so far " + ", ".join(parts) if parts else ""
