"""`compactrl new-robot`: what it writes is a task that is ready to be searched, for robots of every kind."""

import sys

import gymnasium
import numpy as np
import pytest
from evaluating import make_trials, outcomes_of
from typer.testing import CliRunner

from compactrl.cli.app import make_app
from compactrl.envs.mujoco.task import TASKS
from compactrl.envs.registry import describe
from compactrl.envs.tasks.base import asset
from compactrl.errors import InputError

ARM = """<mujoco><worldbody><body><joint name="shoulder" axis="0 1 0"/><geom size=".1" pos="0 0 1"/></body></worldbody>
<actuator><motor joint="shoulder"/></actuator>
<sensor><jointpos name="angle" joint="shoulder"/></sensor>
<keyframe><key qpos="0.5"/></keyframe></mujoco>"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    known, modules = set(TASKS), set(sys.modules)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    for env in set(TASKS) - known:
        del TASKS[env], gymnasium.registry[env]
    for module in set(sys.modules) - modules:
        if module.startswith(("walking", "running", "own_arm")):
            del sys.modules[module]


def call(*arguments):
    return CliRunner().invoke(make_app(["new-robot"]), ["new-robot", *arguments], catch_exceptions=False)


@pytest.mark.parametrize(
    ("name", "model", "env", "size", "start"),
    [
        ("walking_robot", "ant.xml", "WalkingRobot-v0", 13 + 14, 0.75),
        ("running-robot", "half_cheetah.xml", "RunningRobot-v0", 8 + 9, 0.0),
        ("own_arm", ARM, "OwnArm-v0", 1 + 1 + 1, 0.5),
    ],
)
def test_what_is_written_can_be_searched(folder, name, model, env, size, start):
    text = model if model is ARM else open(asset(model), encoding="utf-8").read()  # noqa: SIM115
    (folder / f"{name}.xml").write_text(text, encoding="utf-8")
    found = call(f"{name}.xml")
    module = name.replace("-", "_")
    assert f"next: compactrl search --env-module {module} --env {env}" in found.stdout
    spec = describe(env)
    assert (spec.engine, spec.observation_size) == ("mujoco", size)
    outcomes = outcomes_of(spec, 2, make_trials(spec, 3))
    assert np.isfinite(outcomes.returns).all(), outcomes.failures
    source = (folder / f"{module}.py").read_text(encoding="utf-8")
    assert max(map(len, source.splitlines())) <= 120
    seen = TASKS[env].make().start(np.random.default_rng(0))[0]
    assert abs(seen[2 if start == 0.75 else 0] - start) <= 0.05


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.xml"], "there is no model nowhere.xml"),
        (["arm.xml", "--out", "a-b.py"], "a-b.py: expected a name that Python can import"),
        (["arm.xml", "--out", "away/arm.py"], "there is no folder away"),
        (["arm.xml", "--out", "here.py"], "here.py is there already: give another name by --out"),
        (["numpy.xml"], "Python has a module numpy already: give another name by --out"),
        (["broken.xml"], "broken.xml: MuJoCo cannot compile"),
        (["idle.xml"], "idle.xml: its model has no actuators"),
    ],
)
def test_what_cannot_be_written_is_one_line(folder, arguments, said):
    for name in ("arm.xml", "numpy.xml"):
        (folder / name).write_text(ARM, encoding="utf-8")
    (folder / "broken.xml").write_text(ARM[:50], encoding="utf-8")
    (folder / "idle.xml").write_text(ARM.split("<actuator>")[0] + "</mujoco>", encoding="utf-8")
    (folder / "here.py").write_text("", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        call(*arguments)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_module_elsewhere_names_its_model_from_there(folder):
    (folder / "own_arm.xml").write_text(ARM, encoding="utf-8")
    (folder / "robots").mkdir()
    found = call("own_arm.xml", "--out", "robots/own_arm_there.py")
    assert "next, in robots: compactrl search --env-module own_arm_there --env OwnArm-v0" in found.stdout
    assert f'"{folder}/own_arm.xml"' in (folder / "robots" / "own_arm_there.py").read_text(encoding="utf-8")
