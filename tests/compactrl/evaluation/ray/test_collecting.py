"""Standing lanes on workers: what is collected is that of one process, whoever has the lanes and whoever dies."""

from types import SimpleNamespace

import numpy as np
import pytest
from collecting import LANES, assert_same, make_trials
from evaluating import assert_equal, described
from evaluating import make_trials as make_whole
from test_ray import (
    CHEETAH,
    _closed_at_the_end,  # noqa: F401
    after_sending,
    kill_worker,
    seed,
    spec_of,
    theta_and_controller,
    workers,  # noqa: F401
)

from compactrl.errors import InputError
from compactrl.evaluation.local import LocalEvaluator
from compactrl.evaluation.ray import workers as workers_module
from compactrl.evaluation.ray.evaluator import RayEvaluator
from compactrl.evaluation.ray.work import for_whom_has, taken_apart
from compactrl.evaluation.ray.worker import LaneWorker
from compactrl.evaluation.ray.workers import Workers
from compactrl.searches.api import finish, start
from compactrl.storage.files import load_state, save_state

pytestmark = pytest.mark.xdist_group("ray")  # one Ray at a time: two cores


class Hands:
    """Workers of this process, which do pieces of work as Ray's do."""

    def __init__(self, spec, count):
        options = {"env": spec.id, "engine": spec.engine, "max_episode_steps": spec.max_episode_steps}
        self.new = lambda: LaneWorker(**options, env_options={})
        self.workers, self.stand = [self.new() for _ in range(count)], [""] * count
        self.rebuilt, self.apart = 0, False

    def renew(self):
        return len(self.workers)

    def lose(self, number):
        """Have a new worker in the place of this one."""
        self.workers[number], self.stand[number] = self.new(), ""

    def swap(self):
        """Let workers have each other's shares from now on."""
        self.workers.reverse()
        self.stand.reverse()

    def run(self, works, normalizer):
        for number, work in enumerate(works):
            for part in taken_apart(work) if self.apart else [work]:
                sent = for_whom_has(part, self.stand[number])
                self.rebuilt += getattr(sent, "episodes", None) is not None
                passed = self.workers[number].run(sent, normalizer)
                self.stand[number] = getattr(part, "ends", "")
                yield part, passed


def local(spec):
    return LocalEvaluator(spec, LANES, seed(), 1)


def calls(spec, count=4, steps=17):
    return [make_trials(spec, steps, seed=number) for number in range(count)]


def assert_same_state(found, expected):
    np.testing.assert_array_equal(found["resets"], expected["resets"])
    for name in ("actions", "tasks"):
        assert list(found[name]) == list(expected[name])
        for lane, values in expected[name].items():
            np.testing.assert_array_equal(found[name][lane], values)


@pytest.mark.parametrize("count", [1, 3, 6])
@pytest.mark.parametrize("env", ["compactrl/Target-v0", "Hopper-v5", "FetchReach-v4"])
def test_shares_put_together_are_what_one_process_collects(env, count):
    spec = described(env, max_episode_steps=23)
    hands, one = Hands(spec, count), local(spec)
    remote = RayEvaluator(spec, LANES, seed(), hands, "shares")
    for trials in calls(spec):
        found, expected = remote.collect(trials), one.collect(trials)
        assert_same(found, expected)
        for part, other in zip(found.moments, expected.moments, strict=True):
            np.testing.assert_array_equal(part, other)
        assert found.measures.keys() == expected.measures.keys()
        for name, values in expected.measures.items():
            np.testing.assert_array_equal(found.measures[name], values)
        assert_same_state(remote.state_dict(), one.state_dict())
    assert hands.rebuilt == min(count, LANES)  # each share at the beginning, and never again


def lose_one(hands):
    hands.lose(1)


def take_apart(hands):
    hands.apart = not hands.apart


def one_more(hands):
    hands.workers.append(hands.new())
    hands.stand.append("")


@pytest.mark.parametrize("happens", [lose_one, Hands.swap, take_apart, one_more])
def test_lanes_are_rebuilt_in_the_middle_of_their_episodes_wherever_they_go(happens):
    spec = described("compactrl/PointMass-v0", max_episode_steps=23)
    tasks = np.random.default_rng(0).normal(size=(6, LANES, 2))
    hands, one = Hands(spec, 2), local(spec)
    remote = RayEvaluator(spec, LANES, seed(), hands, "moved")
    for number, trials in enumerate(calls(spec, 6)):
        if number in (2, 4):
            happens(hands)
        given = trials._replace(tasks=tasks[number])
        assert_same(remote.collect(given), one.collect(given))
        assert_same_state(remote.state_dict(), one.state_dict())
    assert hands.rebuilt > 2


def test_a_checkpoint_of_one_process_goes_on_with_workers_and_back(tmp_path):
    spec = described("Hopper-v5", max_episode_steps=40)
    first, second, third = calls(spec, 3)
    one, hands = local(spec), Hands(spec, 2)
    remote, back = RayEvaluator(spec, LANES, seed(), hands, "going on"), local(spec)
    one.collect(first)
    save_state(tmp_path / "state", one.state_dict())
    remote.collect(third)  # something else
    remote.load_state_dict(load_state(tmp_path / "state"))
    assert_same(remote.collect(second), one.collect(second))
    back.load_state_dict(remote.state_dict())
    assert_same(back.collect(third), one.collect(third))


def test_whole_episodes_in_the_lanes_cut_those_that_stand():
    spec = described("Hopper-v5", max_episode_steps=40)
    one, remote = local(spec), RayEvaluator(spec, LANES, seed(), Hands(spec, 3), "cut")
    for number, trials in enumerate(calls(spec, 3)):
        assert_same(remote.collect(trials), one.collect(trials))
        whole = make_whole(spec, 6, seed=number)
        assert_equal(remote.evaluate(whole), one.evaluate(whole))
        assert remote.state_dict()["actions"] == {}


def test_a_lane_that_loses_its_workers_has_failed_and_goes_on_with_its_next_episode():
    spec = described("compactrl/Target-v0")
    hands = Hands(spec, 2)
    run, fails = hands.run, True

    def run_without(works, normalizer):
        for part, passed in run(works, normalizer):
            yield part, "it lost its worker" if fails and part.trials.tolist() == [2] else passed

    hands.apart = True
    remote = RayEvaluator(spec, LANES, seed(), SimpleNamespace(run=run_without, renew=hands.renew), "failing")
    one, (first, second) = local(spec), calls(spec, 2)
    found, expected = remote.collect(first), one.collect(first)
    assert found.failures == {2: "it lost its worker"}
    assert found.steps.tolist() == [17, 17, 0, 17]
    assert not found.transitions.valid[:, 2].any()
    others = [0, 1, 3]
    np.testing.assert_array_equal(found.transitions.reward[:, others], expected.transitions.reward[:, others])
    fails = False
    found, expected = remote.collect(second), one.collect(second)
    np.testing.assert_array_equal(found.transitions.reward[:, others], expected.transitions.reward[:, others])
    assert found.transitions.begun[:, 2].tolist()[0]
    assert found.transitions.valid.all()
    assert remote.resets.tolist() == [2, 2, 2, 2]


def test_a_worker_says_so_where_it_cannot_know_how_lanes_stand():
    spec = described("compactrl/Target-v0")
    hands, (trials,) = Hands(spec, 1), calls(spec, 1)
    remote = RayEvaluator(spec, LANES, seed(), hands, "unknown")
    (work,) = remote._stretches(trials, 1, "end")
    with pytest.raises(RuntimeError, match="nothing says how to get there"):
        hands.workers[0].run(work._replace(episodes=None), trials.normalizer)
    for wrong in (trials._replace(designs=trials.designs[:3]), trials._replace(exploration=None)):
        with pytest.raises(ValueError, match=r"expected a trial for each of the 4 lanes, and steps"):
            remote.collect(wrong)


def test_a_killed_worker_changes_nothing_and_actions_travel_only_to_rebuild(workers, monkeypatch):  # noqa: F811
    spec, sent = spec_of(CHEETAH), []

    def noted(work, stand):
        sent.append(for_whom_has(work, stand))
        return sent[-1]

    monkeypatch.setattr(workers_module, "for_whom_has", noted)
    after_sending(monkeypatch, 3, kill_worker)
    remote, one, lost = RayEvaluator(spec, LANES, seed(), workers, "killed"), local(spec), workers.lost
    for trials in calls(spec, 5, steps=30):
        assert_same(remote.collect(trials), one.collect(trials))
    assert_same_state(remote.state_dict(), one.state_dict())
    assert workers.lost == lost + 1
    assert [work.episodes is None for work in sent[:4]] == [False, False, True, True]
    assert any(work.episodes for work in sent[4:])
    mapped = [open(f"/proc/{report['process']}/maps").read() for report in workers.reports]  # noqa: SIM115
    assert "libtorch" not in "".join(mapped)


SEARCH = {
    "env": "HalfCheetah-v5", "engine": "envpool", "max_episode_steps": 100, "num_envs": 4, "steps": 1000,
    "selections": 1, "selection_episodes": 4, "checkpoint_seconds": 0, "seed": 5,
}  # fmt: skip
ON_POLICY = {"n_steps": 32, "batch_size": 64, "n_epochs": 2, "critic_hidden": (8,)}
METHODS = {
    "ppo": {**ON_POLICY, "hidden": (4,)},
    "hyperppo": {**ON_POLICY, "widths": (4, 8), "max_layers": 2, "meta_batch": 2},
    "sac": {"hidden": (4,), "critic_hidden": (8,), "batch_size": 16, "learning_starts": 2000, "steps": 3000},
}


@pytest.mark.parametrize(("method", "killed"), [("ppo", False), ("ppo", True), ("hyperppo", False), ("sac", True)])
def test_a_search_on_workers_is_that_of_one_process(tmp_path, monkeypatch, workers, method, killed):  # noqa: F811
    options = {**SEARCH, "method": method, **METHODS[method]}
    finish(start({**options, "threads": 1}, tmp_path / "process"))
    monkeypatch.setattr("compactrl.searches.api.begin_workers", lambda _: workers)
    monkeypatch.setattr(Workers, "close", lambda _: None)  # other tests have them next
    if killed:
        after_sending(monkeypatch, 3, kill_worker)
    lost = workers.lost
    finish(start({**options, "workers": 2}, tmp_path / "workers"))
    expected = theta_and_controller(tmp_path / "process")
    assert len(expected[1]) >= 3
    assert theta_and_controller(tmp_path / "workers") == expected
    assert workers.lost == lost + killed


def test_more_workers_than_lanes_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"--workers 5: there are 4 lanes.*--num-envs 5 \(results"):
        start({**SEARCH, "method": "ppo", **ON_POLICY, "workers": 5}, tmp_path / "run")
