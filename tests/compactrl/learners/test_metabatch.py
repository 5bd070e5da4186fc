"""Meta-batches: who learns with whom, and what critics are told of an architecture."""

from types import SimpleNamespace

import numpy as np
import pytest

from compactrl.learners.metabatch import MetaBatch, MetaBatchOptions
from compactrl.policies.architectures import (
    MAX_LAYERS,
    WIDTHS,
    ArchitectureSpace,
    depths_of,
    enumerate_architectures,
)
from controllers.base import Space


def batch_of(space, **options):
    """Return the meta-batches of a compression whose designs are these architectures."""
    length = Space(space.max_layers, len(space.widths) + 1)
    compression = SimpleNamespace(architecture_space=space, described=space, design_space=length)
    return MetaBatch.of(MetaBatchOptions(**options), compression)


def space_of(widths=WIDTHS, max_layers=MAX_LAYERS):
    return ArchitectureSpace(widths, max_layers)


@pytest.mark.parametrize(
    ("space", "anchor"),
    [
        (space_of(), (256, 256)),
        (space_of((8, 64, 16)), (64, 64)),
        (space_of((1024, 512)), (512, 512)),
        (space_of(max_layers=1), (256,)),
    ],
)
def test_what_the_anchors_are(space, anchor):
    batch = batch_of(space)
    assert {space.widths_of(design) for design in batch.anchors} == {anchor}


@pytest.mark.parametrize(("share", "count"), [(0.5, 2), (0.3, 1), (0.0, 0), (0.99, 3)])
def test_anchors_are_part_of_every_part(share, count):
    batch = batch_of(space_of((4, 8), 2), meta_batch=4, anchor_share=share)
    designs = np.random.default_rng(0).integers(1, 3, (3 * (4 - count), 2))
    parts = batch.joined(designs, 3)
    assert parts.shape == (3, 4, 2)
    assert (parts[:, :count] == [2, 2]).all()
    np.testing.assert_array_equal(parts[:, count:].reshape(-1, 2), designs)


def test_one_design_is_a_meta_batch_of_its_own_and_nothing_is_told_of_it():
    nothing = np.zeros((3, 0), np.int64)
    np.testing.assert_array_equal(MetaBatch().joined(nothing, 3), nothing[:, None])
    assert MetaBatch().told(nothing).shape == (3, 0)


def test_every_architecture_is_described_as_another_one():
    space = space_of()
    designs = space.designs_of(enumerate_architectures(17, 12))
    told = batch_of(space).told(designs)
    assert told.shape == (4680, 4 + 2)
    assert len(np.unique(told, axis=0)) == 4680
    assert np.abs(told).max() == 1
    assert (np.diff(told[np.argsort(depths_of(designs)), 5]) >= 0).all()
    assert batch_of(space, conditioned_critics=False).told(designs).shape == (4680, 0)


@pytest.mark.parametrize(
    ("widths", "designs", "expected"),
    [
        (WIDTHS, [[8, 1, 0, 0]], [1, -0.75, -1, -1, -0.75, 0]),
        ((4, 8), [[1, 0, 2, 0], [1, 2, 0, 0], [0, 1, 0, 2]], [0, 1, -1, -1, 0, 0]),
        ((4, 8), [[0, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]], [0, -1, -1, -1, 0, -0.5]),
        ((64, 4, 256, 8), [[1, 3, 2, 0]], [0.5, 1, -0.5, -1, -0.5, 0.5]),
    ],
    ids=["widths, narrowest, depth", "gaps", "the row of zeros", "widths in any order"],
)
def test_a_description_by_hand(widths, designs, expected):
    told = space_of(widths).features(np.array(designs))
    np.testing.assert_array_equal(told, [expected] * len(designs))
