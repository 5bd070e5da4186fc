"""Made-up runs: written as a search writes them, with returns that a person can work out."""

import json
from functools import partial

import numpy as np
import pytest

from compactrl.methods.settings import resolve
from compactrl.policies.actions import ActionSpec
from compactrl.policies.files import save_policy
from compactrl.policies.policy import Policy
from compactrl.policies.skeleton import Skeleton
from compactrl.runs.history import DesignHistory
from compactrl.runs.run import DIRECTORY_FORMAT
from compactrl.storage.files import write_json
from compactrl.types import Normalizer, Size
from compactrl.versions import versions

SHAPES = ((4, 3), (2, 4))
EDGES = 20
DECIDED = {"engine": "gymnasium", "max_episode_steps": 20, "alive_bonus": 0.0}
"""What a search fills in by its environment."""


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch):
    monkeypatch.setattr("os.fsync", lambda _: None)


def policy_with(design, weights, seed=0):
    drawn = np.random.default_rng(seed).standard_normal(weights)
    size = Size(weights, 4, weights + 4, 1 - (weights + 4) / 24, 32 * (weights + 4) + 20 * (weights - 1).bit_length())
    action = ActionSpec("box", (-1.0,) * 2, (1.0,) * 2)
    return Policy(
        Skeleton.tanh((3, 4, 2)), drawn, design, None, np.zeros(4), Normalizer(np.zeros(3), np.ones(3)), action,
        "compactrl/Target-v0", "chromatic", size, design,
    )  # fmt: skip


@pytest.fixture
def make_policy():
    """Return a policy whose edges share so many weights as the design says."""
    return policy_with


def write_run(
    folder, name, score=100.0, iterations=12, finished=True, history=True, summary=None, mujoco=None, **given
):
    """Write a run; options, summary and the number of iterations may be given."""
    path = folder / name
    path.mkdir(parents=True)
    options = resolve(
        {"env": "compactrl/Target-v0", "partitions": 3, "hidden": 4, "steps": 1200, **DECIDED, **given}
    ).flat()
    write_json(path / "config.json", {"format": DIRECTORY_FORMAT, "options": options})
    write_json(path / "versions.json", versions() | ({"mujoco": mujoco} if mujoco else {}))
    generator = np.random.default_rng(options["seed"])
    weights = options.get("partitions", 20)
    policy = policy_with(np.arange(EDGES) % weights, weights, options["seed"])
    summary_by_default = {
        **{key: options[key] for key in ("method", "controller", "env", "seed")},
        "env_steps": 100 * iterations, "seconds": 60.0, "iterations": iterations, "finished": finished,
        **policy.size._asdict(), "return_mean": score, "return_std": 1.0, "episodes": 100, "failed": 0,
    }  # fmt: skip
    write_json(path / "summary.json", summary_by_default | (summary or {}))
    lines = []
    trace = DesignHistory()
    for iteration in range(1, iterations + 1):
        record = {
            "iteration": iteration, "env_steps": 100 * iteration, "seconds": 5.0 * iteration, "failed": 0,
            "return_mean": score * iteration / iterations, "return_max": score, "settled": float(iteration > 10),
        }  # fmt: skip
        if iteration % 3 == 0:
            record |= {
                "policy_return_mean": score * iteration / iterations,
                "shipped_design_changed": float(iteration < 9),
            }
        if options["method"] == "masked":
            record["usage"] = 0.5 - 0.02 * iteration
        lines.append(json.dumps(record))
        designs = generator.integers(weights, size=(2, EDGES))
        trace.note(iteration, 100 * iteration, designs, np.array([1.0, 2.0]), lambda design: design)
    (path / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    save_policy(path / "policy", policy)
    if history:
        trace.save(path)
    return path


@pytest.fixture
def make_run(tmp_path):
    """Write a run into this test's folder."""
    return partial(write_run, tmp_path)


@pytest.fixture(scope="module")
def runs_of_all_kinds(tmp_path_factory):
    """A folder with 30 runs: many configurations, a masked one, one not finished, one with architectures, odd names."""
    folder = tmp_path_factory.mktemp("runs")
    for seed in range(3):
        for weights in range(2, 10):
            write_run(folder, f"w{weights}-{seed}", 100.0 * weights + 30 * seed, partitions=weights, seed=seed)
        write_run(folder, f"masked-{seed}", 90.0 + seed, method="masked", partitions=None, seed=seed)
    write_run(folder, "going", 50.0, finished=False, controller="pointer")
    other = write_run(folder, "elsewhere", 50.0, env="compactrl/Faulty-v0", history=False)
    rows = [
        {"widths": [2**k], "parameters": 10 * 2**k, "memory_dimension": 5 * 2**k, "return_mean": float(10 * k)}
        for k in range(8)
    ]
    for steps in (100, 200):
        (other / f"architectures-{steps}.json").write_text(json.dumps({"env_steps": steps, "architectures": rows}))
    write_run(folder, "<b>bold<b>&", 60.0, finished=False, controller="random", iterations=11)
    return folder
