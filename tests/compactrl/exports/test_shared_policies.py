"""Policies that share weights and biases, of any skeleton: the C is the policy, its tables take what is promised."""

from dataclasses import replace

import numpy as np
import pytest
from exporting import needs_gcc, policy_of, program_of

from compactrl.compressions import Shared, SharedOptions
from compactrl.encodings.dense import Float32
from compactrl.encodings.formats import choose
from compactrl.encodings.plan import make_plan
from compactrl.encodings.rounding import rounded_normalizer
from compactrl.encodings.storage import stored_bytes
from compactrl.exports.folder import write_files
from compactrl.exports.native import Native
from compactrl.exports.vectors import is_certain
from compactrl.exports.verify import compile_strictly
from compactrl.policies.policy import Policy
from compactrl.policies.skeleton import Skeleton
from compactrl.types import Normalizer

CHEETAH = (17, 32, 16, 6)


def shared(sizes, activation="relu", normalized=False, **options):
    """A policy whose weights are the clusters of random ones."""
    skeleton = Skeleton(sizes, activation, (True,) * (len(sizes) - 1))
    generator = np.random.default_rng(4)
    numbers = 0.3 * generator.standard_normal(skeleton.num_edges + skeleton.num_biases)
    start = policy_of(sizes)
    normalizer = start.normalizer
    if normalized:
        normalizer = Normalizer(generator.standard_normal(sizes[0]), generator.uniform(0.5, 2, sizes[0]))
    if normalized == "bytes":
        normalizer = rounded_normalizer(normalizer)
    start = Policy.of_layers(skeleton.layers_of_interleaved(numbers), normalizer, start.action, activation)
    chosen = SharedOptions(activation=activation, output_bias=True, **options)
    compression = Shared(skeleton, chosen).begun_from(start)
    theta = compression.initial(generator)
    compact = compression.compact(theta, compression.design_of(theta))
    return replace(start, weights=compact.weights, index=compact.index, biases=compact.biases)


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"partitions": 16}, (16 * 4, 1152 // 2, 54 * 4)),
        ({"partitions": 4}, (4 * 4, 1152 // 4, 54 * 4)),
        ({"partitions": 4, "bias_partitions": 4}, (4 * 4, 1152 // 4, 4 * 4, 14)),
        ({"partitions": 2, "bias_partitions": 1}, (2 * 4, 1152 // 8, 4)),
        ({"partitions": 4, "palette_per_layer": True}, (3 * 4 * 4, 1152 // 4, 54 * 4)),
    ],
    ids=str,
)
def test_bytes_are_those_of_the_numbers_and_of_the_bits_that_choose_them(options, parts):
    assert stored_bytes(shared(CHEETAH, **options)) == sum(parts)


def test_shared_biases_keep_the_mean_out_of_them_where_that_is_smaller():
    policy = shared(CHEETAH, normalized=True, partitions=4, bias_partitions=4)
    plan = make_plan(policy, choose("auto", policy.sharing))
    assert {table.name: table.bytes for table in plan.tables()} == {
        "mean": 68, "scale": 68, "weights": 16, "colors": 288, "biases": 16, "bias_colors": 14,
    }  # fmt: skip
    small = shared(CHEETAH, normalized="bytes", partitions=4, bias_partitions=4)
    tables = {table.name: (table.type, table.bytes) for table in make_plan(small, plan.format).tables()}
    assert (tables["mean"], tables["scale"]) == (("int8_t", 17), ("uint8_t", 17))
    own = shared(CHEETAH, normalized=True, partitions=4)
    assert "mean" not in {table.name for table in make_plan(own, choose("auto", own.sharing)).tables()}


@needs_gcc
@pytest.mark.parametrize("optimize", ["size", "speed"])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("normalized", [False, True, "bytes"])
@pytest.mark.parametrize(
    "options",
    [
        {"partitions": 3, "bias_partitions": 3},
        {"partitions": 5, "bias_partitions": 1, "palette_per_layer": True},
        {"partitions": 1, "palette_per_layer": True},
        {"partitions": 16, "bias_partitions": 9},
    ],
    ids=str,
)
def test_the_c_gives_the_policys_actions(tmp_path, optimize, activation, normalized, options):
    policy = shared((3, 7, 5, 2), activation, normalized, **options)
    program = program_of(policy, optimize)
    write_files(tmp_path, program.files())
    compile_strictly(tmp_path, "gcc", tmp_path)
    mean, std = policy.normalizer
    observations = (mean + 2 * std * np.random.default_rng(3).standard_normal((500, 3))).astype(np.float32)
    answers = Native(tmp_path, "policy", 3, 2, False, "gcc", tmp_path / "library").answer(observations)
    sure = is_certain(program.plan, observations)
    assert sure.mean() > 0.98
    assert np.abs(answers.actions - policy(observations))[sure].max() <= 1e-5
    if optimize == "size":
        expanded = replace(program, plan=replace(program.plan, encoding=Float32(policy.sharing)))
        (tmp_path / "float32").mkdir()
        write_files(tmp_path / "float32", expanded.files())
        twin = Native(tmp_path / "float32", "policy", 3, 2, False, "gcc", tmp_path / "twin").answer(observations)
        np.testing.assert_array_equal(answers.actions, twin.actions)
