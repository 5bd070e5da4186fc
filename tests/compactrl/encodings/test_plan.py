"""What is stored, in which form, and how the normaliser is folded."""

import numpy as np
import pytest
from exporting import CHEETAH, colored, dense, policy_of, states_around

from compactrl.encodings.dense import Int8
from compactrl.encodings.formats import FORMATS, choose
from compactrl.encodings.palette import Palette
from compactrl.encodings.patterned import Circulant, Toeplitz
from compactrl.encodings.plan import FOLD_TOLERANCE, make_plan, reference_policy
from compactrl.encodings.pruned import Bitmap
from compactrl.errors import InputError
from compactrl.exports import vectors
from compactrl.exports.observations import KNOWN, describe_observations
from compactrl.exports.vectors import golden


@pytest.mark.parametrize("colors", [2, 3, 8, 17, 33, 50, 256])
def test_a_colouring_takes_no_more_than_the_bits_that_the_search_reports(colors):
    policy = colored(policy_of(CHEETAH), colors)
    plan = make_plan(policy, choose("codebook", policy.sharing))
    bits = (colors - 1).bit_length()
    assert plan.table_bytes <= -(-(32 * (colors + 41) + 943 * bits) // 8)


def test_seventeen_colours_with_their_normaliser_are_a_quarter_of_dense_float32():
    plain = policy_of(CHEETAH, mean=0.3, std=2.0)
    policy = colored(plain, 17)
    ours = make_plan(policy, choose("codebook", policy.sharing)).table_bytes
    whole = make_plan(plain, FORMATS["float32"]).table_bytes
    assert whole == 4 * (943 + 41)  # its normaliser is folded away
    assert 4 * ours <= whole


@pytest.mark.parametrize(
    ("mean", "std", "left"),
    [(None, None, []), (0.5, 2.0, []), (0.0, 2.0, []), (12345.678, 1e-2, ["mean", "rest", "scale"])],
)
def test_the_normaliser_is_folded_where_that_is_exact_enough(mean, std, left):
    policy = policy_of((3, 4, 2), mean, std)
    plan = make_plan(policy, FORMATS["float32"])
    assert [table.name for table in plan.inputs.tables()] == left
    difference = np.abs(plan.actions(states_around(policy)) - reference_policy(plan)(states_around(policy)))
    assert difference.max() <= FOLD_TOLERANCE * 1.5


def test_shared_weights_keep_the_scales_and_fold_the_means():
    policy = colored(policy_of((3, 4, 2), 0.5, 2.0), 3)
    plan = make_plan(policy, choose("auto", policy.sharing))
    assert [table.name for table in plan.inputs.tables()] == ["scale"]


def test_each_kind_of_sharing_has_its_form(runs):
    forms = {"chromatic latent": Palette, "masked": Bitmap, "toeplitz": Toeplitz, "circulant": Circulant}
    for kind, form in forms.items():
        sharing = runs(kind).policy.sharing
        assert isinstance(choose("codebook", sharing).encode(sharing), form)


def test_int8_rounds_to_half_a_step_and_keeps_the_largest_of_each_row():
    policy = policy_of((5, 7, 3))
    encoding = Int8(policy.sharing)
    for rounded, layer, scale in zip(encoding.matrices(), policy.layers, encoding.scales, strict=True):
        assert (np.abs(rounded - layer.weight) <= scale[:, None] * 0.5001).all()
        np.testing.assert_allclose(np.abs(rounded).max(axis=1), np.abs(layer.weight).max(axis=1), rtol=1e-6)


def test_auto_takes_what_is_smaller():
    policy = policy_of((3, 4, 2))
    assert choose("auto", colored(policy, 3).sharing).name == "codebook"
    many = colored(policy, 20)  # as many colours as edges: the colours alone would be an addition
    assert choose("auto", many.sharing).name == "float32"
    assert choose("auto", policy.sharing).name == "float32"


@pytest.mark.parametrize(
    ("name", "shared", "expected"),
    [
        ("codebook", False, "nothing to share; use float32 or int8"),
        ("int8", True, "use codebook or float32"),
        ("int9", True, "Did you mean 'int8'?"),
    ],
)
def test_a_format_that_is_not_for_the_policy_is_refused(name, shared, expected):
    policy = colored(policy_of((3, 4, 2)), 3)
    with pytest.raises(InputError, match=expected.replace("?", r"\?")):
        choose(name, (policy if shared else dense(policy)).sharing)


def test_golden_vectors_leave_out_where_single_precision_is_in_doubt(monkeypatch):
    policy = policy_of((3, 4, 2))
    plan = make_plan(policy, FORMATS["float32"])
    assert len(golden(plan, states_around(policy)).observations) == 16 + 7
    monkeypatch.setattr(vectors, "TOLERANCE", 1e-9)  # below what single precision can tell
    kept = golden(plan, states_around(policy))
    assert len(kept.observations) < 16
    assert len(kept.observations) == len(kept.actions)


def test_names_of_observations_fit_their_environments():
    import gymnasium

    for env, names in KNOWN.items():
        assert len(names) == gymnasium.make(env).observation_space.shape[0]
        assert describe_observations(env, len(names)).names == names
    assert describe_observations("HalfCheetah-v5", 18).names[0] == "number 0 of the environment"
