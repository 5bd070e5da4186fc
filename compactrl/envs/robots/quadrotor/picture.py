"""A picture of a flight in three dimensions: the path flown beside the path wanted, above a floor of one-metre squares.

Drawn in a few milliseconds by Pillow, in perspective, at twice the size and scaled down for smooth lines. The quadrotor
is drawn larger than it is, in its true attitude, with its front rotors in red; a line falls from it to its shadow.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compactrl.envs.robots.quadrotor.airframe import ARM
from compactrl.types import Floats

SIZE = (800, 600)
SMOOTHING = 2
"""Times the size that it is drawn at."""
LARGER = 5.0
"""Times its size that the quadrotor is drawn."""
ROTOR = 0.023
"""m, radius of a propeller."""
AZIMUTH, ELEVATION = np.radians(-62.0), np.radians(22.0)
FIELD_OF_VIEW = np.radians(35.0)
GROUND, GRID, SHADOW = (246, 246, 243), (206, 208, 210), (176, 178, 182)
WANTED, FLOWN, FRONT, BODY, INK = (230, 126, 34), (31, 97, 171), (200, 40, 40), (52, 58, 66), (60, 60, 60)
CORNERS = ARM * np.array([[1, -1, 0], [-1, -1, 0], [-1, 1, 0], [1, 1, 0]])
CIRCLE = np.linspace(0, 2 * np.pi, 25)


class Flight:
    """What has been seen of an episode, and the camera that it is seen with.

    Args:
        center: (3,) what the camera looks at, m.
        reach: m around it that should be seen.
    """

    def __init__(self, center: Floats, reach: float) -> None:
        self._flown: list[Floats] = []
        self._wanted: list[Floats] = []
        distance = 1.25 * reach / np.tan(FIELD_OF_VIEW / 2)
        back = np.array([np.cos(AZIMUTH) * np.cos(ELEVATION), np.sin(AZIMUTH) * np.cos(ELEVATION), np.sin(ELEVATION)])
        right = np.array([-np.sin(AZIMUTH), np.cos(AZIMUTH), 0.0])
        self._turn, self._eye = np.stack([right, np.cross(back, right), back]), center + distance * back
        self._focus = SMOOTHING * SIZE[1] / (2 * np.tan(FIELD_OF_VIEW / 2))

    def _seen(self, points: Floats) -> list[tuple[float, float]]:
        """Return where on the picture points (n, 3) are."""
        x, y, z = self._turn @ (np.atleast_2d(points) - self._eye).T
        depth = np.maximum(-z, 0.05)
        width, height = SMOOTHING * SIZE[0] / 2, SMOOTHING * SIZE[1] / 2
        across, down = width + self._focus * x / depth, height - self._focus * y / depth
        return list(zip(across.tolist(), down.tolist(), strict=True))

    def picture(self, position: Floats, matrix: Floats, goal: Floats, told: str) -> NDArray[np.uint8]:
        """Return a picture (600, 800, 3) of now, with the paths so far.

        Args:
            position: (3,) of the quadrotor.
            matrix: (3, 3) its rotation, body → world.
            goal: (3,)
            told: a line of text.
        """
        from PIL import Image, ImageDraw

        jumped = bool(self._wanted) and float(np.abs(goal - self._wanted[-1]).max()) > 0.3
        self._flown.append(position.copy())
        self._wanted += [np.full(3, np.nan), goal.copy()] if jumped else [goal.copy()]
        image = Image.new("RGB", (SMOOTHING * SIZE[0], SMOOTHING * SIZE[1]), GROUND)
        draw = ImageDraw.Draw(image)
        for place in range(-5, 6):
            for ends in ([[place, -5, 0], [place, 5, 0]], [[-5, place, 0], [5, place, 0]]):
                draw.line(self._seen(np.array(ends, float)), GRID, SMOOTHING)
        flown = np.array(self._flown)
        on_floor = flown * [1, 1, 0]
        self._path(draw, on_floor, SHADOW, 1)
        draw.line(self._seen(np.stack([on_floor[-1], flown[-1]])), SHADOW, SMOOTHING)
        self._path(draw, np.array(self._wanted), WANTED, 2)
        self._path(draw, flown, FLOWN, 2)
        self._dot(draw, goal, 6, WANTED)
        self._quadrotor(draw, position, matrix)
        self._legend(draw, told)
        small = image.resize(SIZE, Image.Resampling.BOX)
        return np.asarray(small, np.uint8)

    def _path(self, draw: Any, points: Floats, color: tuple[int, int, int], width: int) -> None:
        """Draw a line through points (n, 3), with gaps where they are NaN."""
        gaps = np.flatnonzero(np.isnan(points[:, 0]))
        for part in np.split(points, gaps):
            part = part[~np.isnan(part[:, 0])]
            if len(part) > 1:
                draw.line(self._seen(part), color, width * SMOOTHING, joint="curve")

    def _dot(self, draw: Any, point: Floats, radius: float, color: tuple[int, int, int]) -> None:
        ((x, y),) = self._seen(point)
        radius *= SMOOTHING
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=color, width=2 * SMOOTHING)

    def _quadrotor(self, draw: Any, position: Floats, matrix: Floats) -> None:
        motors = position + LARGER * CORNERS @ matrix.T
        for one, other in ((0, 2), (1, 3)):
            draw.line(self._seen(motors[[one, other]]), BODY, 3 * SMOOTHING)
        ring = LARGER * ROTOR * np.stack([np.cos(CIRCLE), np.sin(CIRCLE), np.full_like(CIRCLE, 0.3)], axis=1)
        for number, motor in enumerate(motors):
            color = FRONT if number in (0, 3) else BODY
            draw.line(self._seen(motor + ring @ matrix.T), color, 2 * SMOOTHING, joint="curve")

    def _legend(self, draw: Any, told: str) -> None:
        font, line = _font(14 * SMOOTHING), 20 * SMOOTHING
        left, top = 14 * SMOOTHING, SMOOTHING * SIZE[1] - 3 * line - 6 * SMOOTHING
        for row, (text, color) in enumerate((("flown", FLOWN), ("wanted", WANTED))):
            middle = top + row * line + line / 2
            draw.line((left, middle, left + 26 * SMOOTHING, middle), color, 3 * SMOOTHING)
            draw.text((left + 34 * SMOOTHING, middle), text, INK, font, anchor="lm")
        draw.text((left, top + 2 * line + line / 2), told, INK, font, anchor="lm")


@cache
def _font(size: int) -> Any:
    """Return the font that matplotlib brings: its digits are of one width."""
    import matplotlib
    from PIL import ImageFont

    return ImageFont.truetype(str(Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")), size)
