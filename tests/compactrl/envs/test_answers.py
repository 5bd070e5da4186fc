"""What environments answer and raise: taken where it is one number, and else refused in words."""

import json
import re
import signal
import sysconfig
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from evaluating import make_trials, outcomes_of

from compactrl.envs.answers import AnswerError, RaisedError, asked, flag, number, numbers, reason_of, stepped
from compactrl.envs.registry import describe
from compactrl.errors import FaultError, InputError
from compactrl.searches.api import search

BOX = gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float64)


def torque(seen):
    return np.linalg.inv(np.outer(seen, seen)).sum()  # (raises in numpy)


class Answers(gymnasium.Env):
    """Answers in the way that `answer` says."""

    action_space = BOX

    def __init__(self, answer="", space=BOX):
        if answer == "made":
            raise SystemExit("no licence")
        self.answer, self.observation_space = answer, space

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed, options=options)
        match self.answer:
            case "old reset":
                return np.zeros(2)
            case "reset exit":
                raise SystemExit
            case "keys":
                return {"a": np.zeros(2)}, {}
        return np.zeros(2), {}

    def step(self, action):  # noqa: ARG002
        seen, reward, terminated, info = np.zeros(2), 1.0, False, {}
        match self.answer:
            case "old step":
                return seen, reward, terminated, info
            case "nothing":
                return None
            case "reward (1,)":
                reward = np.ones(1)
            case "no reward":
                reward = None
            case "text":
                reward = "1.0"
            case "unseen":
                seen = None
            case "complex":
                seen = np.zeros(2, complex)
            case "large":
                seen = np.zeros(7)
            case "perhaps":
                terminated = None
            case "info":
                info = None
            case "exit":
                raise SystemExit("no link to the robot")
            case "interrupt":
                raise KeyboardInterrupt
            case "odd":
                raise BaseException("odd")
            case "success":
                info = {"success": True}
            case "helper":
                reward = torque(seen)
        return seen, reward, terminated, False, info


class OldReset(Answers):
    """Knows nothing of seeds."""

    def reset(self):
        return np.zeros(2), {}


@pytest.fixture
def env():
    gymnasium.register("Answers-v0", Answers, max_episode_steps=3)
    gymnasium.register("OldReset-v0", OldReset, max_episode_steps=3)
    yield "Answers-v0"
    del gymnasium.registry["Answers-v0"], gymnasium.registry["OldReset-v0"]


def failures(env, **options):
    spec = describe(env, kwargs=options)
    return outcomes_of(spec, 2, make_trials(spec, 3)).failures


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            "old step",
            "step returned 4 values, as in the old gym: expected five values, (observation, reward, terminated",
        ),
        ("nothing", "step returned None: expected five values"),
        ("no reward", "reward is None: expected one number"),
        ("text", "reward is '1.0': expected one number"),
        ("unseen", "observation is None: expected 2 numbers"),
        ("complex", "observation is array([0.+0.j, 0.+0.j]): expected 2 numbers"),
        ("large", "changed its observation size from 2 to 7 numbers"),
        ("perhaps", "'terminated' is None: expected True or False"),
        ("info", "info None: expected a dictionary"),
        ("old reset", "reset returned array([0., 0.]): expected (observation, info)"),
    ],
)
def test_what_nothing_can_be_made_of_is_a_failure_with_what_was_expected(env, answer, expected):
    found = failures(env, answer=answer)
    assert len(found) == 3
    assert found[0].startswith("the environment")
    assert expected in found[0]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("exit", r"in step, test_answers.py line (\d+): SystemExit: no link to the robot$"),
        ("odd", r"in step, test_answers.py line (\d+): BaseException: odd$"),
        ("reset exit", r"in reset, test_answers.py line (\d+): SystemExit$"),
        ("helper", r"in torque, test_answers.py line (\d+): LinAlgError: Singular matrix$"),
    ],
)
def test_what_an_environment_raises_is_told_with_the_users_last_line(env, answer, expected):
    found = re.match(expected, failures(env, answer=answer)[0])
    line = Path(__file__).read_text(encoding="utf-8").splitlines()[int(found[1]) - 1]
    assert re.search(r"raise (SystemExit|BaseException)|np\.linalg\.inv", line)


def test_a_reset_without_a_seed_is_of_the_old_gym(env):  # noqa: ARG001
    assert "reset takes no seed, as in the old gym" in failures("OldReset-v0")[0]


def test_a_reward_in_an_array_of_one_is_a_number(env):
    spec = describe(env, kwargs={"answer": "reward (1,)"})
    np.testing.assert_array_equal(outcomes_of(spec, 2, make_trials(spec, 3)).returns, 3.0)


def test_an_observation_without_its_keys_names_the_space(env):
    space = gymnasium.spaces.Dict(a=BOX, b=BOX)
    assert "is not one of its observation_space, Dict(" in failures(env, answer="keys", space=space)[0]


def test_only_the_users_own_interrupt_ends_the_process(env):
    before = signal.getsignal(signal.SIGINT)
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with pytest.raises(KeyboardInterrupt):
            failures(env, answer="interrupt")
        signal.signal(signal.SIGINT, lambda *_: None)  # as in a search, where Ctrl-C raises nothing
        assert re.search(r"in step, .* KeyboardInterrupt", failures(env, answer="interrupt")[0])
    finally:
        signal.signal(signal.SIGINT, before)


def test_one_that_cannot_be_made_says_why(env):
    with pytest.raises(
        InputError, match=r"Answers-v0 cannot be made: in __init__, test_answers.py line [0-9]+: SystemExit: no licence"
    ):
        describe(env, kwargs={"answer": "made"})


S = gymnasium.spaces


@pytest.mark.parametrize(
    ("space", "expected"),
    [
        (S.Sequence(BOX), "has observations Sequence"),
        (S.Graph(BOX, None), "has observations Graph"),
        (S.Text(3), "has observations Text"),
        (S.OneOf((BOX, BOX)), "has observations OneOf"),
        (S.Tuple((BOX, S.Dict(a=S.Sequence(BOX)))), r"has Sequence\(.*\) in observations Tuple\("),
        (S.Box(-1, 1, (0,)), "which has no number"),
    ],
)
def test_spaces_of_no_fixed_row_of_numbers_are_refused_with_what_would_do(env, space, expected):
    with pytest.raises(InputError, match=expected) as error:
        describe(env, kwargs={"space": space})
    assert "no number" in str(error.value) or "Box, Discrete, MultiDiscrete" in str(error.value)


def test_numbers_are_taken_whatever_their_shape_and_type():
    assert number("reward", np.float32(0.5)) == number("reward", [[0.5]]) == 0.5
    assert flag("done", np.True_) is flag("done", 1) is flag("done", np.ones((1, 1))) is True
    np.testing.assert_array_equal(numbers([[1], [2]], 2), [1.0, 2.0])
    for value in (None, "1", 1j, [1, 2], [[1], [2, 3]]):
        with pytest.raises(AnswerError, match="expected one number"):
            number("reward", value)
    with pytest.raises(AnswerError, match="expected 2 numbers"):
        numbers([[1], [2, 3]], 2)
    with pytest.raises(AnswerError, match="step returned 3 values: expected five"):
        stepped((1, 2, 3))
    assert reason_of(SystemExit()) == "the environment raised SystemExit"


def test_success_that_is_not_named_is_told_once_in_a_search(env, tmp_path, recwarn):
    options = {"env": env, "method": "linear", "population": 4, "steps": 60, "selections": 1}
    for folder in ("one", "two"):
        search(out=tmp_path / folder, **options, env_options={"answer": "success"})
        told = [str(each.message) for each in recwarn if "does not name it" in str(each.message)]
        assert len(told) == 1
        recwarn.clear()


class Functions:
    """What a user may have written."""

    def deep(self, values):
        return np.clip(self.helper(values), 0, 1)

    def helper(self, values):
        return json.loads(values)  # (raises in a library, called from here)

    def leaves(self):
        raise SystemExit("no link")

    def forgets(self):
        pass


@pytest.mark.parametrize(
    ("function", "given", "said"),
    [
        ("deep", ("{",), r"in deep, test_answers.py line (\d+): JSONDecodeError: Expecting property name"),
        ("leaves", (), r"in leaves, test_answers.py line (\d+): SystemExit: no link$"),
        ("deep", (), r"in deep: TypeError: Functions.deep\(\) missing 1"),
        ("gone", (), r"in gone: AttributeError: 'Functions' object has no attribute 'gone'"),
    ],
)
def test_what_a_function_raises_is_told_with_the_users_last_line(function, given, said):
    with pytest.raises(RaisedError) as caught:
        asked(Functions(), function, *given)
    found = re.match(said, reason_of(caught.value))
    assert found
    source = Path(__file__).read_text(encoding="utf-8").splitlines()
    for line in found.groups():
        assert re.search(r"json.loads|raise SystemExit\(", source[int(line) - 1])


def test_nothing_returned_is_a_fault_which_is_no_reason_of_an_episode():
    with pytest.raises(FaultError, match=r"^forgets returned None: is its return missing\?$") as caught:
        asked(Functions(), "forgets")
    with pytest.raises(FaultError):
        reason_of(caught.value)


def test_installed_code_is_the_users_where_no_other_is_and_what_serves_it_never():
    """A robot's package in site-packages, which calls numpy, and one of Gymnasium's own environments."""
    place = Path(sysconfig.get_path("purelib"))

    def raises(module, file, source):
        scope = {"__name__": module, "np": np}
        exec(compile(source, str(place / file), "exec"), scope)
        with pytest.raises(Exception) as caught:  # noqa: PT011
            scope["step"]()
        return reason_of(caught.value)

    robot = "def step():\n    return gain()\ndef gain():\n    return np.linalg.inv(np.zeros((2, 2)))\n"
    assert raises("robots.arm", "robots/arm.py", robot) == "in gain, arm.py line 4: LinAlgError: Singular matrix"
    own = raises("gymnasium.envs.box2d", "gymnasium/envs/box2d.py", "def step():\n    return 1 / 0\n")
    assert own == "the environment raised ZeroDivisionError: division by zero"
