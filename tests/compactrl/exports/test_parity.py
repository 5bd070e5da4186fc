"""The C, compiled here, is the policy: every kind of policy, every format, both optimisations, both tanhs."""

from dataclasses import replace

import numpy as np
import pytest
from exporting import KINDS, MIXED, SIDES, WHOLE, colored, needs_gcc, policy_of, program_of

from compactrl.encodings.formats import FORMATS
from compactrl.encodings.plan import as_rows, make_plan, reference_policy
from compactrl.errors import DamagedFileError
from compactrl.exports import export
from compactrl.exports.c import neutral_action
from compactrl.exports.folder import write_files
from compactrl.exports.native import Native
from compactrl.exports.targets import TARGETS
from compactrl.exports.vectors import TOLERANCE, is_certain, tolerances
from compactrl.exports.verify import compile_strictly
from compactrl.policies.actions import ActionSpec
from compactrl.policies.files import load_policy, save_policy
from compactrl.policies.policy import Policy
from compactrl.runs.run import Run
from compactrl.storage.files import save_state

pytestmark = needs_gcc
every_kind = pytest.mark.parametrize("kind", KINDS)


def observations_for(policy, count=2000):
    generator = np.random.default_rng(3)
    mean, std = policy.normalizer
    return (mean + 2 * std * generator.standard_normal((count, len(mean)))).astype(np.float32)


def native(folder, policy, scratch):
    discrete = policy.action.kind == "discrete"
    return Native(folder, "policy", policy.shape[0], 1 if discrete else policy.shape[-1], discrete, "gcc", scratch)


def formats_for(run):
    sharing = run.policy.sharing
    return [row.name for row in FORMATS.values() if row.for_shared is None or row.for_shared != sharing.own]


@every_kind
@pytest.mark.parametrize("optimize", ["size", "speed"])
def test_the_c_gives_the_policys_actions_in_every_format(runs, tmp_path, kind, optimize):
    run, answers = runs(kind), {}
    policy = run.policy
    observations = observations_for(policy)
    for weights in formats_for(run):
        export(
            run, tmp_path / weights, weights=weights, optimize=optimize, tanh=one_of("libm rational", kind, optimize)
        )
        compiled = native(tmp_path / weights, policy, tmp_path / f"{weights}-library")
        plan = make_plan(policy, FORMATS[weights])
        assert_refuses_what_is_not_finite(compiled, neutral_action(plan))
        answers[weights] = compiled.answer(observations)
        expected = as_rows(reference_policy(plan)(observations))
        sure = is_certain(plan, observations)
        assert not answers[weights].codes.any()
        assert sure.mean() > 0.98
        assert (np.abs(answers[weights].actions - expected)[sure] <= tolerances(policy.action)).all()
    if "codebook" in answers and optimize == "size":
        assert np.array_equal(answers["codebook"].actions, answers["float32"].actions)


@pytest.mark.parametrize("optimize", ["size", "speed"])
@pytest.mark.parametrize("tanh", ["libm", "rational"])
def test_a_narrow_action_beside_a_wide_one_is_right_by_its_own_measure(tmp_path, optimize, tanh):
    policy = policy_of((3, 5, 2), mean=0.5, std=2.0, action=MIXED)
    program = program_of(policy, optimize, tanh)
    write_files(tmp_path, program.files())
    observations = observations_for(policy)
    answers = native(tmp_path, policy, tmp_path / "library").answer(observations)
    sure = is_certain(program.plan, observations)
    assert sure.mean() > 0.98
    np.testing.assert_allclose(tolerances(MIXED), [1e-7, 0.105], rtol=1e-12)
    assert (np.abs(answers.actions - policy(observations))[sure] <= [1e-7, 0.105]).all()
    assert np.ptp(answers.actions, axis=0)[0] > 0.005


ONE_SIDED = ActionSpec("box", (0.1, 0.1), (np.inf, np.inf))


@pytest.mark.parametrize("optimize", ["size", "speed"])
@pytest.mark.parametrize("tanh", ["libm", "rational"])
@pytest.mark.parametrize("hidden", [(), (5,), (8, 4)])
@pytest.mark.parametrize("action", [SIDES, ONE_SIDED], ids=["sides", "one-sided"])
@pytest.mark.parametrize("colours", [0, 3])
def test_each_action_is_squashed_clipped_or_left_in_the_c_too(tmp_path, optimize, tanh, hidden, action, colours):
    policy = policy_of((3, *hidden, action.size), mean=0.5, std=2.0, scale=0.6, action=action)
    policy = colored(policy, colours) if colours else policy
    program = program_of(policy, optimize, tanh)
    write_files(tmp_path, program.files())
    compile_strictly(tmp_path, "gcc", tmp_path)
    observations = observations_for(policy)
    compiled = native(tmp_path, policy, tmp_path / "library")
    answers = compiled.answer(observations)
    sure = is_certain(program.plan, observations)
    assert sure.mean() > 0.9
    assert not answers.codes.any()
    assert (np.abs(answers.actions - policy(observations))[sure] <= tolerances(action)).all()
    low, high = action.limits
    assert (answers.actions >= low).all()
    assert (answers.actions <= high).all()
    neutral = neutral_action(program.plan)
    np.testing.assert_allclose(neutral, [0, 0.1, 0, 0, 3.5] if action is SIDES else [0.1, 0.1], rtol=1e-7)
    assert_refuses_what_is_not_finite(compiled, neutral)
    if action is SIDES:
        assert np.abs(answers.actions[:, 3]).max() > 1  # no tanh
        header = (tmp_path / "policy.h").read_text(encoding="utf-8")
        for row in (
            "0: -1 to 1",
            "1: clipped to at least 0.1",
            "2: clipped to at most 0.1",
            "3: unbounded",
            "4: 2 to 5",
        ):
            assert f" *   {row}\n" in header


@pytest.mark.parametrize("optimize", ["size", "speed"])
@pytest.mark.parametrize("tanh", ["libm", "rational"])
@pytest.mark.parametrize("count", [1, 3, 4])
def test_integers_are_rounded_alike_in_the_c(tmp_path, optimize, tanh, count):
    action = ActionSpec("box", WHOLE.low[:count], WHOLE.high[:count], dtype="int32")
    policy = policy_of((3, 5, count), mean=0.5, std=2.0, scale=1.0, action=action)
    program = program_of(policy, optimize, tanh)
    write_files(tmp_path, program.files())
    compile_strictly(tmp_path, "gcc", tmp_path)
    observations = observations_for(policy)
    compiled = native(tmp_path, policy, tmp_path / "library")
    answers, expected = compiled.answer(observations), policy(observations)
    sure = is_certain(program.plan, observations)
    assert sure.mean() > 0.9
    assert np.array_equal(answers.actions, np.round(answers.actions))
    np.testing.assert_array_equal(tolerances(action), [0.5, 0.5, 1.5, 0.5][:count])
    assert (np.abs(answers.actions - expected)[sure] <= tolerances(action)).all()
    assert {-2, -1, 0, 1, 2} == set(answers.actions[:, 0].tolist())
    assert_refuses_what_is_not_finite(compiled, neutral_action(program.plan))
    header = (tmp_path / "policy.h").read_text(encoding="utf-8")
    assert " *   0: -2 to 2, a whole number\n" in header
    assert "a float holds them exactly up to 16777216" in header


def one_of(names, *case):
    """Return one of the names, another for other cases, so that together the cases see all."""
    choices = names.split()
    return choices[sum(map(len, case)) % len(choices)]


def assert_refuses_what_is_not_finite(compiled, neutral):
    """Whichever observation is spoilt, the step says so and gives the neutral action."""
    place = np.eye(compiled.inputs, dtype=bool)
    for spoilt in (np.nan, np.inf, -np.inf):
        answers = compiled.answer(np.where(place, np.float32(spoilt), np.float32(0.1)))
        assert (answers.codes == 1).all()
        assert np.array_equal(answers.actions, np.tile(neutral.astype(np.float32), (compiled.inputs, 1)))


@every_kind
def test_what_is_stored_is_the_distinct_numbers_and_gives_the_layers_exactly(runs, kind):
    policy = runs(kind).policy
    sharing = policy.sharing
    assert len(sharing.weights) == policy.size.weights
    for matrix, layer in zip(sharing.matrices(), policy.layers, strict=True):
        assert np.array_equal(matrix, layer.weight)


def test_a_policy_whose_theta_is_not_that_of_its_layers_is_refused(runs, tmp_path):
    import shutil

    shutil.copytree(runs("chromatic latent").path, tmp_path / "run")
    state = load_policy(tmp_path / "run/policy").state_dict()
    save_state(tmp_path / "run/policy", {**state, "theta": state["theta"] + 0.1})
    with pytest.raises(DamagedFileError, match="theta and design do not give the policy's weights"):
        export(Run(tmp_path / "run"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_unbounded_action_is_the_output_itself(runs, tmp_path):
    import shutil

    shutil.copytree(runs("unstructured").path, tmp_path / "run")
    policy = load_policy(tmp_path / "run/policy")
    unbounded = replace(policy, action=ActionSpec("box", (-np.inf,) * 2, (np.inf,) * 2))
    save_policy(tmp_path / "run/policy", unbounded)
    export(Run(tmp_path / "run"), tmp_path / "out")
    observations = observations_for(policy)
    answers = native(tmp_path / "out", unbounded, tmp_path / "library").answer(observations)
    np.testing.assert_allclose(answers.actions, unbounded(observations), atol=TOLERANCE)
    assert np.abs(answers.actions).max() > 1  # no tanh


@pytest.mark.parametrize("optimize", ["size", "speed"])
@pytest.mark.parametrize("shape", [(3, 2), (4, 5, 2), (5, 8, 3, 1), (3, 4, 7, 2, 2)])
@pytest.mark.parametrize("low", [-1.0, -np.inf])
def test_relu_networks_with_a_bias_on_every_layer_are_the_policy_too(tmp_path, shape, optimize, low):
    """What gradient methods train; outputs are squashed, or as they are where the box has no bounds."""
    drawn = policy_of(shape, mean=0.5, std=2.0, scale=0.7, low=low)
    generator = np.random.default_rng(2)
    layers = tuple(
        layer._replace(bias=generator.standard_normal(len(layer.weight)).astype(np.float32)) for layer in drawn.layers
    )
    policy = Policy.of_layers(layers, drawn.normalizer, drawn.action, "relu", "mixed")
    write_files(tmp_path, TARGETS["generic"].files(program_of(policy, optimize), optimize))
    observations = observations_for(policy)
    answers = native(tmp_path, policy, tmp_path / "library").answer(observations)
    assert not answers.codes.any()
    np.testing.assert_allclose(answers.actions, policy(observations), atol=2e-5 if low == -1 else 1e-4, rtol=0)
    broken = observations[:1].copy()
    broken[0, 0] = np.nan
    assert native(tmp_path, policy, tmp_path / "library2").answer(broken).codes.all()


@pytest.mark.parametrize("optimize", ["size", "speed"])
@pytest.mark.parametrize("weights", [0, 1, 3, 17])
def test_networks_that_are_pruned_and_share_their_weights_are_the_policy_too(tmp_path, weights, optimize):
    generator = np.random.default_rng(weights)
    drawn = policy_of((4, 9, 7, 2), mean=0.5, std=2.0, scale=0.7)
    edges = drawn.skeleton.num_edges
    mask = (generator.random(edges) < (0.4 if weights else 0)).astype(np.int64)
    index = generator.integers(0, max(weights, 1), edges) * mask
    policy = replace(drawn, weights=generator.standard_normal(weights), index=index, mask=mask)
    program = program_of(policy, optimize)
    write_files(tmp_path, TARGETS["generic"].files(program, optimize))
    observations = observations_for(policy)
    answers = native(tmp_path, policy, tmp_path / "library").answer(observations)
    assert not answers.codes.any()
    np.testing.assert_allclose(answers.actions, policy(observations), atol=2e-5, rtol=0)
    if weights == 3 and optimize == "size":  # the palette with zero: two bits an edge, no more
        assert program.plan.encoding.table_bytes == 4 * 4 + -(-2 * edges // 8)
