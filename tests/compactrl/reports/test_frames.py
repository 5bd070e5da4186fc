"""Frames: a second of film is a second of simulation, at rates that screens and gifs have."""

import numpy as np
import pytest

from compactrl.errors import CompactrlError
from compactrl.reports.frames import KINDS, caption, even, pace


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seconds", [0.2, 0.05, 0.04, 1 / 30, 0.02, 0.015, 0.008, 0.001])
def test_every_frame_shows_the_step_that_is_nearest_in_time(seconds, kind):
    paced = pace(seconds, kind)
    assert paced.seconds == seconds
    assert paced.rate <= 60 if kind == ".mp4" else float(100 / paced.rate).is_integer()
    assert paced.rate >= min(25, round(1 / seconds, 2))
    until = [paced.frames_until(step) for step in range(400)]
    shown = np.repeat(np.arange(400), np.diff([0, *until]))
    late = np.arange(len(shown)) / paced.rate - shown * seconds
    assert len(shown)
    assert np.abs(late).max() <= seconds / 2 + 2e-3  # a file has its rate in hundredths


@pytest.mark.parametrize(
    ("seconds", "shown", "steps_a_second"), [(None, 15, 15), (None, None, 30), (60.0, None, 30), (60.0, 4, 4)]
)
def test_steps_of_unknown_or_of_endless_time_are_shown_at_a_rate_of_their_own(seconds, shown, steps_a_second):
    assert pace(seconds, ".mp4", shown) == (1 / steps_a_second, steps_a_second)


@pytest.mark.parametrize(("height", "width"), [(60, 100), (480, 480), (1080, 1920)])
def test_a_caption_is_small_and_legible(height, width):
    plain = np.full((height, width, 3), 255, np.uint8)
    written = caption(plain, "step 1000   50.0 s   return -1234.5")
    changed = (written != plain).any(axis=2)
    assert changed[: height // 8, 0].any()
    assert not changed[max(height // 10, 30) :].any()
    box = written[: max(height // 30, 12), : width // 4]
    assert box.min() < 100
    assert box.max() > 240  # white on dark, whatever is below


def test_sizes_become_even_and_what_is_no_picture_is_told():
    assert even(np.zeros((5, 7, 3), np.uint8)).shape == (4, 6, 3)
    with pytest.raises(CompactrlError, match="gave NoneType, expected an image"):
        even(None)
    with pytest.raises(CompactrlError, match=r"gave an array \(5, 7\), expected an image"):
        even(np.zeros((5, 7)))
