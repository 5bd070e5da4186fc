"""A graph hypernetwork in a fit: a candidate that is a whole catalogue.

Its run has a policy for every architecture. Of each depth the largest within a budget enters the race, as what ships of
a row: its bits are the hypernetwork's, and no search goes on with it. Those too large for a budget may teach, too. Each
is a folder that opens as a run, beside the searches, without steps of its own.
"""

from __future__ import annotations

import shutil
from bisect import bisect_right
from collections.abc import Callable, Iterable
from pathlib import Path

from compactrl.catalogs.catalog import Catalog, open_catalog
from compactrl.fits.budgets import Kind
from compactrl.policies.architectures import Widths
from compactrl.policies.files import save_policy
from compactrl.policies.policy import Policy
from compactrl.runs.run import Run
from compactrl.storage.files import write_json

COPIED = ("config.json", "versions.json", "metrics.jsonl")


def within(catalog: Catalog, size: Callable[[Policy], int], budgets: Iterable[int]) -> list[Widths]:
    """Return of each depth the largest architecture within each budget, each once, the smallest first.

    Within a depth what a policy takes is taken to rise with its parameters, so that few are written and measured.

    Args:
        catalog: what is chosen from.
        size: of a policy.
        budgets: that it is held against.
    """
    chosen: dict[Widths, None] = {}
    for depth in sorted({len(widths) for widths in catalog.architectures}):
        rising = [widths for widths in catalog.architectures if len(widths) == depth]
        for most in budgets:
            place = bisect_right(rising, most, key=lambda widths: size(catalog.policies([widths])[0]))
            if place:
                chosen[rising[place - 1]] = None
    return sorted(chosen, key=lambda widths: (catalog.parameters(widths), widths))


def lay_out(run: Path, kind: Kind, budgets: Iterable[int], ships: Callable[[Policy], Policy]) -> list[str]:
    """Write the architectures within budgets as runs beside their hypernetwork's; return the names of their folders.

    Args:
        run: of a graph hypernetwork.
        kind: of budget.
        budgets: of this kind.
        ships: what ships of a policy.
    """
    catalog = open_catalog(Run(run))
    names = []
    for widths in within(catalog, lambda policy: kind.size(ships(policy)), budgets):
        name = f"{run.name}-{'x'.join(map(str, widths))}"
        folder = run.parent / name
        folder.mkdir(exist_ok=True)
        for file in COPIED:
            shutil.copyfile(run / file, folder / file)
        write_json(folder / "summary.json", {**Run(run).summary, "env_steps": 0, "seconds": 0.0})
        (policy,) = catalog.policies([widths])
        save_policy(folder / "policy", policy)
        names.append(name)
    return names
