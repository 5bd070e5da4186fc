"""The graph of an MLP: a chain of an input node, then a weight node and a bias node for every layer.

Hegde & Sukhatme 2022, equation 3: g = [0, l1, l1, …, lk, lk, 2a, 2a], one number a node. (The paper writes the last one
once; its public code has two, a weight and a bias node as for every layer.)

`raw` is that. `normalized` is ours and the default: raw widths differ a hundredfold, and a node that knows only its own
width must learn from the messages where it stands. It gives every node

    [log2(width) / 9, log2(width of the layer before) / 9, is it a weight, is it of the first layer, is it of the last]

where 9 = log2(512), and the layer before the first is the observation.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from compactrl.policies.architectures import Widths
from compactrl.types import Floats, Integers

KINDS = ("normalized", "raw")
FEATURES = {"normalized": 5, "raw": 1}
"""Numbers a node, by kind."""


def chain(widths: Widths, observation: int, outputs: int, kind: str = "normalized") -> Floats:
    """Return the features of one MLP's nodes, shape (2 k + 3, F): the input, then weight and bias of each layer.

    Example:
        >>> chain((8, 4), observation=3, outputs=2, kind="raw").ravel()
        array([0., 8., 8., 4., 4., 2., 2.])
    """
    sizes = (*widths, outputs)
    if kind == "raw":
        return np.array([0, *(size for size in sizes for _ in range(2))], float)[:, None]
    inputs_of_layers = (observation, *widths)
    rows = [[0.0] * FEATURES[kind]]
    for number, (size, inputs) in enumerate(zip(sizes, inputs_of_layers, strict=True)):
        for weight in (1.0, 0.0):
            place = [float(number == 0), float(number == len(widths))]
            rows.append([np.log2(size) / 9, np.log2(inputs) / 9, weight, *place])
    return np.array(rows)


def batch(
    architectures: Sequence[Widths], observation: int, outputs: int, kind: str = "normalized"
) -> tuple[Floats, Integers]:
    """Return the nodes of n MLPs, (n, S, F) padded with zeros at the end, and their numbers of nodes, (n,)."""
    chains = [chain(widths, observation, outputs, kind) for widths in architectures]
    lengths = np.array([len(features) for features in chains])
    nodes = np.zeros((len(chains), lengths.max(), FEATURES[kind]))
    for row, features in zip(nodes, chains, strict=True):
        row[: len(features)] = features
    return nodes, lengths
