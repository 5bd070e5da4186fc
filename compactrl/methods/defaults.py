"""Defaults and presets that rows of methods have in common, by option; what each is for stands below it.

Trials behind them are in `docs/trials.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SAMPLED = {"population": 320}
"""Controllers without memory propose many designs per generation, so that a good one is among them."""

POINTER = {
    "es": "cmaes",
    "sigma": 0.005,
    "learning_rate": 0.002,
    "center_max_speed": 0.004,
    "fine_tune_share": 0.2,
    "controller_learning_rate": 3e-4,
    "controller_table_learning_rate": 0.5,
    "controller_entropy": 0.0,
    "controller_spread": 0.6,
    "controller_mirrored": True,
}
"""The weights stay in order and move slowly, so that the controller can learn which edges need larger or smaller ones.
On HalfCheetah the paper's settings do not improve where these do (README, `chromatic-17-paper`)."""

GRADIENT = {"steps": 1_000_000, "fine_tune_share": 0.0, "reevaluations": 1, "reevaluation_episodes": 10}
"""Environment steps are scarce here, and the last policy ships: it races once, at the end, beyond the budget."""

HYPERNET = {
    **GRADIENT,
    "steps": 3_000_000,
    "weight_decay": 1e-5,
    "actor_learning_rate": 3e-3,
    "actor_learning_rate_decay": 0.1,
    "weight_averaging": 0.03,
    "critic_huber_delta": 2.0,
}
"""The learning rate is larger than a plain network's, since codes and cores are larger, and it falls. The mean of the
last updates ships, and the critics' largest errors count by size. Trials of each are in `docs/trials.md`."""

HYPERNET_PAPER = {
    "decoder": "dense",
    "width_features": "raw",
    "controller": "uniform",
    "graph_size": 16,
    "conditioned_critics": False,
    "anchor_share": 0.0,
    "actor_learning_rate_decay": 1.0,
    "weight_averaging": 0.0,
    "critic_huber_delta": 0.0,
    "log_std_low": -6.0,
    "log_std_high": 0.0,
    "resample_updates": 50,
    "actor_learning_rate": 1e-3,
    "iteration_steps": 50,
}
"""The public code of Hegde & Sukhatme 2022, as far as SAC and DDPG share it."""

ROUNDED = {
    **GRADIENT,
    "activation": "relu",
    "output_bias": True,
    "train_palette": True,
    "hidden": (32, 16),
    "actor_learning_rate_decay": 0.01,
}
"""Of shared weights by gradients: rounding wants small steps in the end."""

ROUNDED_IMITATION = {
    **ROUNDED,
    "steps": 200_000,
    "actor_learning_rate": 2e-3,
    "student_share": 0.5,
    "updates_per_step": 0.5,
}
"""By imitation: the student wants its own states, too."""

ON_POLICY = {**GRADIENT, "reevaluations": 5, "log_std_init": -0.7}
"""Returns on policy may fall late in a search, and steps are less scarce: the best of five races ships."""

ROUNDED_ON_POLICY = {**ROUNDED, **ON_POLICY}

PATTERN_BY_GRADIENTS = {
    "sac": {**GRADIENT, "initialization": "xavier"},
    "td3": {**GRADIENT, "initialization": "xavier"},
    "ppo": {**ON_POLICY, "initialization": "xavier-small-output"},
}
"""Gradients vanish where evolution begins."""

HYPERPPO = {
    **ON_POLICY,
    "steps": 20_000_000,
    "widths": (4, 8, 16, 32, 64, 128, 256),
    "num_envs": 32,
    "anchor_share": 0.0,
    "n_steps": 64,
    "bounds_coef": 0.1,
    "advantage_normalization": "together",
    "batch_size": 512,
    "n_epochs": 4,
    "actor_learning_rate": 5e-4,
    "critic_learning_rate": 1e-3,
    "critic_hidden": (128, 128),
    "critic_activation": "relu",
}
"""Every step of the hypernetwork moves all policies: few epochs of small iterations, so that those that act are not far
from those that learn. An architecture has a few hundred transitions in an iteration, of a few lanes: their advantages
are normalised together with those of all. Trials are in `docs/trials.md`."""

HYPERPPO_PAPER = {
    "decoder": "dense",
    "width_features": "raw",
    "graph_size": 16,
    "controller": "depth-uniform",
    "deviation": "common",
    "num_envs": 128,
    "meta_batch": 8,
    "n_steps": 64,
    "batch_size": 2048,
    "n_epochs": 2,
    "actor_learning_rate": 0.00295,
    "critic_learning_rate": 0.00295,
    "actor_learning_rate_decay": 0.0,
    "clip_range": 0.2,
    "clip_range_vf": 1.0,
    "max_grad_norm": 3.5,
    "bounds_coef": 0.0,
    "log_std_init": 0.0,
    "critic_hidden": (256, 256, 256),
    "critic_activation": "tanh",
}
"""The public code of Hegde, Huang & Sukhatme 2023 on MuJoCo's robots; what differs is in `docs/on-policy.md`."""

TASKS = {
    **GRADIENT,
    "steps": 5_000_000,
    "hidden": (64,),
    "activation": "tanh",
    "initialization": "orthogonal",
    "num_envs": 16,
    "n_steps": 200,
    "meta_batch": 8,
    "batch_size": 400,
    "n_epochs": 10,
    "log_std_init": -0.7,
    "critic_hidden": (64, 64),
}
"""Of many tasks: an iteration has whole episodes, of 200 steps in the usual families, and the last theta ships, which
is the one that all tasks are evaluated with. Trials are in `docs/trials.md`."""

HYPERPPO_TASKS = {
    **HYPERPPO,
    "advantage_normalization": "each",
    "steps": 5_000_000,
    "reevaluations": 1,
    "num_envs": 16,
    "n_steps": 200,
    "batch_size": 400,
    "n_epochs": 10,
}
"""Of every architecture in every task: iterations as of `TASKS`, and the last theta ships. Rewards of tasks differ, so
that advantages are normalised within each."""

MAML = {
    **TASKS,
    "steps": 8_000_000,
    "num_envs": 40,
    "meta_batch": 10,
}
"""Of learning to adapt: an iteration has four whole episodes of each of ten tasks."""

MAML_PAPER = {
    "meta_batch": 40,
    "num_envs": 40,
    "n_steps": 4000,
    "steps": 128_000_000,
    "gamma": 0.95,
    "line_search_steps": 20,
    "hyper_size": "paper",
    "hyper_initialization": "paper",
    "normalize_observations": False,
}
"""Table 9 of Keynan, Sarafian & Kraus 2021: 20 episodes of each of 40 tasks; 400 rounds of two iterations."""

PEARL_FIXED: Mapping[str, Any] = {
    "fine_tune_share": 0.0,
    "hindsight": None,
    "anchor_share": 0.0,
    "conditioned_critics": True,
    "resample_updates": 1,
}
"""Every policy is for all tasks, critics are told latents, and tasks are drawn anew for every update."""

PEARL = {
    **GRADIENT,
    "steps": 500_000,
    "hidden": (128, 128),
    "critic_hidden": (128, 128),
    "meta_batch": 4,
    "batch_size": 512,
    "iteration_steps": 1600,
    "updates_per_step": 0.2,
    "learning_starts": 8000,
}
"""Small batches of small networks: some ten milliseconds of one core a gradient step."""

PEARL_PAPER = {
    "steps": 2_000_000,
    "hidden": (300, 300, 300),
    "critic_hidden": (300, 300, 300),
    "encoder_hidden": (200, 200, 200),
    "meta_batch": 16,
    "batch_size": 4096,
    "num_envs": 32,
    "iteration_steps": 6400,
    "updates_per_step": 0.4,
    "kl_weight": 0.064,
}
"""The public code's networks and batches, as Keynan et al. 2021 have them (table 11): half a second a gradient step.
Its weight of the divergence is 0.1, of a sum over 16 tasks, beside errors of five times the rewards: 0.1 · 16 / 5²."""

HYPER_PEARL_PAPER = {
    "hidden": (256,),
    "hyper_size": "paper",
    "hyper_initialization": "paper",
    "actor_learning_rate": 1e-4,
    "critic_learning_rate": 5e-5,
}
"""Keynan et al. 2021, table 11."""
