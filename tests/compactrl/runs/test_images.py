"""The picture of a design, and what TensorBoard gets of a running search."""

import io

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from compactrl.runs import writer
from compactrl.runs.images import GAP, SQUARE, as_png, coloring_image, palette
from compactrl.searches.api import search


def test_a_palette_has_different_colours_in_range():
    for count in (1, 2, 17, 50):
        colors = palette(count)
        assert colors.shape == (count, 3)
        assert (colors >= 0).all()
        assert (colors <= 1).all()
        assert len(np.unique(colors, axis=0)) == count


def test_every_edge_is_a_square_of_its_colour():
    design = np.array([0, 1, 2, 3, 0, 1, 2, 3])
    image = coloring_image(design, (3, 2, 1))  # matrices 2 × 3 and 1 × 2
    assert image.shape == (2 * SQUARE, (3 + GAP + 2) * SQUARE, 3)
    squares = image[::SQUARE, ::SQUARE]
    shades = (255 * palette(4)).astype(np.uint8)
    np.testing.assert_array_equal(squares[:, :3], shades[[[0, 1, 2], [3, 0, 1]]])
    np.testing.assert_array_equal(squares[0, 3 + GAP :], shades[[2, 3]])
    assert (squares[:, 3 : 3 + GAP] == 255).all()
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(as_png(image)))), image)


@pytest.mark.parametrize("design", [np.zeros(0, int), np.array([64, 64])])
def test_a_design_that_is_no_number_an_edge_has_no_picture(design):
    assert coloring_image(design, (3, 2, 1)) is None


@pytest.mark.parametrize("method", ["chromatic", "toeplitz"])
def test_tensorboard_gets_the_colouring_and_histograms_of_returns(tmp_path, monkeypatch, method):
    monkeypatch.setattr(writer, "PICTURE_SECONDS", 0.0)
    options = {"partitions": 3} if method == "chromatic" else {}
    run = search(
        method=method, env="compactrl/Target-v0", hidden=4, population=8, steps=900, selections=1, threads=1,
        selection_episodes=2, settle=0.0, out=tmp_path / "run", **options,
    )  # fmt: skip
    events = EventAccumulator(str(run.path), size_guidance={"histograms": 0, "images": 0})
    events.Reload()
    shown = events.Histograms("returns")
    assert [event.step for event in shown] == [record["env_steps"] for record in run.metrics]
    first = shown[0].histogram_value
    assert first.num == 8 == sum(first.bucket)
    assert first.sum / first.num == pytest.approx(run.metrics[0]["return_mean"])
    assert first.max == pytest.approx(run.metrics[0]["return_max"])
    assert events.Tags()["images"] == (["design"] if method == "chromatic" else [])
    if method == "chromatic":
        picture = Image.open(io.BytesIO(events.Images("design")[0].encoded_image_string))
        assert picture.size == ((3 + GAP + 4) * SQUARE, 4 * SQUARE)


def test_pictures_come_every_few_seconds_only(tmp_path):
    run = search(
        env="compactrl/Target-v0", partitions=3, hidden=4, population=8, steps=900, threads=1, out=tmp_path / "run"
    )
    events = EventAccumulator(str(run.path), size_guidance={"histograms": 0})
    events.Reload()
    assert len(events.Histograms("returns")) < len(run.metrics)
