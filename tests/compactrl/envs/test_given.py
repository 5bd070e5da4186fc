"""Environments given in Python: classes, functions and objects are found by names that say where they are from."""

import subprocess
import sys

import gymnasium
import numpy as np
import pytest

from compactrl.envs.engines.gymnasium import make_gymnasium
from compactrl.envs.given import exists_once, find, is_local, stand_in, take
from compactrl.envs.registry import describe
from compactrl.errors import InputError
from compactrl.runs.run import load
from compactrl.searches.api import resume, search, start

SHORT = {"method": "linear", "population": 4, "steps": 300, "selections": 1, "selection_episodes": 2, "seed": 3}


class Robot(gymnasium.Env):
    """The action should be the observation, times a gain; after 5 steps an episode is over."""

    def __init__(self, gain=1.0):
        self.gain, self.steps = gain, 0
        self.observation_space = gymnasium.spaces.Box(-1, 1, (2,), np.float64)
        self.action_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed, options=options)
        self.steps = 0
        return self._look(), {}

    def step(self, action):
        self.steps += 1
        reward = -float(np.square(action - self.gain * self.seen).sum())
        return self._look(), reward, self.steps == 5, False, {}

    def _look(self):
        self.seen = self.np_random.uniform(-1, 1, 2)
        return self.seen


def make_robot(gain=1.0):
    return gymnasium.wrappers.TimeLimit(Robot(gain), 3)


def test_a_class_and_a_function_of_a_module_are_called_by_their_place():
    assert take(Robot).name == "test_given:Robot"
    assert take(make_robot).name == "test_given:make_robot"
    assert make_gymnasium("test_given:Robot", {"gain": 2.0}).unwrapped.gain == 2.0
    assert describe("test_given:Robot").max_episode_steps == 1000
    assert not is_local("test_given:Robot")


def test_a_limit_of_steps_that_comes_with_an_environment_counts():
    take(make_robot)
    spec = describe("test_given:make_robot")
    assert (spec.max_episode_steps, spec.limited) == (3, True)
    assert describe("test_given:make_robot", max_episode_steps=2).max_episode_steps == 2


def test_functions_of_a_loop_are_one_environment_and_other_ones_are_not():
    looped = [lambda **options: Robot(**options) for _ in range(3)]
    first, *others = [take(make).name for make in looped]
    assert others == [first] * 2
    assert first.startswith("local/lambda-")
    assert is_local(first)
    assert take(lambda **options: Robot(**options)).name != first
    gains = [take(lambda gain=gain: Robot(gain)).name for gain in (1.0, 2.0)]
    assert len(set(gains)) == 2


def test_an_object_with_a_spec_is_searched_in_copies():
    given = take(gymnasium.make("Pendulum-v1", g=5.0, render_mode="rgb_array", max_episode_steps=50))
    options = {"engine": "gymnasium", "env_options": {"g": 5.0}, "max_episode_steps": 50}
    assert (given.name, dict(given.options), given.note) == ("Pendulum-v1", options, "")
    wrapped = gymnasium.wrappers.RescaleAction(gymnasium.make("Pendulum-v1"), -1.0, 1.0)
    given = take(wrapped)
    assert given.name.startswith("local/PendulumEnv-")
    assert not exists_once(given.name)
    one, other = make_gymnasium(given.name, {}), make_gymnasium(given.name, {})
    assert one.unwrapped is not other.unwrapped
    assert one.action_space.high == [1.0]
    assert take(wrapped).name == given.name


class Plain(gymnasium.ActionWrapper):
    def action(self, action):
        return action


@pytest.mark.parametrize("make", [Robot, lambda: Plain(gymnasium.make("Pendulum-v1"))], ids=["bare", "wrapped"])
def test_an_object_that_cannot_be_copied_exists_once_and_stays_open(make):
    made = make()
    given = take(made)
    assert exists_once(given.name)
    assert dict(given.options) == {"num_envs": 1}
    assert "exists once" in given.note
    one, other = make_gymnasium(given.name, {}), make_gymnasium(given.name, {})
    assert one.unwrapped is other.unwrapped is made.unwrapped
    one.reset(seed=0)
    other.reset(seed=0)
    other.step(other.action_space.sample())
    with pytest.raises(RuntimeError, match="another episode was begun"):
        one.step(one.action_space.sample())
    one.close()
    other.step(other.action_space.sample())
    assert take(made) == given


def test_an_object_is_left_as_it_is(tmp_path):
    made = Plain(Robot())
    bare = made.env
    with pytest.warns(UserWarning, match="exists once"):
        search(made, out=tmp_path / "run", **SHORT).evaluate(2)
    assert made.env is bare


@pytest.mark.parametrize(
    "options", [{"num_envs": 4}, {"num_envs": 4, "threads": 4}, {}], ids=["one block", "4", "more"]
)
def test_a_function_that_gives_one_environment_to_all_lanes_is_refused(tmp_path, options):
    robot = Robot()
    with pytest.raises(InputError, match="gave the same environment twice"):
        start({"env": lambda: robot, **SHORT, **options}, tmp_path / "run")


def test_a_function_that_gives_one_environment_will_do_for_one_lane(tmp_path):
    robot = Robot()
    run = search(lambda: robot, out=tmp_path / "run", **SHORT, num_envs=1)
    other = search(Robot, out=tmp_path / "other", **SHORT, num_envs=1)
    assert run.summary["return_mean"] == other.summary["return_mean"]


@pytest.mark.parametrize("wrong", [5, [], object(), np])
def test_what_is_no_environment_is_told(wrong):
    with pytest.raises(
        InputError, match=f"env has the type {type(wrong).__name__}: expected an environment's id, a class"
    ):
        take(wrong)


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ("nowhere_at_all:Robot", "--env nowhere_at_all:Robot: No module named 'nowhere_at_all'"),
        ("test_given:Robto", "test_given has no 'Robto'. Did you mean 'Robot'?"),
        ("test_given:SHORT", "expected a class, or a function that makes an environment, got a dict"),
        ("test_given:print_nothing.x", "test_given has no 'print_nothing.x'"),
        ("__main__:Robot", r"Robot was defined in a script's __main__.*compactrl.resume\(RUN, env=Robot\)"),
        ("local/lambda-000000", r"which no other process can import.*compactrl.load\(RUN, env=...\)"),
    ],
)
def test_a_name_that_is_not_found_says_what_to_do(env, expected):
    with pytest.raises(InputError) as caught:
        describe(env)
    assert all(part in str(caught.value) for part in expected.replace("\\", "").split(".*"))


def test_gymnasium_s_own_notation_is_taken(tmp_path, monkeypatch):
    (tmp_path / "registering.py").write_text(
        "import gymnasium\ngymnasium.register('Mine-v0', 'test_given:Robot', max_episode_steps=4)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert describe("registering:Mine-v0").max_episode_steps == 4
    find("registering:Mine-v0")


def test_a_search_takes_a_class_with_options_and_others_find_it_by_name(tmp_path):
    run = search(Robot, out=tmp_path / "run", env_options={"gain": 0.5}, max_episode_steps=5, **SHORT)
    assert (run.config["env"], run.config["env_options"]) == ("test_given:Robot", {"gain": 0.5})
    assert run.policy.env == "test_given:Robot"
    other = run.evaluate(3, env=make_robot, seed=1)
    assert other.steps.tolist() == [3, 3, 3]
    assert other.mean_return != pytest.approx(run.evaluate(3, seed=1).mean_return)
    np.testing.assert_array_equal(run.evaluate(3, env=Robot).returns, load(run.path).evaluate(3).returns)
    with pytest.raises(InputError, match="env=test_given:make_robot is another environment than the run's"):
        resume(run.path, steps=600, env=make_robot)
    assert resume(run.path, steps=600, env=Robot).summary["env_steps"] >= 600


def test_a_function_of_another_process_is_given_again(tmp_path):
    whole = search(lambda: Robot(), out=tmp_path / "run", max_episode_steps=5, **SHORT)
    name = "local/lambda-gone00"
    config = tmp_path / "run" / "config.json"
    config.write_text(config.read_text().replace(whole.config["env"], name))
    with pytest.raises(InputError, match="which no other process can import"):
        load(whole.path).evaluate(3)
    np.testing.assert_array_equal(load(whole.path).evaluate(3, env=Robot).returns, whole.evaluate(3).returns)
    np.testing.assert_array_equal(load(whole.path, env=Robot).evaluate(3).returns, whole.evaluate(3).returns)
    with pytest.raises(InputError, match="Pendulum-v1 has now 3 observations and 1 outputs"):
        load(whole.path).evaluate(3, env="Pendulum-v1")
    with pytest.raises(InputError, match="begun in Pendulum-v1"):
        stand_in("Pendulum-v1", Robot, {})


def test_options_of_a_made_environment_count_in_an_evaluation(tmp_path):
    run = search("Pendulum-v1", out=tmp_path / "run", engine="gymnasium", **SHORT)
    light = run.evaluate(3, env=gymnasium.make("Pendulum-v1", g=0.1)).returns
    np.testing.assert_array_equal(light, run.evaluate(3, env_options={"g": 0.1}).returns)
    assert (light != run.evaluate(3).returns).all()
    shorter = run.evaluate(3, env=gymnasium.make("Pendulum-v1", max_episode_steps=7))
    assert shorter.steps.tolist() == [7] * 3
    with pytest.raises(InputError, match=r"was made with options \{'g': 0.1\}, and the run's with \{\}"):
        load(run.path, env=gymnasium.make("Pendulum-v1", g=0.1))
    assert load(run.path, env=gymnasium.make("Pendulum-v1")).path == run.path


def test_workers_are_refused_what_they_cannot_import(tmp_path):
    with pytest.raises(InputError, match="which worker processes cannot import"):
        start({**SHORT, "env": lambda: Robot(), "workers": 2}, tmp_path / "run")
    assert not (tmp_path / "run").exists()


SCRIPT = """
import compactrl, gymnasium, sys
from test_given import Robot, SHORT
class Mine(Robot): pass
run = compactrl.search(Mine, out=sys.argv[1], max_episode_steps=5, **SHORT)
print(run.config["env"], run.evaluate(2).mean_return)
scope = {"__name__": "__main__", "Robot": Robot}
exec("class Cell(Robot): pass", scope)
print(compactrl.search(scope["Cell"], out=sys.argv[1] + "-cell", max_episode_steps=5, **SHORT).config["env"])
"""


def test_a_class_of_a_script_and_of_a_notebook_cell_is_searched(tmp_path, request):
    program = f"import sys; sys.path.insert(0, {str(request.path.parent)!r})\n" + SCRIPT
    answer = subprocess.run([sys.executable, "-c", program, str(tmp_path / "run")], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    first, cell = answer.stdout.splitlines()
    assert first.startswith("__main__:Mine ")
    assert cell.startswith("local/Cell-")
    with pytest.raises(InputError, match="Mine was defined in a script's __main__"):
        load(tmp_path / "run").evaluate(2)
    assert load(tmp_path / "run").evaluate(2, env=Robot).mean_return == pytest.approx(float(first.split()[1]))
