"""What a pointer network begins with: the shapes of its parameters, and how they are drawn.

The names are those of the equations in `pointer.py`: D decisions, M choices, H numbers of a hidden state.
"""

from __future__ import annotations

import numpy as np

from .base import Floats


def _matrix_shapes(hidden: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of both LSTMs' weights and biases and of the query's matrix."""
    return {
        "encoder_input": (4 * hidden, hidden),
        "encoder_hidden": (4 * hidden, hidden),
        "encoder_bias": (4 * hidden,),
        "decoder_input": (4 * hidden, 2 * hidden),
        "decoder_hidden": (4 * hidden, hidden),
        "decoder_bias": (4 * hidden,),
        "query": (hidden, 2 * hidden),
    }


def _table_shapes(length: int, choices: int, hidden: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of V_edge, of V_partition and of the vector in place of V_partition[a_0]."""
    return {"edges": (length, hidden), "partitions": (choices, hidden), "start": (hidden,)}


def initial_values(length: int, choices: int, hidden: int, generator: np.random.Generator) -> dict[str, Floats]:
    """Draw all parameters: matrices uniformly within ±1 / sqrt(H), tables from N(0, 1); b is zero."""
    bound = hidden**-0.5
    matrices, tables = _matrix_shapes(hidden), _table_shapes(length, choices, hidden)
    values = {name: generator.uniform(-bound, bound, size=shape) for name, shape in matrices.items()}
    values |= {name: generator.standard_normal(size=shape) for name, shape in tables.items()}
    values["bias"] = np.zeros(choices)
    return values


def ordered_start(partitions: Floats, spread: float) -> tuple[Floats, Floats]:
    """Return V_partition (M, H) and b (M,) for choices that have an order.

    b gives the choices probabilities as of a normal distribution around the middle one. Rows of V_partition are evenly
    spaced along one vector of signs, so that one number per decision, q_t · signs, moves it up or down the order.

    Args:
        partitions: V_partition as drawn, (M, H); its first row gives the signs.
        spread: The normal distribution's standard deviation, in choices.
    """
    choices = len(partitions)
    distances = np.arange(choices, dtype=np.float64) - (choices - 1) / 2  # (M,), from the middle choice
    signs = np.where(partitions[:1] < 0, -1.0, 1.0)  # (1, H)
    return distances[:, None] / max(distances[-1], 1.0) * signs, -0.5 * (distances / spread) ** 2
