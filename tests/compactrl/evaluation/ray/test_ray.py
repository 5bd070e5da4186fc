"""Ray workers: the numbers of one process, whoever dies; and one clear line where there is no going on."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from collecting import LANES
from collecting import make_trials as make_collecting
from evaluating import assert_equal, make_trials

from compactrl.envs.modules import load_module, module_folder
from compactrl.envs.registry import describe
from compactrl.errors import CompactrlError, FaultError, InputError
from compactrl.evaluation.local import LocalEvaluator
from compactrl.evaluation.ray import cluster
from compactrl.evaluation.ray.evaluator import RayEvaluator
from compactrl.evaluation.ray.work import taken_apart
from compactrl.evaluation.ray.worker import LaneWorker
from compactrl.evaluation.ray.workers import TRIES, WHOLE_TRIES, Workers
from compactrl.searches.api import finish, reopen, start
from compactrl.types import Layer, Normalizer, Stacked, Trials
from compactrl.versions import versions

pytestmark = pytest.mark.xdist_group("ray")  # one Ray at a time: two cores

CHEETAH = {"env": "HalfCheetah-v5", "engine": "envpool", "max_episode_steps": 100, "env_options": {}, "env_module": ""}
SEARCH = {
    "env": "HalfCheetah-v5", "engine": "envpool", "max_episode_steps": 100, "method": "chromatic",
    "controller": "pointer", "partitions": 3, "hidden": (4,), "population": 10, "steps": 5000, "settle": 0.0,
    "selections": 1, "selection_episodes": 4, "checkpoint_seconds": 0, "seed": 5,
}  # fmt: skip
"""Five generations of ten episodes of 100 steps."""


def spec_of(environment):
    return describe(environment["env"], environment["engine"], environment["max_episode_steps"])


def seed():
    return np.random.SeedSequence(7)


OPEN = []
"""The workers that tests share, while they are open."""


def close_shared():
    while OPEN:
        OPEN.pop().close()


@pytest.fixture(scope="module", autouse=True)
def _closed_at_the_end():
    yield
    close_shared()


@pytest.fixture
def workers():
    """Two workers, the same for all tests that do not close them."""
    if not OPEN:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of more workers than cores
            OPEN.append(Workers(CHEETAH, 2))
    return OPEN[0]


@pytest.fixture
def alone():
    """No Ray in this process, as a user has it who begins a search."""
    close_shared()


def in_process(environment, lanes, *generations):
    evaluator = LocalEvaluator(spec_of(environment), lanes, seed(), 1)
    outcomes = [evaluator.evaluate(trials) for trials in generations]
    evaluator.close()
    return outcomes


def kill_worker(workers, number=0):
    """End a worker as the kernel or a preemption would."""
    report = workers.reports[number]
    os.kill(report["process"], signal.SIGKILL)


def after_sending(monkeypatch, generation, action):
    """Call `action` when the work of this generation, counted from 1, is on its way."""
    sent, original = [], Workers._send

    def send(self, waiting, running, shared):
        first = bool(waiting) and not running
        original(self, waiting, running, shared)
        if first:
            sent.append(1)
            if len(sent) == generation:
                action(self)

    monkeypatch.setattr(Workers, "_send", send)


@pytest.mark.parametrize(("lanes", "count"), [(5, 13), (8, 8), (6, 4), (1, 3)])
def test_workers_give_the_numbers_of_one_process(workers, lanes, count):
    spec = spec_of(CHEETAH)
    generations = [make_trials(spec, count, seed=number) for number in range(3)]
    evaluator = RayEvaluator(spec, lanes, seed(), workers, f"lanes {lanes}")
    for trials, expected in zip(generations, in_process(CHEETAH, lanes, *generations), strict=True):
        assert_equal(evaluator.evaluate(trials), expected)


def test_two_groups_of_lanes_do_not_disturb_each_other(workers):
    spec = spec_of(CHEETAH)
    generations = [make_trials(spec, 4, seed=number) for number in range(2)]
    one, other = (RayEvaluator(spec, 4, seed(), workers, name) for name in ("one", "other"))
    expected = in_process(CHEETAH, 4, *generations)
    for trials, outcome in zip(generations, expected, strict=True):
        assert_equal(one.evaluate(trials), outcome)
        assert_equal(other.evaluate(trials), outcome)


def test_a_checkpoint_of_one_process_goes_on_with_workers_and_back(workers):
    spec = spec_of(CHEETAH)
    first, second, third = (make_trials(spec, 7, seed=number) for number in range(3))
    expected = in_process(CHEETAH, 5, first, second, third)
    local = LocalEvaluator(spec, 5, seed(), 1)
    local.evaluate(first)
    remote = RayEvaluator(spec, 5, seed(), workers, "going on")
    remote.load_state_dict(local.state_dict())
    assert_equal(remote.evaluate(second), expected[1])
    local.close()
    back = LocalEvaluator(spec, 5, seed(), 1)
    back.load_state_dict(remote.state_dict())
    assert_equal(back.evaluate(third), expected[2])
    back.close()
    with pytest.raises(ValueError, match="expected resets of 5 lanes"):
        remote.load_state_dict({"resets": np.zeros(4, np.int64)})


def test_a_killed_worker_costs_only_time_and_ray_prints_nothing(workers, monkeypatch, capfd):
    spec = spec_of(CHEETAH)
    generations = [make_trials(spec, 12, seed=number) for number in range(3)]
    evaluator = RayEvaluator(spec, 6, seed(), workers, "killed")
    lost = workers.lost
    after_sending(monkeypatch, 2, kill_worker)
    outcomes = [evaluator.evaluate(trials) for trials in generations]
    for found, expected in zip(outcomes, in_process(CHEETAH, 6, *generations), strict=True):
        assert_equal(found, expected)
    assert workers.lost == lost + 1
    time.sleep(0.5)  # Ray's stories come from a thread
    assert "".join(capfd.readouterr()) == ""


def test_work_is_done_when_all_workers_are_killed_between_generations(workers):
    spec = spec_of(CHEETAH)
    generations = [make_trials(spec, 6, seed=number) for number in range(2)]
    evaluator = RayEvaluator(spec, 6, seed(), workers, "all killed")
    expected = in_process(CHEETAH, 6, *generations)
    assert_equal(evaluator.evaluate(generations[0]), expected[0])
    for slot in workers._slots:
        os.kill(workers._ray.get(slot.actor.report.remote())["process"], signal.SIGKILL)
    assert_equal(evaluator.evaluate(generations[1]), expected[1])


def test_a_worker_holds_neither_torch_nor_the_methods(workers):
    assert workers.reports
    report = workers._ray.get(workers._slots[0].actor.report.remote())
    mapped = Path(f"/proc/{report['process']}/maps").read_text()
    assert "libmujoco" in mapped or "envpool" in mapped
    assert "libtorch" not in mapped


def test_our_own_ray_listens_on_loopback_alone_behind_a_token(workers):
    assert workers.reports
    assert os.environ["RAY_AUTH_MODE"] == "token"
    assert len(os.environ["RAY_AUTH_TOKEN"]) >= 32
    family = {os.getpid()}
    for _ in range(4):  # children, theirs, and so on
        family |= {pid for pid, parent in parents().items() if parent in family}
    listening = [address for pid in family for address in listeners(pid)]
    assert listening  # the servers of Ray are among our children
    assert {address for address in listening if not address.is_loopback} == set()


def parents():
    """Process → its parent."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            found[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has ended
            continue
    return found


def listeners(pid):
    """Addresses on which a process listens, by the kernel's tables."""
    import ipaddress

    try:
        inodes = {
            os.readlink(handle)[8:-1] for handle in Path(f"/proc/{pid}/fd").iterdir() if "socket" in readable(handle)
        }
        tables = [Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:] for table in ("tcp", "tcp6")]
    except OSError:
        return []
    found = []
    for row in (line.split() for table in tables for line in table):
        if row[3] == "0A" and row[9] in inodes:
            words = bytes.fromhex(row[1].split(":")[0])
            packed = b"".join(words[place : place + 4][::-1] for place in range(0, len(words), 4))
            address = ipaddress.ip_address(packed)
            found.append(getattr(address, "ipv4_mapped", None) or address)
    return found


def readable(handle):
    try:
        return os.readlink(handle)
    except OSError:
        return ""


def test_two_searches_with_workers_at_once_say_so(workers):
    assert workers.reports
    with pytest.raises(InputError, match=r"connected to a Ray already.*ray\.shutdown\(\)"):
        Workers(CHEETAH, 1)


def theta_and_controller(run):
    """The last checkpoint's arrays, and the numbers of every generation."""
    place = max((run / "checkpoints").glob("*/state.json")).parent
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    numbers = [{key: value for key, value in record.items() if "seconds" not in key} for record in records]
    return (place / "state.safetensors").read_bytes(), numbers, (run / "policy.safetensors").read_bytes()


@pytest.mark.parametrize("killed", [False, True])
def test_a_search_on_workers_is_that_of_one_process_even_when_one_is_killed(tmp_path, monkeypatch, workers, killed):
    finish(start({**SEARCH, "threads": 1}, tmp_path / "process"))
    monkeypatch.setattr("compactrl.searches.api.begin_workers", lambda _: workers)
    monkeypatch.setattr(Workers, "close", lambda _: None)  # other tests have them next
    if killed:
        after_sending(monkeypatch, 3, kill_worker)
    lost = workers.lost
    finish(start({**SEARCH, "workers": 2}, tmp_path / "workers"))
    expected = theta_and_controller(tmp_path / "process")
    assert len(expected[1]) >= 5
    assert theta_and_controller(tmp_path / "workers") == expected
    assert workers.lost == lost + killed


def test_a_search_begins_its_own_ray_with_one_worker_and_leaves_nothing_behind(tmp_path, monkeypatch, alone):  # noqa: ARG001
    finish(start({**SEARCH, "threads": 1}, tmp_path / "process"))
    monkeypatch.setenv("RAY_ADDRESS", "10.255.255.1:6379")  # never followed
    finish(start({**SEARCH, "workers": 1}, tmp_path / "worker"))
    assert theta_and_controller(tmp_path / "worker") == theta_and_controller(tmp_path / "process")
    assert os.environ["RAY_ADDRESS"] == "10.255.255.1:6379"
    assert "RAY_AUTH_TOKEN" not in os.environ
    assert not [pid for pid, parent in parents().items() if parent == os.getpid() and "ray" in command(pid)]


def command(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


POISON = '''
import os, signal, time
import gymnasium, numpy as np

class Poison(gymnasium.Env):
    """Ends its process, or hangs, at a large action; pays the action else."""
    observation_space = gymnasium.spaces.Box(-1, 1, (2,), np.float64)
    action_space = gymnasium.spaces.Box(-1, 1, (1,), np.float64)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.np_random.uniform(-1, 1, 2), {}

    def step(self, action):
        if action[0] > 0.9:
            os.kill(os.getpid(), signal.SIGKILL)
        if action[0] < -0.9:
            time.sleep(60)
        return self.np_random.uniform(-1, 1, 2), float(action[0]), False, False, {}

gymnasium.register("Poison-v0", Poison, max_episode_steps=3)
'''


FAULTY = """
import gymnasium, numpy as np
import compactrl.envs

class Faulty:
    metadata, sound_steps = {}, 12
    observation_space = gymnasium.spaces.Box(-1, 1, (2,), np.float64)
    action_space = gymnasium.spaces.Box(-1, 1, (1,), np.float64)

    def __init__(self, num_lanes):
        pass

    def reset(self, lanes, seeds, tasks):
        return np.zeros((len(lanes), 2))

    def step(self, lanes, actions):
        Faulty.sound_steps -= 1
        shape = (len(lanes),) if Faulty.sound_steps > 0 else (len(lanes), 1)
        return np.zeros((len(lanes), 2)), np.zeros(shape), np.zeros(len(lanes), bool)

compactrl.envs.register_batched("FaultyTank-v0", Faulty, max_episode_steps=9)
"""


def test_a_fault_of_the_code_comes_back_from_a_worker_as_one(tmp_path, monkeypatch, alone):  # noqa: ARG001
    """With a Ray of its own, which alone wraps what workers raise: that takes some seconds."""
    (tmp_path / "faulty_tank.py").write_text(FAULTY, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    load_module("faulty_tank")
    environment = {
        "env": "FaultyTank-v0", "engine": "batched", "max_episode_steps": 0, "env_options": {},
        "env_module": "faulty_tank", "module_folder": module_folder("faulty_tank"),
    }  # fmt: skip
    spec, made = spec_of(environment), Workers(environment, 1)
    said = r"^a worker on \S+ failed: the reward has shape \(2, 1\), expected \(2,\)$"
    try:
        with pytest.raises(FaultError, match=said):
            RayEvaluator(spec, 2, seed(), made, "faulty").evaluate(make_trials(spec, 4))
    finally:
        made.close()


def test_an_evaluation_that_kills_or_hangs_its_workers_is_left_out_and_the_rest_is_the_same(
    tmp_path,
    monkeypatch,
    alone,  # noqa: ARG001
):
    (tmp_path / "poison.py").write_text(POISON)
    monkeypatch.syspath_prepend(str(tmp_path))
    load_module("poison")
    environment = {
        "env": "Poison-v0", "engine": "gymnasium", "max_episode_steps": 0, "env_options": {},
        "env_module": "poison", "module_folder": module_folder("poison"),
    }  # fmt: skip
    spec = spec_of(environment)
    bias = np.array([0.1, 0.15, 5.0, 0.2, -5.0, 0.25], np.float32)  # tanh: the third kills, the fifth hangs
    layers = (
        Layer(np.zeros((6, 1, 2), np.float32), bias[:, None]),
        Layer(np.full((6, 1, 1), 5.0, np.float32), None),
    )
    harmless = (layers[0]._replace(bias=np.where(np.abs(bias) > 1, 0, bias)[:, None]), layers[1])
    normalizer, designs = Normalizer(np.zeros(2), np.ones(2)), np.zeros((6, 0), np.int64)
    expected = in_process(environment, 2, *[Trials(Stacked(harmless), normalizer, designs)] * 2)
    made = Workers(environment, 1, timeout=1.5)
    try:
        evaluator = RayEvaluator(spec, 2, seed(), made, "poisoned")
        with pytest.warns(UserWarning, match="was lost"):
            found = evaluator.evaluate(Trials(Stacked(layers), normalizer, designs))
        again = evaluator.evaluate(Trials(Stacked(harmless), normalizer, designs))
        lost_before = made.lost
        collecting, standing = RayEvaluator(spec, LANES, seed(), made, "collecting"), make_collecting(spec, 5)
        standing.exploration.actions[:] = 0.5
        standing.exploration.actions[3, 2] = 0.95
        failing = collecting.collect(standing)
        standing.exploration.actions[3, 2] = 0.5
        following = collecting.collect(standing)
        lost = made.lost - lost_before
    finally:
        made.close()
    assert lost_before == WHOLE_TRIES + 2 * TRIES
    assert lost == WHOLE_TRIES + TRIES
    assert list(failing.failures) == [2]
    assert failing.steps.tolist() == [5, 5, 0, 5]
    assert following.steps.tolist() == [5, 5, 5, 5]
    assert following.transitions.begun[0].tolist() == [False, False, True, False]
    assert found.failures[2].startswith(f"it lost its worker {TRIES} times in a row: its process ended")
    assert found.failures[4].endswith("took longer than 1.5 s (--worker-timeout)")
    good = [0, 1, 3, 5]
    np.testing.assert_array_equal(found.returns[good], expected[0].returns[good])
    assert np.isnan(found.returns[[2, 4]]).all()
    assert_equal(again, expected[1])


def test_work_is_taken_apart_at_the_right_places():
    spec = spec_of(CHEETAH)
    trials = make_trials(spec, 7)
    shared = SimpleNamespace()
    evaluator = RayEvaluator(spec, 4, seed(), shared, "apart")
    evaluator.resets = np.array([3, 1, 4, 1])
    works = evaluator.shares(trials, 2)
    assert [work.trials.tolist() for work in works] == [[0, 2, 4, 6], [1, 3, 5]]
    for work in works:
        for part in taken_apart(work):
            (number,) = part.trials
            lane = number % 4
            assert part.seeds == [evaluator._seeds[lane]]
            assert part.resets == [evaluator.resets[lane] + number // 4]
            np.testing.assert_array_equal(part.networks.layers[0].weight, trials.networks.layers[0].weight[[number]])


@pytest.mark.parametrize(
    ("env", "engine", "tasks"),
    [
        ("compactrl/PointMass-v0", "batched", (9, 2)),
        ("compactrl/HalfCheetah-Vel-v0", "mujoco", (9, 1)),
        ("compactrl/HalfCheetah-Vel-v0", "mujoco", None),
    ],
)
def test_tasks_and_measures_travel_with_the_work_whole_or_taken_apart(env, engine, tasks):
    """Those of a family that are not given are drawn wherever the work is done."""
    environment = {**CHEETAH, "env": env, "engine": engine}
    spec = spec_of(environment)
    trials = make_trials(spec, 9)
    if tasks is not None:
        trials = trials._replace(tasks=np.random.default_rng(0).normal(size=tasks))
    (expected,) = in_process(environment, 4, trials)
    worker = LaneWorker(**environment)

    def run(works, normalizer):
        return ((work, worker.run(work, normalizer)) for work in works)

    def run_apart(works, normalizer):
        return run([part for work in works for part in taken_apart(work)], normalizer)

    for way in (run, run_apart):
        evaluator = RayEvaluator(spec, 4, seed(), SimpleNamespace(run=way, renew=lambda: 3), "tasks")
        found = evaluator.evaluate(trials)
        assert_equal(found, expected)
        assert found.measures.keys() == set(spec.measures)
        for name, values in expected.measures.items():
            np.testing.assert_array_equal(found.measures[name], values)
    with pytest.raises(ValueError, match="expected tasks"):
        evaluator.evaluate(trials._replace(tasks=np.zeros((3, 2))))


def test_any_worker_can_do_any_work():
    """Lanes at hand, lanes of another worker, lanes ahead or behind: the outcome is that of the work."""
    spec = spec_of(CHEETAH)
    trials = make_trials(spec, 4)
    evaluator = RayEvaluator(spec, 4, seed(), SimpleNamespace(), "group")
    one, other = LaneWorker(**CHEETAH), LaneWorker(**CHEETAH)
    first = evaluator.shares(trials, 1)[0]
    expected = one.run(first, trials.normalizer)
    later = first._replace(resets=first.resets + 1)
    second = one.run(later, trials.normalizer)  # at hand
    assert_equal(other.run(later, trials.normalizer), second)  # built and fast-forwarded
    assert_equal(one.run(first, trials.normalizer), expected)  # gone back
    assert (second.returns != expected.returns).all()


def test_lanes_are_dealt_in_turn_to_no_more_workers_than_lanes():
    spec = spec_of(CHEETAH)
    evaluator = RayEvaluator(spec, 3, seed(), SimpleNamespace(), "few")
    assert [work.trials.tolist() for work in evaluator.shares(make_trials(spec, 7), 5)] == [[0, 3, 6], [1, 4], [2, 5]]
    assert [work.trials.tolist() for work in evaluator.shares(make_trials(spec, 2), 5)] == [[0], [1]]


def test_the_doctor_says_what_each_worker_sees():
    code = "import sys; from compactrl.cli import main; sys.argv = ['compactrl', *sys.argv[1:]]; main()"
    doctor = [sys.executable, "-c", code, "doctor", "--workers", "1", "--json"]
    done = subprocess.run(doctor, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (worker,) = json.loads(done.stdout)["workers"]
    assert worker["cores"] == len(os.sched_getaffinity(0))
    assert worker["versions"] == versions()


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("127.0.0.1:{free}", r"no one answers there.*ray start --head"),
        ("ray://somewhere:10001", "expected HOST:PORT"),
        ("somewhere", "expected HOST:PORT"),
        ("127.0.0.1:99999", "expected a port from 1 to 65535"),
        ("127.0.0.1:0", "expected a port from 1 to 65535"),
        ("no-such-host.invalid:6379", "no one answers there"),
        ("two..dots:6379", "no one answers there"),
    ],
)
def test_an_address_that_will_not_do_is_said_at_once(tmp_path, alone, address, message):  # noqa: ARG001
    began = time.monotonic()
    with pytest.raises(InputError, match=message):
        start({**SEARCH, "ray_address": address.format(free=free_port())}, tmp_path / "run")
    assert time.monotonic() - began < 30
    assert not (tmp_path / "run").exists()


def test_more_workers_than_lanes_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"--workers 11: there are 10 lanes.*--num-envs 11 \(with --population"):
        start({**SEARCH, "workers": 11}, tmp_path / "run")


def test_a_run_may_go_on_with_other_workers_but_not_with_another_seed(tmp_path, alone):  # noqa: ARG001
    finish(start({**SEARCH, "threads": 1}, tmp_path / "run"))
    with pytest.raises(InputError, match="seed cannot change in a run"):
        reopen(tmp_path / "run", seed=3)
    with pytest.raises(InputError, match="no one answers"):
        reopen(tmp_path / "run", steps=6000, ray_address=f"127.0.0.1:{free_port()}")
    going = reopen(tmp_path / "run", steps=10**6, workers=0)
    going.close()


@pytest.mark.parametrize("name", ["compactrl", "mujoco", "envpool"])
def test_a_worker_with_another_version_is_refused_by_name(name):
    report = {"machine": "node7", "versions": {**versions(), name: "0.0.1"}}
    said = cluster.unlike(report, "envpool")
    assert f"node7 has {name} 0.0.1 (here {versions()[name]})" in said
    assert not cluster.unlike({"machine": "node7", "versions": versions()}, "envpool")
    assert not cluster.unlike({"machine": "node7", "versions": {**versions(), "envpool": "0.0.1"}}, "gymnasium")


def test_what_ray_raises_is_one_line_that_says_what_to_do():
    from ray import exceptions

    with (
        pytest.raises(CompactrlError, match=r"object store is full: give it more.*compactrl resume"),
        cluster.ray_errors_as_messages(),
    ):
        raise exceptions.ObjectStoreFullError("long\nstory")
    with (
        pytest.raises(CompactrlError, match=r"Ray cannot go on: .*gone\. .*compactrl resume"),
        cluster.ray_errors_as_messages(),
    ):
        raise exceptions.RaySystemError("gone")
    assert "out of memory" in cluster.reason_of(exceptions.OutOfMemoryError("Task was killed"))
    assert cluster.reason_of(exceptions.RayActorError(error_msg="it died")).startswith("its process ended")


CLUSTER = """
import json, os, sys, warnings
from ray.cluster_utils import Cluster
sys.path[:0] = os.environ["TESTS"].split(os.pathsep)
from evaluating import make_trials, assert_equal
from test_ray import CHEETAH, in_process, seed, spec_of
from compactrl.errors import InputError
from compactrl.evaluation.ray.evaluator import RayEvaluator
from compactrl.evaluation.ray.workers import Workers

said = {}
nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
spec = spec_of(CHEETAH)
generations = [make_trials(spec, 6, seed=number) for number in range(4)]
expected = in_process(CHEETAH, 6, *generations)
try:
    Workers(CHEETAH, 9, nodes.address)
except InputError as error:
    said["beyond"] = str(error)
with warnings.catch_warnings(record=True) as heard:
    warnings.simplefilter("always")
    workers = Workers(CHEETAH, 0, nodes.address)
said["warned"] = [str(warning.message) for warning in heard]
evaluator = RayEvaluator(spec, 6, seed(), workers, "elastic")
said["workers"] = []
for number, trials in enumerate(generations):
    if number == 1:
        joined = nodes.add_node(num_cpus=2)
    if number == 3:
        nodes.remove_node(joined, allow_graceful=False)
    assert_equal(evaluator.evaluate(trials), expected[number])
    said["workers"].append(len(workers._slots))
workers.close()
nodes.shutdown()
print(json.dumps(said))
"""

TOKENS = """
import json, os, subprocess, sys
from ray.cluster_utils import Cluster
sys.path[:0] = os.environ["TESTS"].split(os.pathsep)
from test_ray import CHEETAH, JOIN

def join(address, **variables):
    command = [sys.executable, "-c", JOIN, json.dumps(CHEETAH), address]
    done = subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True, timeout=100)
    return json.loads(done.stdout.splitlines()[-1]) if done.stdout else ["broke", done.stderr]

nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
right, wrong = join(nodes.address), join(nodes.address, RAY_AUTH_TOKEN="b" * 64)
nodes.shutdown()
print(json.dumps({"right": right, "wrong": wrong}))
"""

JOIN = """
import json, os, sys, warnings
from compactrl.errors import InputError
from compactrl.evaluation.ray.evaluator import RayEvaluator
from compactrl.evaluation.ray.workers import Workers

with warnings.catch_warnings(record=True) as heard:
    warnings.simplefilter("always")
    try:
        workers = Workers(json.loads(sys.argv[1]), 1, sys.argv[2])
        print(json.dumps(["joined", *[str(warning.message) for warning in heard]]))
        workers.close()
    except InputError as error:
        print(json.dumps(["refused", str(error)]))
"""


def in_fresh_process(script, **variables):
    """Run a script; return its last line of JSON."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    environment |= {
        "TESTS": os.pathsep.join(map(str, Path(__file__).parents[:3:2])),
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "1",
        **variables,
    }
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_nodes_that_join_are_used_and_nodes_that_leave_cost_only_time():
    said = in_fresh_process(CLUSTER, RAY_AUTH_MODE="disabled")
    assert said["beyond"].startswith("--workers 9: the cluster at ")
    assert "has 1 CPUs" in said["beyond"]
    assert any("has no authentication" in warning for warning in said["warned"])
    assert said["workers"][:3] == [1, 3, 3]


def test_a_cluster_lets_in_who_has_its_token_and_who_has_another_is_told_what_to_do():
    said = in_fresh_process(TOKENS, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN="a" * 64)
    assert said["right"] == ["joined"]
    assert said["wrong"][0] == "refused"
    assert "Put the cluster's token into RAY_AUTH_TOKEN" in said["wrong"][1]
