"""The ONNX file is the policy, in onnxruntime."""

from dataclasses import replace

import numpy as np
import pytest
from exporting import MIXED, SIDES, WHOLE, policy_of, states_around

from compactrl.encodings.plan import as_rows
from compactrl.errors import CompactrlError, InputError
from compactrl.exports import export, onnx_file
from compactrl.policies.actions import ActionSpec

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")


@pytest.mark.parametrize("kind", ["chromatic latent", "masked", "linear", "scaled actions", "discrete, three, linear"])
def test_onnxruntime_gives_the_policys_actions_for_any_batch(runs, tmp_path, kind):
    run = runs(kind)
    exported = export(run, tmp_path / "policy.onnx")  # by its ending
    session = runtime.InferenceSession(tmp_path / "policy.onnx", providers=["CPUExecutionProvider"])
    for batch in (1, 3, 50):
        observations = np.random.default_rng(batch).standard_normal((batch, run.policy.shape[0])).astype(np.float32)
        (actions,) = session.run(None, {"observation": observations})
        np.testing.assert_allclose(as_rows(actions), as_rows(run.policy(observations)), atol=1e-5)
    assert exported.manifest["largest_difference"] <= 1e-5
    model = onnx.load(tmp_path / "policy.onnx")
    assert [(used.domain, used.version) for used in model.opset_import] == [("", 11)]
    assert model.ir_version <= 10  # what onnxruntime 1.22, the oldest allowed, reads; sets of operators up to 22


def test_no_lower_set_of_operators_has_what_a_policy_may_need():
    since = {name: onnx.defs.get_schema(name, onnx_file.OPSET).since_version for name in ("Round", "Gemm")}
    assert since == {"Round": onnx_file.OPSET, "Gemm": onnx_file.OPSET}


def test_the_same_run_gives_the_same_file(runs, tmp_path):
    for name in ("a.onnx", "b.onnx"):
        export(runs("toeplitz"), tmp_path / name, format="onnx")
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_another_policys_file_is_refused(runs):
    one, other = runs("linear").policy, runs("unstructured").policy
    content = onnx_file.onnx_model(one, "policy", "").SerializeToString()
    observations = np.random.default_rng(0).standard_normal((20, 3)).astype(np.float32)
    with pytest.raises(CompactrlError, match="is not the policy"):
        onnx_file.check_onnx(content, other, observations)


def test_a_narrow_action_with_its_sign_flipped_is_found_beside_a_wide_one():
    policy = policy_of((3, 5, 2), action=MIXED)
    observations = states_around(policy)
    right = onnx_file.onnx_model(policy, "policy", "")
    assert onnx_file.check_onnx(right.SerializeToString(), policy, observations) <= 0.105
    flipped = replace(policy, action=ActionSpec("box", (0.01, 0.0), (-0.01, 21000.0)))
    wrong = onnx_file.onnx_model(flipped, "policy", "").SerializeToString()
    with pytest.raises(CompactrlError, match=r"an action differs by .*, more than 1e-07"):
        onnx_file.check_onnx(wrong, policy, observations)


def test_each_action_is_squashed_clipped_or_left():
    policy = policy_of((3, 5, SIDES.size), scale=1.0, action=SIDES)
    content = onnx_file.onnx_model(policy, "policy", "").SerializeToString()
    onnx_file.check_onnx(content, policy, states_around(policy))
    session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (actions,) = session.run(None, {"observation": 100 * states_around(policy)})
    low, high = SIDES.limits
    assert ((actions >= low) & (actions <= high)).all()
    assert np.abs(actions[:, 3]).max() > 1


def test_integers_are_rounded_alike():
    policy = policy_of((3, 5, WHOLE.size), scale=1.0, action=WHOLE)
    content = onnx_file.onnx_model(policy, "policy", "").SerializeToString()
    onnx_file.check_onnx(content, policy, states_around(policy))
    session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (actions,) = session.run(None, {"observation": states_around(policy)})
    assert actions.dtype == np.int64
    assert set(actions[:, 0].tolist()) == {-2, -1, 0, 1, 2}


def test_without_the_packages_it_says_what_to_install(runs, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(InputError, match=r"pip install 'compactrl\[onnx\]'"):
        export(runs("linear"), tmp_path / "policy.onnx", format="onnx")
