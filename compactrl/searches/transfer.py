"""Transfer: the best colourings of one search, for a search in another environment with fresh weights.

Song et al. 2020, appendix C: the five best colourings of HalfCheetah, for Walker2d. The colourings are copied into the
new run's record, so that it can be resumed without the run that they came from.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from compactrl.compressions.base import Compression
from compactrl.compressions.chromatic import TransferredOptions
from compactrl.errors import InputError
from compactrl.methods.settings import Settings
from compactrl.methods.values import validated
from compactrl.runs.history import load_trace
from compactrl.runs.run import Run
from compactrl.types import Designs


def best_colorings(run: Run, top: int) -> Designs:
    """Return the best different colourings of a run, (at most `top`, E): what ships, then those that led by return.

    Raises:
        InputError: the run has no colourings.
        CompactrlError: it has no policy yet, or its files are damaged.
    """
    if run.config.get("method") != "chromatic":
        raise InputError(
            f"--colorings-from {run.path}: expected a run of --method chromatic, this one is {run.config.get('method')}"
        )
    colorings = [run.policy.design]
    trace = load_trace(run.path)
    if trace is not None:
        colorings += list(trace.designs[np.argsort(-trace.returns, kind="stable")])
    different = {coloring.tobytes(): coloring for coloring in (np.asarray(row, np.int64) for row in colorings)}
    return np.stack(list(different.values())[:top])


def with_colorings(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a search's options, with the colourings and the network of another run where one is named.

    Args:
        values: options as the user gave them. A network among them is kept, and so are colourings, which a run's record
            has.

    Raises:
        InputError: there is no run, or none with colourings.
    """
    source = values.get("colorings_from")
    if not source or "controller_designs" in values:
        return dict(values)
    options: TransferredOptions = validated(TransferredOptions, values)
    run = Run(options.colorings_from)
    designs = best_colorings(run, options.top)
    if len(designs) < options.top:
        warnings.warn(
            f"{source} has recorded {len(designs)} different colourings, fewer than --top {options.top}: it begins "
            "with those",
            stacklevel=2,
        )
    network = {"partitions": run.config["partitions"], "hidden": tuple(run.config["hidden"])}
    rows = tuple(tuple(map(int, design)) for design in designs)
    return {**network, **values, "controller_designs": rows}


def check_designs(settings: Settings, compression: Compression) -> None:
    """Check that colourings of another run fit this search's network.

    Raises:
        InputError: they have another number of edges, or more colours.
    """
    rows = getattr(settings.controller, "controller_designs", ())
    if not rows or not isinstance(settings.compression, TransferredOptions):
        return
    source, sizes = settings.compression.colorings_from, "-".join(map(str, compression.sizes))
    for row in rows:
        if len(row) != compression.num_edges:
            raise InputError(
                f"--colorings-from {source}: its colourings have {len(row)} edges, and {settings.search.env} with this "
                f"network ({sizes}) has {compression.num_edges}. Only networks with as many edges can take them over: "
                "choose an environment with as many observations and actions, or another --hidden"
            )
    colors = max(map(max, rows)) + 1
    if colors > compression.space.choices:
        raise InputError(
            f"--colorings-from {source}: its colourings have {colors} colours: give --partitions {colors}, or none"
        )
