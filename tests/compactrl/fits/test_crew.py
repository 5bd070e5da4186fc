"""Stages of a fit side by side: the same policies as one after the other, and what happens where a process ends."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.classic_control.cartpole import CartPoleEnv

from compactrl.envs.registry import environment_of
from compactrl.errors import CompactrlError, FaultError, InputError
from compactrl.fits import crew as module
from compactrl.fits.crew import Crew
from compactrl.fits.hand import read_grant, written_grant
from compactrl.fits.ledger import Ledger
from compactrl.fits.likeness import likeness
from compactrl.fits.stages import Amount, Grant, StoppedError, Watch
from compactrl.machine.hardware import memory
from compactrl.runs.run import Run

TOY = "compactrl/Target-v0"
ENVIRONMENT = {"env": TOY, "env_module": "", "env_options": {}, "engine": "auto", "max_episode_steps": 0}
SEARCH = {**ENVIRONMENT, "method": "linear", "fine_tune_share": 0.0, "reevaluations": 1, "steps": 10**9, "threads": 1}


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(module, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(module, "MEMORY", 1e-3)  # however little is free


@pytest.fixture(scope="module")
def waiting():
    """Processes that a test has left to the next: one takes seconds to begin."""
    hands = []
    yield hands
    for hand in hands:
        hand.close()


@pytest.fixture
def kept(monkeypatch, waiting):
    """Let processes go from test to test."""
    begin = module.Hand
    monkeypatch.setattr(module, "Hand", lambda environment: waiting.pop() if waiting else begin(environment))
    monkeypatch.setattr(module.Crew, "__exit__", lambda crew, *_: waiting.extend(h for h in crew._hands if h.ended))


def grants(folder: Path, count: int = 3, steps: float = 4000, **options) -> list[Grant]:
    """Return so many searches that differ in their seeds."""
    amount = Amount(steps, seconds=False)
    return [
        Grant(
            f"search-{seed}",
            folder / f"stages/search-{seed}",
            {**SEARCH, "seed": seed, **options},
            amount,
            f"{seed}: 0",
        )
        for seed in range(count)
    ]


def ledger_in(folder: Path) -> Ledger:
    folder.mkdir(exist_ok=True)
    return Ledger(folder, {"for": "a test"}, "none")


def run(folder: Path, given: list[Grant], threads: int = 2, watch: Watch | None = None, enough=lambda _: False):
    """Run grants to their ends; return what came of each by name, and the ledger."""
    ledger = ledger_in(folder)
    with Crew(ENVIRONMENT, threads, ledger, watch or Watch()) as crew:
        found = {grant.name: raised for grant, raised in crew.run(given, enough)}
        begun = len(crew._hands)
    return found, ledger, begun


@pytest.mark.usefixtures("kept")
def test_stages_side_by_side_leave_the_same_policies_and_the_same_record(tmp_path):
    one, two = (tmp_path / name for name in ("one", "two"))
    outcomes, ledger, begun = run(one, grants(one), threads=1)
    assert (set(outcomes.values()), begun) == ({None}, 0)
    others, other_ledger, begun = run(two, grants(two), threads=2)
    assert (others, begun) == (outcomes, 2)
    assert list(others) == [grant.name for grant in grants(two)]
    assert other_ledger.spent == ledger.spent >= 12_000
    for grant in grants(one):
        for name in ("policy.safetensors", "policy.json"):
            found = [(folder / "stages" / grant.name / name).read_bytes() for folder in (one, two)]
            assert found[0] == found[1]
        assert other_ledger.known(grant.key)["env_steps"] == ledger.known(grant.key)["env_steps"]


@pytest.mark.usefixtures("kept")
def test_what_is_done_is_not_done_again(tmp_path):
    run(tmp_path, grants(tmp_path, 2))
    before = (tmp_path / "fit.json").read_bytes()
    outcomes, _, begun = run(tmp_path, grants(tmp_path, 2))
    assert (outcomes, begun) == ({"search-0": None, "search-1": None}, 0)
    assert (tmp_path / "fit.json").read_bytes() == before


@pytest.mark.usefixtures("kept")
def test_an_end_that_is_asked_for_saves_and_a_later_process_goes_on_to_the_same(tmp_path):
    whole, pieces = tmp_path / "whole", tmp_path / "pieces"
    run(whole, grants(whole, 2, steps=40_000))
    asked = iter(range(10**9))
    outcomes, *_ = run(pieces, grants(pieces, 2, steps=40_000), watch=Watch(lambda: next(asked) > 2))
    assert {type(raised) for raised in outcomes.values()} == {StoppedError}
    assert all(Run(grant.path).config for grant in grants(pieces, 2))
    outcomes, ledger, _ = run(pieces, grants(pieces, 2, steps=40_000))
    assert set(outcomes.values()) == {None}
    for grant in grants(whole, 2):
        names = [folder / "stages" / grant.name / "policy.safetensors" for folder in (whole, pieces)]
        assert names[0].read_bytes() == names[1].read_bytes()
    assert ledger.spent >= 80_000


@pytest.mark.usefixtures("kept")
def test_of_a_budget_in_seconds_each_gets_the_time_of_all_and_counts_as_its_part(tmp_path):
    given = [
        replace(each, amount=Amount(seconds, seconds=True))
        for each, seconds in zip(grants(tmp_path, 2), (4.0, 8.0), strict=True)
    ]
    run(tmp_path / "before", grants(tmp_path / "before", 2, steps=1))  # what is imported takes its time
    begun = time.monotonic()
    outcomes, ledger, _ = run(tmp_path, given)
    assert set(outcomes.values()) == {None}
    assert 12.0 <= ledger.spent <= time.monotonic() - begun
    assert all(ledger.known(grant.key)["seconds"] >= 2 for grant in given)  # what sets it up counts, too


@pytest.mark.usefixtures("kept")
def test_more_than_helps_is_not_given(tmp_path):
    given = [replace(each, amount=Amount(30.0, seconds=True), most_seconds=1.0) for each in grants(tmp_path, 2)]
    _, ledger, _ = run(tmp_path, given)
    assert all(ledger.known(grant.key)["seconds"] < 15 for grant in given)


@pytest.mark.usefixtures("kept")
def test_one_that_cannot_go_on_is_told_and_the_others_end(tmp_path):
    right, wrong = grants(tmp_path, 2)
    wrong = replace(wrong, options={**wrong.options, "population": 3})
    outcomes, ledger, _ = run(tmp_path, [wrong, right])
    assert outcomes[right.name] is None
    assert isinstance(outcomes[wrong.name], InputError)
    assert "population" in str(outcomes[wrong.name])
    assert ledger.known(wrong.key) is None


def test_a_fault_of_the_environment_is_one_here_too(tmp_path):
    path = tmp_path / "faulty.py"
    path.write_text(
        "import gymnasium, numpy as np\n"
        "import compactrl.envs\n"
        "class Faulty:\n"
        "    observation_space = action_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)\n"
        "    metadata = {}\n"
        "    def __init__(self, num_lanes, sound=10**9):\n"
        "        self.steps, self.sound = 0, sound\n"
        "    def reset(self, lanes, seeds, tasks):\n"
        "        return np.zeros((len(lanes), 1), np.float32)\n"
        "    def step(self, lanes, actions):\n"
        "        self.steps += 1\n"
        "        rewards = np.zeros((len(lanes), 2) if self.steps > self.sound else len(lanes))\n"
        "        return self.reset(lanes, None, None), rewards, np.zeros(len(lanes), bool)\n"
        "compactrl.envs.register_batched('Faulty-v0', Faulty, max_episode_steps=10)\n"
    )
    environment = {"env": "Faulty-v0", "env_module": str(path)}
    long, faulty = grants(tmp_path, 2, steps=1e9, **environment)
    faulty = replace(faulty, options={**faulty.options, "env_options": {"sound": 50}})
    with Crew({**ENVIRONMENT, **environment}, 2, ledger_in(tmp_path), Watch()) as crew:
        environment_of({**ENVIRONMENT, **environment})  # as a fit does
        with pytest.raises(FaultError, match="reward"):
            list(crew.run([long, faulty], lambda _: False))
        assert len(crew._hands) == 2


@pytest.mark.usefixtures("kept")
def test_what_is_enough_ends_those_after_it(tmp_path):
    first, *others = grants(tmp_path, 4, steps=2000)
    long = [replace(each, amount=Amount(1e9, seconds=False)) for each in others]
    outcomes, ledger, _ = run(tmp_path, [first, *long], enough=lambda grant: grant.name == first.name)
    assert list(outcomes) == [first.name]
    assert all(ledger.known(each.key) is None for each in others)


class Mine(gymnasium.Env):
    """An environment that is registered in this process alone."""

    observation_space = action_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)

    def reset(self, **_):
        return np.zeros(1, np.float32), {}

    def step(self, action):
        return np.zeros(1, np.float32), float(action[0]), False, False, {}


@pytest.mark.usefixtures("kept")
def test_one_that_had_ended_before_it_was_needless_is_taken_back(tmp_path):
    quick, slow = grants(tmp_path, 2)[::-1]
    slow = replace(slow, amount=Amount(60_000.0, seconds=False))
    outcomes, ledger, begun = run(tmp_path, [slow, quick], enough=lambda grant: grant.name == slow.name)
    assert (list(outcomes), begun) == ([slow.name], 2)
    assert ledger.spent == ledger.known(slow.key)["env_steps"]
    assert ledger.known(quick.key) is ledger.known(f"{quick.key}: from") is None
    assert not quick.path.exists()


def waves_of(folder: Path, seconds: list[float], places: int, cores: int = 2, **fields):
    """Return what each of grants of so many seconds gets, by its name: seconds, and how many run at a time."""
    given = [
        replace(grant, amount=Amount(value, seconds=True), **fields)
        for grant, value in zip(grants(folder, len(seconds)), seconds, strict=True)
    ]
    waves = Crew(ENVIRONMENT, cores, ledger_in(folder), Watch())._waves(given, places)
    return [[(grant.amount.value * grant.beside, grant.beside) for grant in wave] for wave in waves]


def test_waves_take_as_long_as_their_grants_and_share_the_time(tmp_path):
    assert waves_of(tmp_path / "a", [10] * 3, 2) == [[(20, 2)] * 2, [(10, 1)]]  # evolution: a core, or both
    assert waves_of(tmp_path / "b", [10] * 3, 2, cost=200) == [[(15, 2)] * 2, [(15, 1)]]
    assert waves_of(tmp_path / "c", [10] * 5, 4) == [[(30, 3)] * 3, [(20, 2)] * 2]
    assert waves_of(tmp_path / "d", [10, 20], 1) == [[(10, 1)], [(20, 1)]]
    (first, second), (third,) = waves_of(tmp_path / "e", [20, 20, 12], 2, cost=200)
    assert first == second == (pytest.approx(52 * 20 / 32), 2)
    assert third == (pytest.approx(52 * 12 / 32), 1)
    assert waves_of(tmp_path / "f", [50] * 2, 2, cost=200, most_seconds=30) == [[(30, 2)] * 2]


def test_what_learns_on_one_core_leaves_none_idle(tmp_path):
    crew = Crew(ENVIRONMENT, 2, ledger_in(tmp_path), Watch())

    def at_a_time(count, **fields):
        return crew._side_by_side([replace(grant, **fields) for grant in grants(tmp_path, count)])

    assert [at_a_time(count, cost=200) for count in (1, 2, 3, 4, 5, 6, 7)] == [1, 2, 3, 2, 3, 2, 3]
    assert [at_a_time(count) for count in (1, 2, 3, 4, 5)] == [1, 2, 2, 2, 2]  # evolution has both
    assert waves_of(tmp_path / "a", [10] * 3, 3, cost=200) == [[(30, 3)] * 3]
    three, two = waves_of(tmp_path / "b", [10] * 5, 3, cost=200)
    assert (three, two) == ([(30, 3)] * 3, [(20, 2)] * 2)
    assert three[0][0] * 2 / 3 == two[0][0]  # on two cores each has as much of a core


def test_what_was_given_stays_where_there_are_other_cores_and_what_was_begun_alone_keeps_its_own(tmp_path):
    one, other, _ = grants(tmp_path)
    ledger_in(tmp_path).note(f"{one.key}: from", [0.0, 0])
    first, second, third = (each for wave in waves_of(tmp_path, [10] * 3, 2, cost=200) for each in wave)
    assert first == (20, 2)  # of its own ten seconds a half counts
    assert (second, third) == ((15, 2), (15, 1))
    ledger_in(tmp_path).note(f"{other.key}: from", [0.0, 0])
    assert waves_of(tmp_path, [10] * 3, 8, cores=8, cost=200)[0] == [(30, 3), (22.5, 3), (45, 3)]
    assert waves_of(tmp_path, [10] * 3, 1, cost=200) == [[(10, 1)], [(7.5, 1)], [(15, 1)]]


def test_seconds_beside_others_count_as_their_part(tmp_path):
    one, other = (replace(each, amount=Amount(100.0, seconds=True)) for each in grants(tmp_path, 2))
    asked = iter(range(10**9))
    *_, begun = run(tmp_path, [one, other], watch=Watch(lambda: next(asked) > 30))
    ledger = ledger_in(tmp_path)
    assert (begun, ledger.spent) == (2, 0)
    assert ledger.known(f"{one.key}: parts") == [[0.0, 2]]
    taken = Run(one.path).summary
    assert taken is not None
    run(tmp_path, [replace(one, amount=Amount(1.0, seconds=True))], threads=1)
    ledger = ledger_in(tmp_path)
    (first, second), at = ledger.known(f"{one.key}: parts"), ledger.known(one.key)["seconds"]
    assert (first, second[1]) == ([0.0, 2], 1)
    assert ledger.spent >= second[0] / 2 + (at - second[0])


@pytest.mark.parametrize("env", ["Mine-v0", "CartPole-v1"])
def test_an_environment_that_another_process_has_not_or_not_the_same_is_searched_in_this_one(
    tmp_path, monkeypatch, env
):
    monkeypatch.setattr(gymnasium.envs.registration, "registry", dict(gymnasium.registry))
    monkeypatch.setattr(gymnasium, "registry", gymnasium.envs.registration.registry)
    gymnasium.registry.pop(env, None)
    gymnasium.register(env, Mine, max_episode_steps=10)
    environment = {**ENVIRONMENT, "env": env, "engine": "gymnasium"}
    ledger = ledger_in(tmp_path)
    with Crew(environment, 2, ledger, Watch()) as crew:
        given = grants(tmp_path, 2, env=env, engine="gymnasium", steps=200)
        assert [raised for _, raised in crew.run(given, lambda _: False)] == [None, None]
        assert crew._alone


def test_a_process_that_was_killed_is_told_and_the_stage_goes_on_later(tmp_path):
    given = grants(tmp_path, 2, steps=10**8)
    ledger, watch = ledger_in(tmp_path), Watch()
    with Crew(ENVIRONMENT, 2, ledger, watch) as crew:

        def kill_once_at_work() -> bool:
            if all((each.path / "metrics.jsonl").exists() for each in given) and all(
                (each.path / "metrics.jsonl").stat().st_size for each in given
            ):
                for pid in [hand.pid for hand in crew._hands if hand.name == given[0].name]:
                    os.kill(pid, signal.SIGKILL)
            return False

        watch.should_stop = kill_once_at_work
        with pytest.raises(CompactrlError, match=r"at work on search-0, was killed by signal 9: was memory short\?"):
            list(crew.run(given, lambda _: False))
    assert Run(given[1].path).summary["env_steps"] > 0  # the other one has saved
    short = [replace(each, amount=Amount(1.0, seconds=False)) for each in given]
    outcomes, *_ = run(tmp_path, short)
    assert set(outcomes.values()) == {None}


@pytest.mark.skipif(memory().free < 3, reason="there is too little memory for two processes beside the fit")
def test_where_the_fit_is_killed_its_processes_end(tmp_path):
    code = f"import compactrl; compactrl.fit('{TOY}', max_bytes=(60, 120), time=6000, threads=2, out={str(tmp_path)!r})"
    fit = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    stages = tmp_path / "stages"
    try:
        until(lambda: stages.exists() and sum((each / "config.json").exists() for each in stages.iterdir()) >= 2)
        hands = children_of(fit.pid)
        assert len(hands) == 2
    finally:
        fit.kill()
        fit.wait()
    until(lambda: not any(Path(f"/proc/{pid}").exists() and "hand" in command(pid) for pid in hands))


def until(true, seconds: float = 60.0) -> None:
    """Wait until something is true, or fail."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def children_of(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def test_a_grant_is_the_same_after_it_was_sent(tmp_path):
    (grant,) = grants(tmp_path, 1, hidden=[4])
    assert read_grant(json.loads(json.dumps(written_grant(grant)))) == grant


def test_two_of_one_id_that_differ_in_what_they_do_or_how_long_are_told_apart(monkeypatch):
    def cart_pole():
        return likeness({**ENVIRONMENT, "env": "CartPole-v1", "engine": "gymnasium"})

    before = cart_pole()
    assert before == cart_pole() is not None
    registered = gymnasium.registry["CartPole-v1"]
    monkeypatch.setitem(gymnasium.registry, "CartPole-v1", replace(registered, max_episode_steps=50))
    assert cart_pole() != before
    monkeypatch.setitem(gymnasium.registry, "CartPole-v1", registered)
    assert cart_pole() == before
    step = CartPoleEnv.step

    def heavier(self, action):
        self.force_mag = 5.0
        return step(self, action)

    monkeypatch.setattr(CartPoleEnv, "step", heavier)
    assert cart_pole() != before
    assert likeness({**ENVIRONMENT, "env": "Nothing-v0"}) is None
