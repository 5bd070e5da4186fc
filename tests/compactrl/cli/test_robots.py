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


HOPPER = """<mujoco><worldbody><body name="trunk" pos="{x} 0 1">
<joint name="x" type="slide" axis="1 0 0"/><joint name="z" type="slide" axis="0 0 1"/><geom size=".1"/>
<body pos="0 0 -.3"><joint name="knee" axis="0 1 0"/><geom size=".05" pos="0 0 -.2"/><site name="foot"/></body>
</body></worldbody><actuator><motor joint="knee"/></actuator><sensor><jointpos joint="knee"/>
<subtreecom body="trunk"/><framepos objtype="site" objname="foot"/><framelinvel objtype="site" objname="foot"/></sensor>
</mujoco>"""
GRIPPER = """<mujoco><worldbody><geom type="plane" size="1 1 1"/>
<body pos="0 0 .5"><joint name="lift" type="slide" axis="0 0 1"/><geom size=".05"/></body>
<body pos=".3 0 .05"><freejoint/><geom type="box" size=".05 .05 .05"/></body>
<body pos="-.3 0 .5"><joint name="turn" axis="0 1 0"/><geom size=".05"/></body></worldbody>
<actuator><motor joint="lift"/></actuator></mujoco>"""


PUCK = """<mujoco><worldbody><geom type="plane" size="1 1 1"/>
<body pos=".3 0 .05"><freejoint name="puck"/><geom type="cylinder" size=".05 .05"/></body>
<body pos="0 0 .1"><joint name="shoulder" axis="0 0 1"/><geom type="capsule" fromto="0 0 0 .2 0 0" size=".02"/></body>
</worldbody><actuator><motor joint="shoulder"/></actuator></mujoco>"""
BOX_AND_WALKER = """<mujoco><worldbody><geom type="plane" size="9 9 1"/>
<body pos="1 1 .1"><freejoint name="box"/><geom type="box" size=".1 .1 .1"/></body>
<body name="trunk" pos="{x} 0 .4"><freejoint name="root"/><geom size=".1"/>
<body pos="0 0 -.1"><joint name="knee" axis="0 1 0"/><geom size=".05" pos="0 0 -.2"/><site name="foot"/></body></body>
</worldbody><actuator>{motor}</actuator></mujoco>"""
MOTORS = {"joint": '<motor joint="knee"/>', "site": '<general site="foot" gear="0 0 1 0 0 0"/>'}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    known, modules = set(TASKS), set(sys.modules)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    own = {
        module
        for module in set(sys.modules) - modules
        if module.startswith(("walking", "running", "own_arm", "arm_and", "near_", "away_"))
    }
    for env in set(TASKS) - known:
        if TASKS[env].make.__module__ in own:  # families of the package may have been registered meanwhile
            del TASKS[env], gymnasium.registry[env]
    for module in own:
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


def test_where_along_x_it_begins_is_nothing_that_a_robot_sees(folder):
    seen = []
    for name, x in (("here", 0), ("there", 5)):
        (folder / f"{name}.xml").write_text(HOPPER.format(x=x), encoding="utf-8")
        call(f"{name}.xml")
        env = f"{name.title()}-v0"
        assert describe(env).observation_size == 2 + 3 + 1 + 2 + 2 + 3
        made = gymnasium.make(env)
        seen.append([made.reset(seed=1)[0], made.step(np.ones(1))[0]])
    np.testing.assert_allclose(seen[0], seen[1], atol=1e-12)


def test_what_is_free_and_not_actuated_is_no_robot_that_walks(folder):
    (folder / "arm_and_puck.xml").write_text(PUCK, encoding="utf-8")
    call("arm_and_puck.xml")
    spec = describe("ArmAndPuck-v0")
    assert spec.observation_size == 8 + 7  # the puck's place too
    source = (folder / "arm_and_puck.py").read_text(encoding="utf-8")
    assert "# Assumed: to keep its pose, at rest, since what is actuated has no free joint" in source
    assert "def terminated(self, state):\n        return" not in source


@pytest.mark.parametrize("motor", MOTORS)
def test_the_robot_that_walks_is_what_is_actuated_wherever_the_model_has_it(folder, motor):
    seen, rewards = [], []
    for name, x in (("near", 0), ("away", 5)):
        model = BOX_AND_WALKER.format(x=x, motor=MOTORS[motor])
        (folder / f"{name}_{motor}.xml").write_text(model, encoding="utf-8")
        call(f"{name}_{motor}.xml")
        source = (folder / f"{name}_{motor}.py").read_text(encoding="utf-8")
        told = " ".join(source.replace("#", "").split())
        assert "a robot that goes along x, and counts as fallen below 0.2 m, since the joint root is free" in told
        made = gymnasium.make(f"{name.title()}{motor.title()}-v0")
        begun, (after, reward, ended, *_) = made.reset(seed=1)[0], made.step(np.ones(1))
        seen.append([begun, after])
        rewards.append(reward)
        assert not ended
    assert len(begun) == 7 + 5 + 1 + 13  # the box, the robot without x and y, its knee; velocities
    np.testing.assert_allclose(seen[0], seen[1], atol=1e-9)
    np.testing.assert_allclose(*rewards, atol=1e-9)


def test_what_is_free_begins_where_the_model_has_it(folder):
    (folder / "gripper.xml").write_text(GRIPPER, encoding="utf-8")
    call("gripper.xml")
    describe("Gripper-v0")
    task = TASKS["Gripper-v0"].make()
    starts = np.array([task.start(np.random.default_rng(seed))[0] for seed in range(5)])
    np.testing.assert_array_equal(starts[:, 1:8], np.tile(task.init_qpos[1:8], (5, 1)))
    moved = np.abs(starts - task.init_qpos)[:, [0, 8]]
    assert (moved > 0).all()
    assert (moved <= 0.05).all()


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
