"""Small real runs of every kind of policy, searched once a session, with weights as large as trained ones."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from compactrl import api
from compactrl.compressions import COMPRESSIONS
from compactrl.exports.cortex_m import can_run
from compactrl.options import resolve
from compactrl.policy_files import save_policy
from compactrl.runs import Run
from compactrl.types import Layer, Normalizer

TINY = {"population": 4, "steps": 240, "selections": 1, "selection_episodes": 2, "threads": 1, "seed": 1}
TARGET = {"env": "compactrl/Target-v0"}
KINDS = {
    "chromatic latent": {"controller": "latent", "partitions": 3, "hidden": 5},
    "chromatic latent unsettled": {"controller": "latent", "partitions": 3, "hidden": 5, "settle": 0.0},
    "chromatic pointer": {"controller": "pointer", "partitions": 17, "hidden": 5},
    "chromatic random": {"controller": "random", "partitions": 5, "hidden": (4, 3)},
    "chromatic fixed": {"controller": "fixed", "partitions": 2, "hidden": (2, 3, 2)},
    "chromatic evolution": {"controller": "evolution", "partitions": 6, "hidden": "none"},
    "chromatic one colour": {"partitions": 1, "hidden": 3},
    "masked": {"method": "masked", "hidden": 6, "kept_weights": 9},
    "masked unsettled": {"method": "masked", "hidden": (4, 3), "settle": 0.0},
    "toeplitz": {"method": "toeplitz", "hidden": (5, 4)},
    "circulant": {"method": "circulant", "hidden": (5, 2, 4)},
    "circulant linear": {"method": "circulant", "hidden": "none"},
    "unstructured": {"method": "unstructured", "hidden": 6},
    "unstructured deep": {"method": "unstructured", "hidden": (5, 9)},
    "linear": {"method": "linear"},
    "raw observations": {"partitions": 3, "hidden": 4, "normalize_observations": False},
    "scaled actions": {"env": "Pendulum-v1", "partitions": 4, "hidden": 3, "max_episode_steps": 20},
    "discrete actions": {"env": "CartPole-v1", "partitions": 4, "hidden": 3, "max_episode_steps": 20},
    "discrete, three, linear": {"env": "Acrobot-v1", "method": "linear", "max_episode_steps": 20},
}
"""What an export must work for: each method and controller, none to three hidden layers, kinds of actions."""


def grow(run):
    """Give a run's policy random weights: after so short a search they are next to nothing."""
    policy, settings = run.policy, resolve(run.config)
    generator = np.random.default_rng(7)
    compression = COMPRESSIONS[settings.choice.compression](policy.shape, settings.compression)
    settled, _ = compression.settle(np.zeros(compression.num_parameters), policy.design)
    theta = 0.7 * generator.standard_normal(len(policy.theta))
    layers = tuple(
        Layer(weight.astype(np.float32), None if bias is None else bias.astype(np.float32))
        for weight, bias in settled.expand(theta, np.zeros(0, np.int64))
    )
    size = policy.shape[0]
    normalizer = policy.normalizer
    if settings.search.normalize_observations:
        normalizer = Normalizer(generator.standard_normal(size), generator.uniform(0.3, 3, size))
    save_policy(run.path / "policy", replace(policy, theta=theta, layers=layers, normalizer=normalizer))


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """Kind → run, searched when first asked for."""
    place, made = tmp_path_factory.mktemp("runs"), {}

    def of(kind):
        if kind not in made:
            options = {"method": "chromatic", **TARGET, **TINY, **KINDS[kind]}
            made[kind] = api.search(out=place / kind.replace(" ", "-").replace(",", ""), **options).path
            grow(Run(made[kind]))
        return Run(made[kind])

    return of


needs_gcc = pytest.mark.skipif(not shutil.which("gcc"), reason="gcc is not installed")
needs_cortex_m = pytest.mark.skipif(
    not can_run(), reason="gcc-arm-none-eabi, libnewlib-arm-none-eabi or qemu-system-arm is not installed"
)
