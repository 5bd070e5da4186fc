"""A film's frames: when each is, what is written on it, and the file they go to."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from compactrl.errors import CompactrlError, InputError

KINDS = (".mp4", ".gif")
Image = NDArray[np.uint8]
"""(height, width, 3)"""
MOST_RATE = {".mp4": 60.0, ".gif": 25.0}
"""Frames a second, as screens show them; browsers slow down gifs that claim more than 50, and files grow."""
RESAMPLED = {".mp4": 50.0, ".gif": 25.0}
"""Frames a second where steps come faster than that, or at a rate that a gif cannot have."""
LONGEST_STEP = 1.0
"""Seconds above which a step is not shown for as long as it takes."""
UNKNOWN_RATE = 30.0
"""Steps shown in a second where nobody says how many there are, or where they are too slow to watch."""
TEXT = 1 / 26
"""Height of the text over that of the picture."""
LEAST_TEXT = 12
"""Pixels: less is not legible."""


class Pace(NamedTuple):
    """How steps become frames: frame i is at second i / rate of the film, and shows the step that is nearest to it."""

    seconds: float
    """Of film that a step takes."""
    rate: float
    """Frames a second."""

    def frames_until(self, step: int) -> int:
        """Return how many frames have begun when a step, counted from 0, gives way to the next."""
        return int(np.ceil((step + 0.5) * self.seconds * self.rate - 1e-9))


def pace(step_seconds: float | None, kind: str, shown_rate: float | None = None) -> Pace:
    """Choose the frame rate of a film that takes as long as its episode does, as far as that is known.

    Args:
        step_seconds: of a step, None where it is not known.
        kind: of the file, one of `KINDS`.
        shown_rate: steps a second that an environment asks to be shown at, where it asks.

    Example:
        >>> pace(0.05, ".mp4"), pace(0.008, ".mp4"), pace(0.02, ".gif")
        (Pace(seconds=0.05, rate=20.0), Pace(seconds=0.008, rate=50.0), Pace(seconds=0.02, rate=25.0))
    """
    if step_seconds is None or step_seconds > LONGEST_STEP:
        step_seconds = 1 / (shown_rate or UNKNOWN_RATE)
    rate = round(1 / step_seconds, 2)
    exact = kind != ".gif" or float(100 / rate).is_integer()  # a gif's frames take whole hundredths of a second
    return Pace(step_seconds, rate if rate <= MOST_RATE[kind] and exact else RESAMPLED[kind])


def caption(picture: Image, text: str) -> Image:
    """Return a picture with a line of text, or several, in its upper left corner, light on a dark ground."""
    from PIL import Image as Pillow
    from PIL import ImageDraw

    size = max(LEAST_TEXT, round(picture.shape[0] * TEXT))
    font = _font(size)
    image = Pillow.fromarray(picture)
    draw = ImageDraw.Draw(image, "RGBA")
    pad = size // 2
    _, _, right, bottom = draw.textbbox((pad, pad // 2), text, font=font)
    draw.rectangle((0, 0, right + pad, bottom + pad // 2), fill=(0, 0, 0, 170))
    draw.text((pad, pad // 2), text, font=font, fill=(255, 255, 255, 255))
    return np.asarray(image)


@cache
def _font(size: int) -> Any:
    """Return the font that matplotlib brings, whose digits are of one width: numbers that count up do not jump."""
    import matplotlib
    from PIL import ImageFont

    return ImageFont.truetype(str(Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")), size)


def even(frame: Any) -> Image:
    """Return what an environment rendered with an even number of rows and columns, as mp4 wants it.

    Raises:
        CompactrlError: it is no picture.
    """
    if not isinstance(frame, np.ndarray) or frame.ndim != 3 or frame.shape[2] != 3:
        got = f"an array {frame.shape}" if isinstance(frame, np.ndarray) else type(frame).__name__
        raise CompactrlError(f"the environment's render() gave {got}, expected an image (height, width, 3)")
    height, width = frame.shape[0] // 2 * 2, frame.shape[1] // 2 * 2
    return np.ascontiguousarray(frame[:height, :width], dtype=np.uint8)


def check_place(path: Path) -> None:
    """Raise InputError where no film can be written to a path."""
    if path.suffix.lower() not in KINDS:
        raise InputError(f"--video {path}: expected a name that ends in .mp4 or .gif")
    if path.is_dir():
        raise InputError(f"--video {path} is a folder: expected the name of a file")
    if not path.parent.is_dir():
        raise InputError(f"--video {path}: there is no folder {path.parent}; make it first, or name another place")
    unfinished = _unfinished(path)
    try:
        unfinished.touch()
        unfinished.unlink()
    except OSError as error:
        raise InputError(
            f"--video {path}: cannot write to {path.parent} ({error.strerror or error}): name another place"
        ) from error


def _unfinished(path: Path) -> Path:
    return path.with_name(f".{path.stem}.unfinished{path.suffix.lower()}")


@contextlib.contextmanager
def film_file(path: Path, rate: float) -> Iterator[Callable[[Image], None]]:
    """Open a film for frames; one that was not finished does not stay behind, and the one before does.

    Raises:
        CompactrlError: writing fails.
    """
    import imageio.v2 as imageio

    unfinished = _unfinished(path)
    options: dict[str, Any] = {"loop": 0, "duration": 1000 / rate}
    if path.suffix.lower() == ".mp4":
        options = {"fps": rate, "macro_block_size": 2, "quality": 7}
    try:
        film: Any
        with imageio.get_writer(unfinished, **options) as film:
            yield film.append_data
        os.replace(unfinished, path)
    except OSError as error:
        raise CompactrlError(f"{path} could not be written: {error.strerror or error}") from error
    finally:
        unfinished.unlink(missing_ok=True)
