"""Networks for contexts on a grid in one C file: what is between two of them, its C, and what is refused."""

import subprocess
from dataclasses import replace

import numpy as np
import pytest
from exporting import needs_gcc

from compactrl.encodings.formats import FORMATS
from compactrl.encodings.grid import Grid, make_grid_plan
from compactrl.encodings.plan import make_plan
from compactrl.errors import InputError
from compactrl.exports.api import read_grid
from compactrl.exports.c import Program
from compactrl.exports.folder import write_files
from compactrl.exports.grid import golden_of_grid, shown, tried
from compactrl.exports.native import Native
from compactrl.exports.options import ExportOptions
from compactrl.exports.tanh import TANHS
from compactrl.exports.verify import compare
from compactrl.policies.actions import ActionSpec
from compactrl.policies.contexts import Contexts, Uniform
from compactrl.policies.policy import Policy
from compactrl.policies.skeleton import Skeleton
from compactrl.types import Normalizer

RANGE = Uniform((0.0,), (3.0,))
FAMILY = Contexts(("velocity",), (0.0,), (3.0,), RANGE, RANGE)


def policies_of(grid, activation="tanh"):
    generator = np.random.default_rng(0)
    skeleton = replace(Skeleton.relu((5, 6, 2)), activation=activation)
    normalizer = Normalizer(generator.standard_normal(5), generator.uniform(0.5, 2, 5))
    action = ActionSpec("box", (-1.0, -2.0), (1.0, 2.0))
    low, high = generator.standard_normal((2, skeleton.num_edges + skeleton.num_biases))
    made = []
    for number, context in enumerate(grid.contexts):
        numbers = low + np.sin(number) * high
        made.append(
            Policy(
                skeleton, numbers[: skeleton.num_edges], None, None, numbers[skeleton.num_edges :], normalizer, action,
                container="mixed", context=np.array([context]),
            )
        )  # fmt: skip
    return made


def program_of(plan):
    visited = np.random.default_rng(1).standard_normal((40, 5)).astype(np.float32)
    return Program(plan, TANHS["libm"], golden_of_grid(plan, visited), visited, "policy", "a test")


@pytest.mark.parametrize("between", ["nearest", "interpolate"])
def test_at_its_contexts_a_grid_is_the_policy_itself(between):
    grid = Grid(0.0, 3.0, 4, between)
    policies = policies_of(grid)
    plan = make_grid_plan(policies, FORMATS["float32"], grid)
    x = np.random.default_rng(2).standard_normal((50, 5)).astype(np.float32)
    for context, policy in zip(grid.contexts, policies, strict=True):
        alone = make_plan(policy, FORMATS["float32"])
        exact = 0 if between == "nearest" or context < 3 else 1e-5  # the last is all the way from the one before
        np.testing.assert_allclose(plan.at(context).outputs(x), alone.outputs(x), rtol=exact, atol=exact)
    assert plan.table_bytes == 4 * alone.table_bytes


def test_between_two_it_is_the_nearest_or_the_mean_by_distance():
    grid = Grid(0.0, 3.0, 4)
    policies = policies_of(grid)
    plan = make_grid_plan(policies, FORMATS["float32"], grid)
    part = plan.at(1.25)
    expected = 0.75 * policies[1].weights + 0.25 * policies[2].weights
    np.testing.assert_allclose(part.policy.weights, expected, rtol=1e-12)
    np.testing.assert_allclose(part.policy.biases, 0.75 * policies[1].biases + 0.25 * policies[2].biases, rtol=1e-12)
    x = np.random.default_rng(2).standard_normal((50, 5)).astype(np.float32)
    folded = make_plan(part.policy, FORMATS["float32"]).outputs(x)
    np.testing.assert_allclose(part.outputs(x), folded, rtol=2e-5, atol=2e-5)
    nearest = replace(plan, grid=replace(grid, between="nearest"))
    assert nearest.at(1.49).policy.weights.tolist() == policies[1].weights.tolist()
    assert nearest.at(1.51).policy.weights.tolist() == policies[2].weights.tolist()
    for beyond, last in ((-5.0, 0), (float("nan"), 0), (99.0, 3), (float("inf"), 3)):
        np.testing.assert_allclose(plan.at(beyond).policy.weights, policies[last].weights, rtol=1e-12)


@needs_gcc
@pytest.mark.parametrize("between", ["nearest", "interpolate"])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("count", [2, 5])
def test_the_c_is_the_policy_of_every_context(tmp_path, between, activation, count):
    grid = Grid(-1.0, 3.0, count, between)
    plan = make_grid_plan(policies_of(grid, activation), FORMATS["float32"], grid)
    program = program_of(plan)
    files = program.files()
    write_files(tmp_path / "c", files)
    native = Native(tmp_path / "c", "policy", 5, 2, False, "gcc", tmp_path / "library")
    x = np.random.default_rng(2).standard_normal((300, 5)).astype(np.float32)
    for context in tried(grid):
        native.set_context(float(context))
        largest = compare(replace(program, plan=plan.at(float(context))), native, x, "gcc")
        assert np.max(largest) <= 1e-5
    native.set_context(float("nan"))
    lowest = native.answer(x).actions
    native.set_context(-1.0)
    np.testing.assert_array_equal(native.answer(x).actions, lowest)
    sources = ["policy.c", "policy_test.c"]
    subprocess.run(["gcc", "-std=c99", *sources, "-lm", "-o", "test"], cwd=tmp_path / "c", check=True)
    assert subprocess.run([tmp_path / "c" / "test"], check=False).returncode == 0
    # A self-test that was told another context fails: it does tell contexts apart.
    spoilt = files["policy_test.c"].replace("policy_set_context(policy_context[vector])", "policy_set_context(0.3f)")
    (tmp_path / "c" / "policy_test.c").write_text(spoilt, encoding="utf-8")
    subprocess.run(["gcc", "-std=c99", *sources, "-lm", "-o", "test"], cwd=tmp_path / "c", check=True)
    assert subprocess.run([tmp_path / "c" / "test"], check=False, capture_output=True).returncode == 1


def test_contexts_of_vectors_are_on_networks_and_between_them():
    grid = Grid(0.0, 3.0, 4)
    assert shown(grid).tolist() == [0.0, 0.5, 1.75, 2.5, 3.0]
    assert shown(Grid(0.0, 1.0, 2)).tolist() == [0.0, 0.5, 0.75, 1.0]
    assert tried(grid).tolist() == [-0.5, 0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"context_grid": "0,3,16", "context": "1"}, "give one of --context and --context-grid"),
        ({"context_grid": "0,3,16", "weights": "int8"}, "--weights int8: the networks of --context-grid are float32"),
        ({"context_grid": "0,3,16", "optimize": "speed"}, "--optimize speed: the networks of --context-grid share"),
        ({"context_grid": "0,3,16", "target": "crazyflie"}, "--context-grid is not for --target crazyflie"),
        ({"context_grid": "0,3,16", "format": "onnx"}, "--context-grid is for --format c"),
        ({"context_between": "nearest"}, "--context-between nearest is for --context-grid"),
        ({"context_between": "nerest", "context_grid": "0,3,4"}, "Did you mean 'nearest'?"),
        ({"extrapolate": True}, "--extrapolate is for --context and --context-grid: give one"),
    ],
)
def test_options_that_do_not_fit_together_are_told(options, message):
    with pytest.raises(InputError) as caught:
        ExportOptions(**options)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "text", ["0,3", "0,3,x", "3,0,4", "0,0,4", "0,3,1", "0,3,2000", "a,b,c", "0,3,4,5", "nan,3,4", ""]
)
def test_what_is_no_grid_is_told(text):
    with pytest.raises(InputError, match="expected the lowest and the highest velocity and how many networks"):
        read_grid(ExportOptions(context_grid=text), FAMILY)


@pytest.mark.parametrize("text", ["1,1.0000001,4", "1e-60,2e-60,2"])
def test_a_grid_has_as_many_contexts_as_networks(text):
    """The C's contexts are of single precision: in double these are different."""
    with pytest.raises(InputError, match=r"in single precision, which the C has, there are not . different"):
        read_grid(ExportOptions(context_grid=text), FAMILY)


def test_an_empty_context_is_not_none_at_all():
    """As of a variable in a script that is not set: the policy that ships is for another task."""
    assert ExportOptions().context is ExportOptions().context_grid is ExportOptions().architecture is None
    with pytest.raises(InputError, match="give one of --context and --context-grid"):
        ExportOptions(context="", context_grid="")
    ExportOptions(context="", extrapolate=True)


def test_a_grid_stays_within_the_family():
    with pytest.raises(InputError, match=r"velocity 4 is outside of 0 … 3"):
        read_grid(ExportOptions(context_grid="0,4,8"), FAMILY)
    assert read_grid(ExportOptions(context_grid="0,4,8", extrapolate=True), FAMILY).high == 4
    plane = Contexts(("a", "b"), (0.0, 0.0), (1.0, 1.0), RANGE, RANGE)
    with pytest.raises(InputError, match="--context-grid is for tasks told by one number, and these by a, b"):
        read_grid(ExportOptions(context_grid="0,1,8"), plane)
