"""A policy's files: whatever its edges share comes back bit for bit, and what was altered is refused."""

from dataclasses import replace

import numpy as np
import pytest

from compactrl.errors import DamagedFileError
from compactrl.policies import patterns
from compactrl.policies.actions import ActionSpec
from compactrl.policies.files import load_policy, save_policy
from compactrl.policies.policy import Policy
from compactrl.policies.sharing import mask_index
from compactrl.policies.skeleton import Skeleton
from compactrl.storage.files import load_state, save_state
from compactrl.types import Normalizer, Size

SIZES = (5, 4, 3)
TANH, RELU = Skeleton.tanh(SIZES), Skeleton.relu(SIZES)
EDGES = TANH.num_edges
MASK = np.random.default_rng(1).integers(2, size=EDGES)
COLORS = np.random.default_rng(2).integers(6, size=EDGES)
NO_DESIGN = np.zeros(0, np.int64)


def policy_of(skeleton, num_weights, index=None, mask=None, design=NO_DESIGN, container="stacked"):
    generator = np.random.default_rng(0)
    return Policy(
        skeleton,
        generator.standard_normal(num_weights),
        index,
        mask,
        generator.standard_normal(skeleton.num_biases),
        Normalizer(generator.standard_normal(SIZES[0]), generator.uniform(0.5, 2, SIZES[0])),
        ActionSpec("box", (-1.0, 0.0, -3.0), (1.0, 2.0, 5.0)),
        env="Target-v0",
        method="any",
        size=Size(num_weights, skeleton.num_biases, num_weights + skeleton.num_biases, 0.5, 640),
        design=design,
        container=container,
    )


def patterned(pattern):
    index, num_weights = patterns.stack(pattern, TANH.shapes)
    return policy_of(TANH, num_weights, index)


MADE = {
    "own, output without biases": policy_of(TANH, EDGES),
    "own, output with biases": policy_of(RELU, EDGES, container="mixed"),
    "own, output with biases, stacked": policy_of(RELU, EDGES),
    "design": policy_of(TANH, 6, COLORS, design=COLORS),
    "mask": policy_of(TANH, MASK.sum(), mask_index(MASK), MASK, design=MASK),
    "mask that drops every edge": policy_of(
        TANH, 0, np.zeros(EDGES, np.int64), np.zeros(EDGES, np.int64), design=np.zeros(EDGES, np.int64)
    ),
    "toeplitz": patterned(patterns.toeplitz),
    "circulant": patterned(patterns.circulant),
}
"""What searches make."""
EXPLICIT = {
    "index": policy_of(RELU, 6, COLORS),
    "index and mask": policy_of(RELU, 6, COLORS, MASK, container="mixed"),
    "index and mask, with a design": policy_of(RELU, 6, COLORS, MASK, design=MASK),
}
"""Index maps that follow from nothing else, so that the file has them."""

every_policy = pytest.mark.parametrize(
    "policy", [pytest.param(made, id=name) for name, made in (MADE | EXPLICIT).items()]
)
every_searched_policy = pytest.mark.parametrize("policy", [pytest.param(made, id=name) for name, made in MADE.items()])


def assert_same(one, other):
    for name in ("weights", "index", "mask", "biases", "design", "theta"):
        mine, theirs = getattr(one, name), getattr(other, name)
        assert (mine is None) == (theirs is None), name
        np.testing.assert_array_equal(mine, theirs, err_msg=name)
    for mine, theirs in zip(one.layers, other.layers, strict=True):
        assert mine.weight.tobytes() == theirs.weight.tobytes()
        assert (mine.bias is None) == (theirs.bias is None)
        np.testing.assert_array_equal(mine.bias, theirs.bias)
    for mine, theirs in zip(one.normalizer, other.normalizer, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    for name in ("skeleton", "container", "action", "env", "method", "size"):
        assert getattr(one, name) == getattr(other, name)


@every_policy
def test_a_policy_is_saved_and_loaded_bit_for_bit(tmp_path, policy):
    save_policy(tmp_path / "policy", policy)
    loaded = load_policy(tmp_path / "policy")
    assert_same(loaded, policy)
    observations = np.random.default_rng(3).standard_normal((7, SIZES[0]))
    np.testing.assert_array_equal(loaded(observations), policy(observations))


@pytest.mark.parametrize(
    ("name", "sharing"),
    [
        ("own, output without biases", "own"),
        ("own, output with biases", "own"),
        ("design", "design"),
        ("mask", "mask"),
        ("toeplitz", "toeplitz"),
        ("circulant", "circulant"),
        ("index", "index"),
        ("index and mask", "index"),
        ("index and mask, with a design", "index"),
    ],
)
def test_the_file_has_the_index_map_only_where_nothing_else_gives_it(name, sharing):
    state = (MADE | EXPLICIT)[name].state_dict()
    assert state["sharing"] == sharing
    assert ("index" in state) == (sharing == "index")


@every_searched_policy
def test_a_file_of_an_earlier_version_is_read_the_same(tmp_path, policy):
    """It does not say how weights are shared."""
    state = policy.state_dict()
    del state["sharing"]
    save_state(tmp_path / "policy", state)
    assert_same(load_policy(tmp_path / "policy"), policy)


def test_a_file_of_an_earlier_version_without_activation_and_container_is_of_tanh_layers(tmp_path):
    state = MADE["design"].state_dict()
    for key in ("sharing", "activation", "container"):
        del state[key]
    save_state(tmp_path / "policy", state)
    assert_same(load_policy(tmp_path / "policy"), MADE["design"])


def test_a_file_of_an_earlier_version_whose_map_is_unknown_keeps_its_layers(tmp_path):
    policy = EXPLICIT["index and mask"]
    state = {key: value for key, value in policy.state_dict().items() if key not in ("sharing", "index", "mask")}
    save_state(tmp_path / "policy", state)
    loaded = load_policy(tmp_path / "policy")
    assert loaded.index is None
    for mine, theirs in zip(loaded.layers, policy.layers, strict=True):
        assert mine.weight.tobytes() == theirs.weight.tobytes()


@pytest.mark.parametrize("name", [name for name in MADE | EXPLICIT if "drops every edge" not in name])
def test_a_file_whose_theta_was_changed_is_refused(tmp_path, name):
    """Even where its hashes are right."""
    policy = (MADE | EXPLICIT)[name]
    used = 0 if policy.index is None else int(policy.index[policy.mask.argmax() if policy.mask is not None else 0])
    state = policy.state_dict()
    state["theta"] = state["theta"].copy()
    state["theta"][used] += 0.5
    save_state(tmp_path / "policy", state)
    with pytest.raises(DamagedFileError, match="theta and design do not give the policy's weights"):
        load_policy(tmp_path / "policy")


def test_a_file_whose_arrays_were_changed_on_the_disk_is_refused(tmp_path):
    save_policy(tmp_path / "policy", MADE["design"])
    save_policy(tmp_path / "other", replace(MADE["design"], weights=MADE["design"].weights + 1))
    (tmp_path / "policy.safetensors").write_bytes((tmp_path / "other.safetensors").read_bytes())
    with pytest.raises(DamagedFileError, match="does not have the content that was saved"):
        load_policy(tmp_path / "policy")


def test_a_file_with_an_unknown_sharing_is_no_policy(tmp_path):
    save_policy(tmp_path / "policy", MADE["design"])
    save_state(tmp_path / "policy", {**load_state(tmp_path / "policy"), "sharing": "hashed"})
    with pytest.raises(DamagedFileError, match="is not a policy"):
        load_policy(tmp_path / "policy")
