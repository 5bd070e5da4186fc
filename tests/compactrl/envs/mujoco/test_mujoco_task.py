"""MuJoCo tasks: what is wrong with one is a line before a search begins, and what they are told is what they see."""

import random
import re

import gymnasium
import mujoco
import numpy as np
import pytest
from mujoco_tasks import CART, Cart, cart  # noqa: F401

from compactrl.envs import MujocoTask, register
from compactrl.envs.answers import RaisedError
from compactrl.envs.mujoco.lanes import TaskLanes
from compactrl.envs.mujoco.task import TASKS
from compactrl.envs.registry import describe
from compactrl.envs.tasks import load_usual
from compactrl.errors import InputError


def line_of(env, **options):
    """What `describe` says of it, in one line."""
    with pytest.raises(InputError) as caught:
        describe(env, **options)
    text = str(caught.value)
    assert "\n" not in text
    return text


def changed(monkeypatch, **what):
    for name, value in what.items():
        monkeypatch.setattr(Cart, name, value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('<motor joint="x"', '<moter joint="x"', "MuJoCo cannot compile its model: XML Error: .*'moter', line 10"),
        ('joint="hinge"/>', 'joint="hing"/>', "MuJoCo cannot compile its model: .*'hing'"),
        ("</worldbody>", '<body mocap="true" name="hand"/></worldbody>', "moves 'hand' as mocap bodies, whose places"),
    ],
)
def test_models_that_will_not_do(cart, monkeypatch, old, new, said):  # noqa: F811
    assert old in CART
    changed(monkeypatch, model=CART.replace(old, new))
    assert re.search(said, line_of(cart))


def test_models_with_plugins_will_not_do(cart, monkeypatch):  # noqa: F811
    plugin = '<extension><plugin plugin="mujoco.pid"><instance name="pid"><config key="kp" value="4"/></instance>'
    model = CART.replace("<worldbody>", f"{plugin}</plugin></extension><worldbody>", 1)
    model = model.replace('<motor joint="hinge"/>', '<plugin joint="hinge" plugin="mujoco.pid" instance="pid"/>')
    changed(monkeypatch, model=model)
    assert "Cart: its model uses plugins, whose own data are no part of the state" in line_of(cart)


@pytest.mark.parametrize("fields", [(), ("xpos",)])
def test_a_task_may_change_its_model_before_it_is_compiled(monkeypatch, fields):
    def change_model(_, spec):
        spec.add_sensor(
            name="place", type=mujoco.mjtSensor.mjSENS_FRAMEPOS, objtype=mujoco.mjtObj.mjOBJ_XBODY, objname="pole"
        )

    changed(monkeypatch, change_model=change_model)
    task = Cart(fields=fields)
    assert task.mj_model.nsensordata == 6
    lanes = TaskLanes(task, 1)
    lanes.begin(0, np.random.default_rng(0))
    state = lanes.step(np.arange(1), np.ones((1, 2))).state
    assert state.sensordata.shape == (1, 6)
    if fields:
        np.testing.assert_array_equal(state.sensordata[:, 3:], state.xpos[:, 2])


@pytest.mark.parametrize(("env", "alone"), [("HalfCheetah-v5", True), ("Pusher-v5", False)])
def test_models_of_one_tree_are_not_searched_for_islands(env, alone):
    """To the bit what MuJoCo does by itself, contacts included."""
    task = load_usual(env)()
    model, island = task.mj_model, int(mujoco.mjtDisableBit.mjDSBL_ISLAND)
    assert bool(model.opt.disableflags & island) == alone == (model.ntree == 1)
    if not alone:
        return
    generator, ends, rows = np.random.default_rng(0), [], 0
    actions = generator.uniform(-1, 1, (300, model.nu))
    for flags in (model.opt.disableflags, model.opt.disableflags & ~island):
        model.opt.disableflags = flags
        data = mujoco.MjData(model)
        for action in actions:
            data.ctrl = action
            mujoco.mj_step(model, data, task.frame_skip)
            rows += data.nefc
        ends.append(np.concatenate([data.qpos, data.qvel, data.qfrc_constraint]))
    np.testing.assert_array_equal(*ends)
    assert rows > 600


def test_models_that_are_missing_or_still_or_idle(cart, monkeypatch, tmp_path):  # noqa: F811
    changed(monkeypatch, model="nowhere.xml")
    assert "Cart: there is no model nowhere.xml in" in line_of(cart)
    changed(monkeypatch, model="")
    assert "Cart: model is '', expected an MJCF file" in line_of(cart)
    (tmp_path / "idle.xml").write_text(CART.split("<actuator>")[0] + "</mujoco>", encoding="utf-8")
    changed(monkeypatch, model=str(tmp_path / "idle.xml"))
    assert "its model has no actuators, so a policy could do nothing" in line_of(cart)
    (tmp_path / "cut.xml").write_text(CART[:200], encoding="utf-8")
    changed(monkeypatch, model=tmp_path / "cut.xml")
    assert f"MuJoCo cannot compile {tmp_path}/cut.xml: " in line_of(cart)


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ({"reward": lambda *given: given[2].qpos}, "the reward has shape (3, 2), expected (3,)"),
        ({"reward": lambda *given: given[2].qpos[:, 0] / 0.0}, "reward gives NaN or infinite numbers"),
        ({"observe": lambda _, state: state.qpos[0]}, "the observation has shape (2,), expected (3, O)"),
        ({"observe": lambda _, state: state.qpos.T[:, :1]}, "the observation has shape (2, 1), expected (3, O)"),
        ({"observe": lambda _, state: list(state.qpos.T)}, "(2, 3), expected (3, O): one row a lane, which np.stack"),
        ({"observe": lambda *_: None}, "Cart-v0: observe returned None: is its return missing?"),
        ({"observe": lambda *_: "hello"}, "Cart-v0: the observation is 'hello': expected numbers"),
        (
            {"observe": lambda *_: [[1.0], [1.0, 2.0], []]},
            "the observation is [[1.0], [1.0, 2.0], []]: expected numbers",
        ),
        ({"observe": lambda _, state: state.xpos}, "test_mujoco_task.py line "),
        ({"observe": lambda _, state: state.xpos}, ": AttributeError: the state has no 'xpos'"),
        ({"reward": lambda _: 0.0}, "Cart-v0: in reward: TypeError: "),
        (
            {"observe": lambda _, state: np.tile(state.qpos, 1 + int(state.time[0] > 0))},
            "changed its width from 2 to 4",
        ),
        ({"terminated": lambda _, state: state.qpos > 1}, "what has terminated has shape (3, 2), expected (3,)"),
        (
            {"terminated": lambda _, state: state.qpos[:, 0]},
            "is of the type float64: expected bool, such as state.qpos",
        ),
        ({"terminated": lambda *_: [0, 0, 1]}, "is of the type int64: expected bool, such as state.qpos[:, 0] < 0.2"),
        ({"control": lambda *given: given[2][:, :1]}, "the control has shape (3, 1), expected (3, 2)"),
        ({"remember": lambda *_: 0.0}, "the memory has shape (), expected (3, 2)"),
        (
            {"measure": lambda *_: {}},
            "the measure 'lean' is named in the task's measures, and measure returns none",
        ),
        ({"measure": lambda *_: {"leen": 0, "x": 0}}, "task's measures, and measure returns 'leen', 'x'"),
        ({"measure": lambda *_: 3.0}, "measure returned float, expected a dictionary"),
        (
            {"start": lambda *_: (np.zeros(2), np.zeros(2))},
            "start returned 2 values, expected qpos and qvel and memory (memory = 2)",
        ),
        (
            {"start": lambda *_: (np.zeros(3), np.zeros(2), np.zeros(2))},
            "start's qpos has shape (3,), expected (2,)",
        ),
        ({"start": lambda *_: (np.zeros(2), np.full(2, np.nan), np.zeros(2))}, "start's qvel is not finite"),
        ({"frame_skip": 0}, "Cart: frame_skip is 0, expected a whole number of at least 1"),
        ({"frame_skip": 2.5}, "Cart: frame_skip is 2.5, expected a whole number of at least 1"),
        ({"__init__": lambda _: {}["gain"]}, "Cart-v0 cannot be made: in <lambda>, test_mujoco_task.py line "),
        ({"observe": MujocoTask.observe}, "Cart-v0 lacks a function: Cart needs observe and reward"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*divide by zero:RuntimeWarning", "ignore:.*invalid value:RuntimeWarning")
def test_functions_that_will_not_do(cart, monkeypatch, what, said):  # noqa: F811
    changed(monkeypatch, **what)
    assert said in line_of(cart)


WRITES = {
    "observe": lambda _, state: np.clip(state.qvel, -0.1, 0.1, out=state.qvel),
    "reward": lambda _, before, after, action: np.multiply(action, 0, out=action)[:, 0],  # noqa: ARG005
    "control": lambda _, state, action: np.negative(state.ctrl, out=state.ctrl) + action,
    "remember": lambda _, before, after, action: np.add(before.memory, action, out=before.memory),  # noqa: ARG005
    "terminated": lambda _, state: np.negative(state.xpos, out=state.xpos)[:, 0, 0] > 1,
    "measure": lambda _, state: {"lean": np.negative(state.sensordata, out=state.sensordata)[:, 0]},
}


@pytest.mark.parametrize("function", WRITES)
def test_what_tasks_are_given_cannot_be_written_to(cart, monkeypatch, function):  # noqa: F811
    """In a call of some lanes as in one of all."""
    changed(monkeypatch, **{function: WRITES[function]})
    said = line_of(cart, kwargs={"fields": ("xpos",)})
    assert re.search(
        rf"in {function}, test_mujoco_task.py line \d+: ValueError: .* is read-only: .* change a copy", said
    )
    monkeypatch.undo()
    task = Cart(fields=("xpos",))
    lanes, every = TaskLanes(task, 3), np.arange(3)
    for lane in every:
        lanes.begin(int(lane), np.random.default_rng(lane))
    monkeypatch.setattr(Cart, function, WRITES[function])
    for chosen in (every, every[1:]):
        with pytest.raises(RaisedError, match="read-only"):
            lanes.measure(lanes.step(chosen, np.ones((len(chosen), 2))).state)


NOISE = np.random.default_rng(5)


@pytest.mark.parametrize(
    ("what", "repeats"),
    [
        ({}, True),
        ({"start": lambda *_: (np.random.uniform(-0.1, 0.1, 2), np.zeros(2), np.zeros(2))}, False),
        ({"start": lambda *_: (np.zeros(2), np.zeros(2), np.full(2, random.random()))}, False),
        ({"observe": lambda _, state: state.qpos + NOISE.normal(size=state.qpos.shape)}, False),
    ],
)
def test_randomness_that_no_seed_decides_is_noticed_and_no_state_is_touched(cart, monkeypatch, what, repeats):  # noqa: F811
    changed(monkeypatch, **what)
    before = np.random.get_state()[1].copy(), random.getstate()
    assert describe(cart).repeats == repeats
    np.testing.assert_array_equal(np.random.get_state()[1], before[0])
    assert random.getstate() == before[1]


def test_options_and_fields_that_will_not_do(cart):  # noqa: F811
    assert "Cart-v0 cannot be made: TypeError" in line_of(cart, kwargs={"wind": 3})
    assert "MjData has no array 'xps' for fields. Did you mean 'xpos'" in line_of(cart, kwargs={"fields": ["xps"]})
    said = line_of("HalfCheetah-v5", engine="mujoco", kwargs={"wind": 3})
    assert "HalfCheetah has no option 'wind'. It has xml_file, frame_skip" in said


def test_a_start_inside_a_collision_is_warned_of(cart, monkeypatch):  # noqa: F811
    floor = '<geom name="floor" type="plane" size="9 9 1" pos="0 0 -0.05"/></worldbody>'
    changed(monkeypatch, model=CART.replace("</worldbody>", floor))
    with pytest.warns(
        UserWarning, match=r"Cart-v0 starts inside a collision: '(box|floor)' is 0.05 m deep in '(box|floor)'"
    ) as caught:
        describe(cart)
    assert len(caught) == 1


def test_names_are_taken_once(cart):  # noqa: F811
    class Other(Cart):
        pass

    register(cart, Cart)  # the same again, as a module that is imported anew does
    with pytest.raises(InputError, match=r"Cart-v0 is mujoco_tasks.Cart already: give your task another id"):
        register(cart, Other)
    with pytest.raises(InputError, match=r"HalfCheetah-v5 is an environment of Gymnasium's already"):
        register("HalfCheetah-v5", Other)
    with pytest.raises(InputError, match=r"expected a subclass of MujocoTask for Robot-v0, got <class 'int'>"):
        register("Robot-v0", int)
    with pytest.raises(InputError, match=r"register: 'a b' is no id"):
        register("a b", Other)
    Other.episode_steps = 0
    with pytest.raises(InputError, match=r"Other: episode_steps is 0, expected a whole number of at least 1"):
        register("Robot-v0", Other)
    assert TASKS.keys() & {"a b", "Robot-v0"} == set()


def test_a_model_is_looked_for_beside_its_class_and_then_here(tmp_path, monkeypatch):
    folder = tmp_path / "robots"
    folder.mkdir()
    (folder / "my_cart.xml").write_text(CART, encoding="utf-8")
    (folder / "my_cart_module.py").write_text(
        "from mujoco_tasks import Cart\n\n\nclass Beside(Cart):\n    model = 'my_cart.xml'\n", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(str(folder))
    import my_cart_module

    assert my_cart_module.Beside().mj_model.nu == 2
    monkeypatch.setattr(Cart, "model", "my_cart.xml")
    with pytest.raises(InputError, match=r"no model my_cart.xml"):
        Cart()
    monkeypatch.chdir(folder)
    assert Cart().mj_model.nu == 2


def test_a_raised_warning_stops_gymnasiums_environment(cart):  # noqa: F811
    made = gymnasium.make(cart).unwrapped
    made.reset(seed=0)
    made._task.start = lambda *_: (np.zeros(2), np.full(2, 9e9), np.zeros(2))
    made.reset(seed=0)
    with pytest.raises(RuntimeError, match="MuJoCo: Nan, Inf or huge value in Q"):
        made.step(np.zeros(2))
