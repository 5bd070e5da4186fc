"""`--verify` passes what is right, refuses what is not, and the closed loop is that of `compactrl evaluate`."""

import json
import os

import gymnasium
import numpy as np
import pytest
from exporting import MIXED, grow, needs_cortex_m, needs_gcc, policy_of, program_of, states_around

from compactrl.encodings.palette import Palette
from compactrl.encodings.tables import Snippets
from compactrl.errors import CompactrlError, InputError
from compactrl.exports import cortex_m, export, verify
from compactrl.exports.api import starts_of
from compactrl.exports.assemble import check_decided
from compactrl.exports.describe import closed_loop, describe_export
from compactrl.exports.folder import write_files
from compactrl.exports.native import Native
from compactrl.exports.rollouts import roll_out
from compactrl.policies.actions import ActionSpec
from compactrl.runs.run import Run
from compactrl.searches import api

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
    monkeypatch.setattr(verify, "tolerances", lambda action: np.full(action.size, 1e-9))
    with pytest.raises(CompactrlError, match=r"the C is not the policy: compiled with .* actions differ by more than"):
        export(runs("unstructured deep"), tmp_path / "out", verify=True, episodes=5)


def test_a_narrow_action_with_its_sign_flipped_is_found_beside_a_wide_one(tmp_path):
    """The self-test and the comparison measure each action by its own range."""
    policy = policy_of((3, 5, 2), action=MIXED)
    program = program_of(policy)
    files = program.files()
    write_files(tmp_path / "right", files)
    verify.compile_strictly(tmp_path / "right", "gcc", tmp_path)
    half = "policy_half[2] = {\n    0.00999999978f,"
    assert half in files["policy.c"]
    flipped = files["policy.c"].replace(half, half.replace("    0.", "    -0."))
    write_files(tmp_path / "wrong", {**files, "policy.c": flipped})
    with pytest.raises(CompactrlError, match="the self-test, compiled with gcc"):
        verify.compile_strictly(tmp_path / "wrong", "gcc", tmp_path)
    observations = states_around(policy)
    for name in ("right", "wrong"):
        native = Native(tmp_path / name, "policy", 3, 2, False, "gcc", tmp_path / f"library-{name}")
        if name == "right":
            largest = verify.compare(program, native, observations, "gcc")
            assert largest[0] <= 1e-7
            assert largest[1] <= 0.105
        else:
            with pytest.raises(CompactrlError, match=r"differ by more than they may \(number 0 by more than 1e-07\)"):
                verify.compare(program, native, observations, "gcc")


@pytest.fixture
def mixed_run(tmp_path):
    """A run whose policy has a narrow action beside a wide one."""
    gymnasium.register("Valves-v0", Valves, max_episode_steps=10)
    options = {"hidden": 3, "partitions": 3, "population": 4, "steps": 200, "selections": 1, "seed": 1, "threads": 1}
    yield api.search(env="Valves-v0", out=tmp_path / "run", selection_episodes=2, **options)
    del gymnasium.registry["Valves-v0"]


class Valves(gymnasium.Env):
    """A narrow action and a wide one, both wanted in the upper half of their ranges."""

    observation_space = gymnasium.spaces.Box(-5.0, 5.0, (3,), np.float64)
    action_space = gymnasium.spaces.Box(np.array([-0.01, 0.0]), np.array([0.01, 21000.0]), dtype=np.float64)

    def reset(self, *, seed=None, options=None):  # noqa: ARG002
        super().reset(seed=seed)
        return self.np_random.normal(size=3), {}

    def step(self, action):
        return self.np_random.normal(size=3), 100 * action[0] + action[1] / 21000, False, False, {}


@pytest.mark.usefixtures("without_qemu")
def test_the_manifest_has_a_tolerance_an_action_where_they_differ(mixed_run, tmp_path):
    exported = export(mixed_run, tmp_path / "out", verify=True, episodes=2)
    np.testing.assert_allclose(exported.manifest["tolerance"], [1e-7, 0.105], rtol=1e-12)
    found = exported.manifest["verification"]["largest_difference"]
    assert 0 <= found[0] <= 1e-7
    assert 0 <= found[1] <= 0.105
    assert "% of what that action may differ by" in describe_export(exported)
    assert "1e-07 to 0.105 by the action's own range" in (tmp_path / "out/policy.h").read_text(encoding="utf-8")


class Winch(gymnasium.Env):
    """An action bounded on both sides, one below, and a free one; what leaves them is an error."""

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (3,), np.float64)
    action_space = gymnasium.spaces.Box(np.array([-1.0, 0, -np.inf]), np.array([1.0, np.inf, np.inf]), dtype=np.float64)

    def reset(self, *, seed=None, options=None):  # noqa: ARG002
        super().reset(seed=seed)
        return 3 * self.np_random.normal(size=3), {}

    def step(self, action):
        assert self.action_space.contains(action), action
        return 3 * self.np_random.normal(size=3), float(action.sum()), False, False, {}


@pytest.mark.usefixtures("without_qemu")
def test_a_search_says_which_actions_are_free_and_its_export_is_verified(tmp_path):
    gymnasium.register("Winch-v0", Winch, max_episode_steps=10)
    options = {"hidden": 3, "population": 4, "steps": 400, "selections": 1, "seed": 1, "threads": 1}
    try:
        with pytest.warns(UserWarning, match="no bounds") as said:
            run = api.search(
                method="unstructured", env="Winch-v0", out=tmp_path / "run", selection_episodes=2, **options
            )
        about = [str(warning.message) for warning in said if "no bounds" in str(warning.message)]
        assert about == ["Winch-v0: action 2 has no bounds: the policy's outputs are sent as they are, however large"]
        metrics = (run.path / "metrics.jsonl").read_text(encoding="utf-8")
        assert all(json.loads(line)["failed"] == 0 for line in metrics.splitlines())
        grow(run)
        exported = export(Run(run.path), tmp_path / "out", verify=True, episodes=2)
        assert exported.manifest["tolerance"] == 1e-5
        with pytest.raises(InputError, match="has actions without bounds"):
            api.start({"method": "sac", "env": "Winch-v0"}, tmp_path / "sac")
    finally:
        del gymnasium.registry["Winch-v0"]


def test_a_range_between_neighbouring_numbers_of_single_precision_is_refused():
    action = ActionSpec("box", (-1.0, 1e6), (1.0, 1e6 + 1))
    with pytest.raises(CompactrlError, match=r"action 1 goes from 1000000 to 1000001, which single precision"):
        check_decided(program_of(policy_of((3, 5, 2), action=action)))


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
    rolled = roll_out(starts_of(run, run.policy), run.policy, 6)
    np.testing.assert_array_equal(rolled.returns, run.evaluate_for_summary(6).returns)


def test_intervals_and_what_is_within_them():
    same = verify.ClosedLoop(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0])).report()
    assert same["difference"] == {"mean": 0.0, "interval": [0.0, 0.0]}
    assert same["within_interval"]
    worse = verify.ClosedLoop(np.array([10.0, 10.1, 9.9]), np.array([1.0, 1.1, 0.9])).report()
    assert not worse["within_interval"]


@pytest.mark.parametrize(
    ("c", "said"),
    [
        ([10.0, 11.0, 12.0], "no more than chance moves such a mean"),
        ([10.1, 10.9, 12.1], "no more than chance moves such a mean"),
        ([10.001, 11.001, 12.001], "not chance, and negligible beside the ± 1.13 of such a mean"),  # 1.96 / sqrt(3)
        ([12.0, 13.0, 14.0], "MORE THAN CHANCE"),
    ],
)
def test_a_closed_loop_is_called_what_its_intervals_say(c, said):
    loop = verify.ClosedLoop(np.array([10.0, 11.0, 12.0]), np.array(c)).report()
    assert closed_loop(loop).endswith(f": {said}")


def test_a_closed_loop_is_told_with_the_digits_of_returns():
    loop = verify.ClosedLoop(np.array([3444.04, 3272.06]), np.array([3444.04, 3272.06])).report()
    assert "Python 3358 (3190 to 3527), C 3358 (3190 to 3527); difference 0, " in closed_loop(loop)


@needs_cortex_m
def test_verification_reports_what_a_cortex_m4_takes(runs, tmp_path):
    exported = export(runs("scaled actions"), tmp_path / "out", verify=True, episodes=2)
    sizes = exported.manifest["sizes"]
    assert sizes["source"].startswith("measured")
    assert sizes["instructions_per_step"] > 100
    assert sizes["stack_with_c_library"] >= sizes["stack"] > 0
    assert sizes["ram"] == 0
