"""Methods as rows: the parts and the defaults behind each name on the command line.

A method is a compression, a way to choose designs, a learner, and defaults. The command line's options,
`compactrl methods`, a run's record and the conformance tests follow from these rows and from the options of the parts
that they name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

NO_CHOICE = "none"
"""The controller of a method whose design is fixed or follows from theta."""


@dataclass(frozen=True)
class Choice:
    """One way in which a method chooses its designs."""

    compression: str
    """A name in `compactrl.compressions.COMPRESSIONS`."""
    controller: str = NO_CHOICE
    """A name in `controllers.CONTROLLERS`."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Option → default where it differs from the part's own."""
    needs: str = ""
    """An option that this way needs; where it is given, this way is the default."""


@dataclass(frozen=True)
class Method:
    """A row: a name, a summary, and its ways to choose a design (the first is the default)."""

    name: str
    summary: str
    choices: Mapping[str, Choice]
    fixed: Mapping[str, Any] = field(default_factory=dict)
    """Options that users of this method cannot choose."""
    learners: tuple[str, ...] = ("evolution",)
    """Names in `compactrl.learners.LEARNERS`; the first is the default."""
    goal_learner: str = ""
    """The default in environments with goals, where it is another."""
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Presets that are different for this method."""
    meta_batch: bool = False
    """Whether several designs act and learn at a time."""
    learner_defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Learner → defaults with it, where they differ from those of the way to choose designs."""
    learner_of: Mapping[str, str] = field(default_factory=dict)
    """Option → the learner that is the default where this option is given."""


def _row(name: str, summary: str, choices: dict[str, Choice], **fixed: Any) -> tuple[str, Method]:
    return name, Method(name, summary, MappingProxyType(choices), MappingProxyType(fixed))


def _gradient(
    name: str,
    summary: str,
    choices: dict[str, Choice],
    learners: tuple[str, ...],
    goal_learner: str = "",
    paper: Mapping[str, Any] = MappingProxyType({}),
    meta_batch: bool = False,
    **fixed: Any,
) -> tuple[str, Method]:
    settled, presets = MappingProxyType(fixed), MappingProxyType({"paper": paper})
    return name, Method(name, summary, MappingProxyType(choices), settled, learners, goal_learner, presets, meta_batch)


_SAMPLED = {"population": 320}
"""Controllers without memory propose many designs per generation, so that a good one is among them."""


_POINTER = {
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


_GRADIENT = {"steps": 1_000_000, "fine_tune_share": 0.0, "reevaluations": 1, "reevaluation_episodes": 10}
"""Environment steps are scarce here, and the last policy ships: it races once, at the end, beyond the budget."""


_PLAIN = {NO_CHOICE: Choice("plain", defaults={**_GRADIENT, "hidden": (256, 256)})}


_HYPERNET = {
    **_GRADIENT,
    "steps": 3_000_000,
    "weight_decay": 1e-5,
    "actor_learning_rate": 3e-3,
    "actor_learning_rate_decay": 0.1,
    "weight_averaging": 0.03,
    "critic_huber_delta": 2.0,
}
"""The learning rate is larger than a plain network's, since codes and cores are larger, and it falls. The mean of the
last updates ships, and the critics' largest errors count by size. Trials of each are in `docs/trials.md`."""

_HYPERNET_PAPER = {
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


_ROUNDED = {
    **_GRADIENT,
    "activation": "relu",
    "output_bias": True,
    "train_palette": True,
    "hidden": (32, 16),
    "actor_learning_rate_decay": 0.01,
}
"""Of shared weights by gradients: rounding wants small steps in the end."""
_ROUNDED_IMITATION = {
    **_ROUNDED,
    "steps": 200_000,
    "actor_learning_rate": 2e-3,
    "student_share": 0.5,
    "updates_per_step": 0.5,
}
"""By imitation: the student wants its own states, too."""

_ON_POLICY = {**_GRADIENT, "reevaluations": 5, "log_std_init": -0.7}
"""Returns on policy may fall late in a search, and steps are less scarce: the best of five races ships."""

_ROUNDED_ON_POLICY = {**_ROUNDED, **_ON_POLICY}

_PATTERN_BY_GRADIENTS = {
    "sac": {**_GRADIENT, "initialization": "xavier"},
    "td3": {**_GRADIENT, "initialization": "xavier"},
    "ppo": {**_ON_POLICY, "initialization": "xavier-small-output"},
}
"""Gradients vanish where evolution begins."""


def _pattern(name: str, summary: str, compression: str, **fixed: Any) -> tuple[str, Method]:
    """Return the row of a fixed pattern."""
    choices = {NO_CHOICE: Choice(compression, defaults={"fine_tune_share": 0.0})}
    return name, Method(
        name,
        summary,
        MappingProxyType(choices),
        MappingProxyType(fixed),
        learners=("evolution", *_PATTERN_BY_GRADIENTS),
        learner_defaults=MappingProxyType(_PATTERN_BY_GRADIENTS),
    )


_PPO = {
    NO_CHOICE: Choice(
        "plain",
        defaults={**_ON_POLICY, "hidden": (64, 64), "activation": "tanh", "initialization": "orthogonal"},
    )
}
"""As practitioners have it, but in 16 lanes, with half the first deviation, and half as many epochs of half as large
batches. Trials are in `docs/trials.md`."""

_TRPO = {
    NO_CHOICE: Choice(
        "plain",
        defaults={**_ON_POLICY, "hidden": (64, 64), "activation": "tanh", "initialization": "orthogonal"},
    )
}

_HYPERPPO = {
    **_ON_POLICY,
    "steps": 20_000_000,
    "widths": (4, 8, 16, 32, 64, 128, 256),
    "num_envs": 32,
    "anchor_share": 0.0,
    "n_steps": 64,
    "bounds_coef": 0.1,
    "batch_size": 512,
    "n_epochs": 4,
    "actor_learning_rate": 5e-4,
    "critic_learning_rate": 1e-3,
    "critic_hidden": (128, 128),
    "critic_activation": "relu",
}
"""Every step of the hypernetwork moves all policies: few epochs of small iterations, so that those that act are not far
from those that learn. Trials are in `docs/trials.md`."""

_HYPERPPO_PAPER = {
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


_TASKS = {
    **_GRADIENT,
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


_MAML = {
    **_TASKS,
    "steps": 8_000_000,
    "num_envs": 40,
    "meta_batch": 10,
}
"""Of learning to adapt: an iteration has four whole episodes of each of ten tasks."""

_MAML_PAPER = {
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


def _of_tasks(name: str, summary: str, compression: str, **defaults: Any) -> tuple[str, Method]:
    """Return a method for families of tasks."""
    choices = {"uniform": Choice(compression, "cycle", {**_TASKS, **defaults})}
    return _gradient(name, summary, choices, learners=("ppo", "trpo"), meta_batch=True, anchor_share=0.0)


def _maml(name: str, summary: str, compression: str, **defaults: Any) -> tuple[str, Method]:
    """Return a method that learns to adapt to tasks of a family."""
    choices = {"uniform": Choice(compression, "cycle", {**_MAML, **defaults})}
    return _gradient(
        name,
        summary,
        choices,
        learners=("maml",),
        paper=_MAML_PAPER,
        meta_batch=True,
        anchor_share=0.0,
        fine_tune_share=0.0,
    )


_PEARL_FIXED: Mapping[str, Any] = {
    "fine_tune_share": 0.0,
    "hindsight": None,
    "anchor_share": 0.0,
    "conditioned_critics": True,
    "resample_updates": 1,
}
"""Every policy is for all tasks, critics are told latents, and tasks are drawn anew for every update."""

_PEARL = {
    **_GRADIENT,
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

_PEARL_PAPER = {
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

_HYPER_PEARL_PAPER = {
    "hidden": (256,),
    "hyper_size": "paper",
    "hyper_initialization": "paper",
    "actor_learning_rate": 1e-4,
    "critic_learning_rate": 5e-5,
}
"""Keynan et al. 2021, table 11."""


METHODS: Mapping[str, Method] = MappingProxyType(
    dict(
        (
            _row(
                "chromatic",
                "edges share a few weights; which edge takes which weight is searched (Song et al. 2020)",
                {
                    "latent": Choice("latent", defaults={"fine_tune_share": 0.2}),
                    "pointer": Choice("chromatic", "pointer", _POINTER),
                    "random": Choice("chromatic", "random", _SAMPLED),
                    "fixed": Choice("chromatic", "fixed", _SAMPLED),
                    "evolution": Choice("chromatic", "evolution", _SAMPLED),
                    "transfer": Choice("transferred", "fixed", {"fine_tune_share": 0.8}, needs="colorings_from"),
                },
            ),
            (
                "shared",
                Method(
                    "shared",
                    "few weights, and biases, for all edges of any network; begun from a run, or imitating one",
                    MappingProxyType({"latent": Choice("shared", defaults={"fine_tune_share": 0.2})}),
                    learners=("evolution", "distill", "sac", "td3", "ppo"),
                    learner_defaults=MappingProxyType(
                        {"distill": _ROUNDED_IMITATION, "sac": _ROUNDED, "td3": _ROUNDED, "ppo": _ROUNDED_ON_POLICY}
                    ),
                    learner_of=MappingProxyType({"teacher": "distill"}),
                ),
            ),
            _row(
                "masked",
                "few weights are kept; the mask is evolved beside them (Lenc et al. 2019)",
                {NO_CHOICE: Choice("masked")},
            ),
            _pattern("toeplitz", "one weight per diagonal (Choromanski et al. 2018)", "toeplitz"),
            _pattern("circulant", "one weight per wrapped diagonal (Song et al. 2020, appendix D)", "circulant"),
            _row(
                "unstructured",
                "one weight per edge",
                {NO_CHOICE: Choice("unstructured", defaults={"fine_tune_share": 0.0})},
            ),
            _pattern("linear", "one weight per edge and no hidden layer (Mania et al. 2018)", "dense", hidden=()),
            _gradient(
                "ghp",
                "a graph hypernetwork writes policies for thousands of architectures (Hegde & Sukhatme 2022)",
                {
                    "depth-uniform": Choice("hypernet", "stratified", _HYPERNET),
                    "uniform": Choice("hypernet", "cycle", _HYPERNET),
                    "pointer": Choice("hypernet", "pointer", _HYPERNET),
                },
                learners=("sac", "td3", "ddpg"),
                goal_learner="ddpg",
                paper=_HYPERNET_PAPER,
                meta_batch=True,
                hidden=(),
            ),
            _gradient("sac", "a plain network by soft actor-critic (Haarnoja et al. 2018)", _PLAIN, learners=("sac",)),
            _gradient("td3", "a plain network by TD3 (Fujimoto et al. 2018)", _PLAIN, learners=("td3",)),
            _gradient("ddpg", "a plain network by DDPG (Lillicrap et al. 2016)", _PLAIN, learners=("ddpg",)),
            _gradient("ppo", "a plain network by PPO (Schulman et al. 2017)", _PPO, learners=("ppo",)),
            _gradient("trpo", "a plain network by TRPO (Schulman et al. 2015)", _TRPO, learners=("trpo",)),
            _gradient(
                "hyperppo",
                "a graph hypernetwork writes policies, by PPO (Hegde, Huang & Sukhatme 2023)",
                {
                    "depth-uniform": Choice("hypernet", "stratified", _HYPERPPO),
                    "inverse-depth": Choice("hypernet", "inverse-stratum", _HYPERPPO),
                    "uniform": Choice("hypernet", "cycle", _HYPERPPO),
                },
                learners=("ppo",),
                paper=_HYPERPPO_PAPER,
                meta_batch=True,
                hidden=(),
            ),
            _of_tasks(
                "plain-tasks", "one plain network for all tasks of a family, which it is not told", "plain-tasks"
            ),
            _of_tasks(
                "context-tasks", "a plain network that sees the task's context beside the observation", "context"
            ),
            _of_tasks(
                "hyper-tasks",
                "a hypernetwork writes a network for the context of each task (Keynan, Sarafian & Kraus 2021)",
                "hyper",
            ),
            _maml(
                "maml",
                "a plain network from which a gradient step leads to any task (Finn et al. 2017)",
                "plain-tasks",
            ),
            _maml("context-maml", "the same, and the network sees the task's context", "context"),
            _maml(
                "hyper-maml",
                "the same, with a hypernetwork that writes the network of a context (Keynan, Sarafian & Kraus 2021)",
                "hyper",
            ),
            _gradient(
                "pearl",
                "a plain network of observation and latents that are inferred of a task (Rakelly et al. 2019)",
                {"uniform": Choice("inferred-context", "cycle", _PEARL)},
                learners=("pearl",),
                paper=_PEARL_PAPER,
                meta_batch=True,
                **_PEARL_FIXED,
            ),
            _gradient(
                "hyper-pearl",
                "latents that are inferred of a task decide the weights of a plain network (Keynan et al. 2021)",
                {"uniform": Choice("inferred-hyper", "cycle", {**_PEARL, "hidden": (128,)})},
                learners=("pearl",),
                paper={**_PEARL_PAPER, **_HYPER_PEARL_PAPER},
                meta_batch=True,
                **_PEARL_FIXED,
            ),
            _gradient(
                "distill",
                "a plain network imitates the policy of another run",
                {NO_CHOICE: Choice("plain", defaults={**_GRADIENT, "steps": 200_000, "hidden": (16, 8)})},
                learners=("distill",),
            ),
        )
    )
)
