"""The picture of a design as pixels, for TensorBoard: one square per edge, the layers' matrices side by side.

Numpy draws it in a millisecond, since the search waits for it. The pictures of reports are in `compactrl.reports`.
"""

from __future__ import annotations

import io
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from compactrl.types import Design

Pixels: TypeAlias = NDArray[np.uint8]
SQUARE = 8
"""Pixels per edge, in each direction."""
GAP = 2
"""Squares between matrices."""
WHITE = 255


def palette(colors: int) -> NDArray[np.float64]:
    """Return this many distinct colours in the order of the rainbow, (colors, 3) in 0 … 1; one alone is blue.

    A. Mikhailov's Turbo colour map as a polynomial of degree five, by R. Du (2019, Apache 2.0): its coefficients.

    Example:
        >>> palette(17).shape
        (17, 3)
    """
    place = np.linspace(0.06, 0.94, colors) if colors > 1 else np.array([0.15])
    coefficients = np.array(
        [
            [0.13572138, 4.61539260, -42.66032258, 132.13108234, -152.94239396, 59.28637943],
            [0.09140261, 2.19418839, 4.84296658, -14.18503333, 4.27729857, 2.82956604],
            [0.10667330, 12.64194608, -60.58204836, 110.36276771, -89.90310912, 27.34824973],
        ]
    )
    return np.asarray(np.clip(np.vander(place, 6, increasing=True) @ coefficients.T, 0, 1))


def coloring_image(design: Design, sizes: tuple[int, ...]) -> Pixels | None:
    """Return a colouring or a mask (E,) as an image (height, width, 3); None where it has not one number per edge.

    Args:
        design: one colour per edge, layer by layer and row by row.
        sizes: widths of observation, hidden layers, action.

    Example:
        >>> coloring_image(np.array([0, 1, 2, 0, 1, 2]), (3, 2)).shape
        (16, 24, 3)
    """
    shapes = [(outputs, inputs) for inputs, outputs in pairwise(sizes)]
    if not len(design) or len(design) != sum(rows * columns for rows, columns in shapes):
        return None
    colors = (255 * palette(int(design.max()) + 1)).astype(np.uint8)
    height = max(rows for rows, _ in shapes)
    parts, edge = [], 0
    for rows, columns in shapes:
        part = np.full((height, columns, 3), WHITE, np.uint8)
        part[:rows] = colors[design[edge : edge + rows * columns]].reshape(rows, columns, 3)
        parts += [part, np.full((height, GAP, 3), WHITE, np.uint8)]
        edge += rows * columns
    image = np.concatenate(parts[:-1], axis=1)
    return np.asarray(image.repeat(SQUARE, axis=0).repeat(SQUARE, axis=1))


def as_png(image: Pixels) -> bytes:
    """Encode an image (height, width, 3)."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(image).save(file, "png")
    return file.getvalue()
