"""`--verify` passes what is right, refuses what is not, and the closed loop is that of `compactrl evaluate`."""

import json
import os

import numpy as np
import pytest
from exporting import needs_cortex_m, needs_gcc

from compactrl.encodings.palette import Palette
from compactrl.encodings.tables import Snippets
from compactrl.errors import CompactrlError
from compactrl.exports import cortex_m, export, verify
from compactrl.exports.api import starts_of
from compactrl.exports.describe import describe_export
from compactrl.exports.rollouts import roll_out

pytestmark = needs_gcc


@pytest.fixture
def without_qemu(monkeypatch):
    monkeypatch.setattr(cortex_m, "available", lambda *_: [])


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("chromatic latent", {}),
        ("discrete actions", {"tanh": "rational"}),
        ("unstructured", {"weights": "int8"}),
        ("masked", {"optimize": "speed"}),
    ],
)
@pytest.mark.usefixtures("without_qemu")
def test_a_right_export_is_verified(runs, tmp_path, kind, options):
    exported = export(runs(kind), tmp_path / "out", verify=True, episodes=5, **options)
    result = exported.manifest["verification"]
    assert result["observations"] == verify.OBSERVATIONS
    assert result.get("discrete_disagreement", result.get("largest_difference", 1)) <= 1e-5
    assert result.get("bit_equal_to_float32") == (True if kind in ("chromatic latent", "discrete actions") else None)
    assert result["closed_loop"]["episodes"] == 5
    assert result["cortex_m4"].startswith("not run: arm-none-eabi-gcc or qemu-system-arm is not installed")
    sentences = describe_export(exported)
    assert "verified with gcc" in sentences
    assert "closed loop, 5 episodes: Python " in sentences
    assert json.loads((tmp_path / "out/MANIFEST.json").read_text(encoding="utf-8"))["verification"] == result


@pytest.mark.usefixtures("without_qemu")
def test_a_wrong_reader_is_found_and_nothing_is_left(runs, tmp_path, monkeypatch):
    right = Palette.snippets
    monkeypatch.setattr(
        Palette, "snippets", lambda self: Snippets(right(self).state, ("sum += NAME_weights[0] * *x;",))
    )
    with pytest.raises(CompactrlError, match=r"unused|the self-test|the C is not the policy"):
        export(runs("chromatic latent"), tmp_path / "out", verify=True, episodes=5)
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("without_qemu")
def test_actions_beyond_the_tolerance_are_found(runs, tmp_path, monkeypatch):
    monkeypatch.setattr(verify, "tolerance", lambda _: 1e-9)
    with pytest.raises(CompactrlError, match=r"the C is not the policy: compiled with .* actions differ by more than"):
        export(runs("unstructured deep"), tmp_path / "out", verify=True, episodes=5)


def test_a_compiler_that_fails_is_one_line_and_nothing_is_left(runs, tmp_path, monkeypatch):
    for name in ("gcc", "clang"):
        fake = tmp_path / "bin" / name
        fake.parent.mkdir(exist_ok=True)
        fake.write_text("#!/bin/sh\necho 'policy.c:1: error: out of order' >&2\nexit 3\n", encoding="utf-8")
        fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    with pytest.raises(CompactrlError) as failure:
        export(runs("linear"), tmp_path / "out", verify=True, episodes=2)
    assert str(failure.value) == "compiling with gcc: gcc ended with status 3: policy.c:1: error: out of order"
    assert [path.name for path in tmp_path.iterdir()] == ["bin"]


def test_no_compiler_is_said(runs, tmp_path, monkeypatch):
    monkeypatch.setattr(verify, "available", lambda *_: [])
    with pytest.raises(CompactrlError, match="needs a C compiler"):
        export(runs("linear"), tmp_path / "out", verify=True)


@pytest.mark.parametrize("kind", ["chromatic latent", "scaled actions", "discrete actions"])
def test_rolling_out_the_python_policy_gives_the_returns_of_evaluate(runs, kind):
    run = runs(kind)
    rolled = roll_out(starts_of(run), run.policy, 6)
    np.testing.assert_array_equal(rolled.returns, run.evaluate(6).returns)


def test_intervals_and_what_is_within_them():
    same = verify.ClosedLoop(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0])).report()
    assert same["difference"] == {"mean": 0.0, "interval": [0.0, 0.0]}
    assert same["within_interval"]
    worse = verify.ClosedLoop(np.array([10.0, 10.1, 9.9]), np.array([1.0, 1.1, 0.9])).report()
    assert not worse["within_interval"]


@needs_cortex_m
def test_verification_reports_what_a_cortex_m4_takes(runs, tmp_path):
    exported = export(runs("scaled actions"), tmp_path / "out", verify=True, episodes=2)
    sizes = exported.manifest["sizes"]
    assert sizes["source"].startswith("measured")
    assert sizes["instructions_per_step"] > 100
    assert sizes["stack_with_c_library"] >= sizes["stack"] > 0
    assert sizes["ram"] == 0
