"""What the tests of exports share: kinds of runs, and policies made without a search."""

import shutil
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from compactrl.encodings.formats import choose
from compactrl.encodings.plan import make_plan
from compactrl.exports import cortex_m
from compactrl.exports.budget import optimized
from compactrl.exports.c import Program
from compactrl.exports.folder import write_files
from compactrl.exports.options import ExportOptions
from compactrl.exports.tanh import TANHS
from compactrl.exports.targets import TARGETS
from compactrl.exports.vectors import golden
from compactrl.policies.actions import ActionSpec
from compactrl.policies.files import save_policy
from compactrl.policies.policy import Policy
from compactrl.types import Layer, Normalizer

needs_gcc = pytest.mark.skipif(not shutil.which("gcc"), reason="gcc is not installed")
needs_cortex_m = pytest.mark.skipif(
    not cortex_m.can_run(), reason="gcc-arm-none-eabi, libnewlib-arm-none-eabi or qemu-system-arm is not installed"
)

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
    policy = run.policy
    generator = np.random.default_rng(7)
    theta = 0.7 * generator.standard_normal(len(policy.theta))
    count, size = len(policy.weights), policy.shape[0]
    normalizer = policy.normalizer
    if run.config["normalize_observations"]:
        normalizer = Normalizer(generator.standard_normal(size), generator.uniform(0.3, 3, size))
    save_policy(
        run.path / "policy", replace(policy, weights=theta[:count], biases=theta[count:], normalizer=normalizer)
    )


CHEETAH = (17, 41, 6)


MIXED = ActionSpec("box", (-0.01, 0.0), (0.01, 21000.0))
"""A narrow action beside a wide one."""


SIDES = ActionSpec("box", (-1.0, 0.1, -np.inf, -np.inf, 2.0), (1.0, np.inf, 0.1, np.inf, 5.0))
"""Bounded on both sides, below, above, nowhere, and on both sides again."""


WHOLE = ActionSpec("box", (-2.0, 0.0, -30000.0, -np.inf), (2.0, 3.0, 30000.0, np.inf), dtype="int32")
"""Integers: few, as many on no side of 0, so many that single precision blurs them, and without bounds."""


def policy_of(shape, mean=None, std=None, scale=0.2, low=-1.0, action=None):
    generator = np.random.default_rng(5)
    layers = tuple(
        Layer(
            (scale * generator.standard_normal((outputs, inputs))).astype(np.float32),
            generator.standard_normal(outputs).astype(np.float32) if number < len(shape) - 2 else None,
        )
        for number, (inputs, outputs) in enumerate(pairwise(shape))
    )
    normalizer = Normalizer(
        np.zeros(shape[0]) if mean is None else np.full(shape[0], mean), np.ones(shape[0]) * (std or 1)
    )
    action = action or ActionSpec("box", (low,) * shape[-1], (1.0,) * shape[-1])
    return Policy.of_layers(layers, normalizer, action)


def colored(policy, colors):
    """Return a policy whose edges take one of so many weights."""
    generator = np.random.default_rng(6)
    weights = generator.standard_normal(colors).astype(np.float32)
    return replace(policy, weights=weights, index=generator.integers(0, colors, policy.skeleton.num_edges))


def states_around(policy, count=300):
    mean, std = policy.normalizer
    drawn = mean + std * np.random.default_rng(8).standard_normal((count, len(mean)))
    return drawn.astype(np.float32)


def dense(policy):
    """Return the same network as one whose edges share nothing."""
    return policy.with_layers(policy.layers)


def program_of(policy, optimize="size", tanh="libm"):
    states = states_around(policy)
    plan = make_plan(policy, choose("auto", policy.sharing))
    program = Program(plan, TANHS[tanh], golden(plan, states), states, "policy", "a test")
    return optimized(program, ExportOptions(optimize=optimize))


def measured(folder, policy, **options):
    program = program_of(policy, **options)
    write_files(folder, TARGETS["cortex-m4"].files(program, options.get("optimize", "size")))
    return cortex_m.measure(folder, "policy", options.get("optimize", "size"))
