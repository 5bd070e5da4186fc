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

from compactrl.methods import defaults

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


_PLAIN = {NO_CHOICE: Choice("plain", defaults={**defaults.GRADIENT, "hidden": (256, 256)})}


def _pattern(name: str, summary: str, compression: str, **fixed: Any) -> tuple[str, Method]:
    """Return the row of a fixed pattern."""
    choices = {NO_CHOICE: Choice(compression, defaults={"fine_tune_share": 0.0})}
    return name, Method(
        name,
        summary,
        MappingProxyType(choices),
        MappingProxyType(fixed),
        learners=("evolution", *defaults.PATTERN_BY_GRADIENTS),
        learner_defaults=MappingProxyType(defaults.PATTERN_BY_GRADIENTS),
    )


_PPO = {
    NO_CHOICE: Choice(
        "plain",
        defaults={**defaults.ON_POLICY, "hidden": (64, 64), "activation": "tanh", "initialization": "orthogonal"},
    )
}
"""As practitioners have it, but in 16 lanes, with half the first deviation, and half as many epochs of half as large
batches. Trials are in `docs/trials.md`."""

_TRPO = {
    NO_CHOICE: Choice(
        "plain",
        defaults={**defaults.ON_POLICY, "hidden": (64, 64), "activation": "tanh", "initialization": "orthogonal"},
    )
}


def _of_tasks(name: str, summary: str, compression: str, **own: Any) -> tuple[str, Method]:
    """Return a method for families of tasks."""
    choices = {"uniform": Choice(compression, "cycle", {**defaults.TASKS, **own})}
    return _gradient(name, summary, choices, learners=("ppo", "trpo"), meta_batch=True, anchor_share=0.0)


def _maml(name: str, summary: str, compression: str, **own: Any) -> tuple[str, Method]:
    """Return a method that learns to adapt to tasks of a family."""
    choices = {"uniform": Choice(compression, "cycle", {**defaults.MAML, **own})}
    return _gradient(
        name,
        summary,
        choices,
        learners=("maml",),
        paper=defaults.MAML_PAPER,
        meta_batch=True,
        anchor_share=0.0,
        fine_tune_share=0.0,
    )


METHODS: Mapping[str, Method] = MappingProxyType(
    dict(
        (
            _row(
                "chromatic",
                "edges share a few weights; which edge takes which weight is searched (Song et al. 2020)",
                {
                    "latent": Choice("latent", defaults={"fine_tune_share": 0.2}),
                    "pointer": Choice("chromatic", "pointer", defaults.POINTER),
                    "random": Choice("chromatic", "random", defaults.SAMPLED),
                    "fixed": Choice("chromatic", "fixed", defaults.SAMPLED),
                    "evolution": Choice("chromatic", "evolution", defaults.SAMPLED),
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
                        {
                            "distill": defaults.ROUNDED_IMITATION,
                            "sac": defaults.ROUNDED,
                            "td3": defaults.ROUNDED,
                            "ppo": defaults.ROUNDED_ON_POLICY,
                        }
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
                    "depth-uniform": Choice("hypernet", "stratified", defaults.HYPERNET),
                    "uniform": Choice("hypernet", "cycle", defaults.HYPERNET),
                    "pointer": Choice("hypernet", "pointer", defaults.HYPERNET),
                },
                learners=("sac", "td3", "ddpg"),
                goal_learner="ddpg",
                paper=defaults.HYPERNET_PAPER,
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
                    "depth-uniform": Choice("hypernet", "stratified", defaults.HYPERPPO),
                    "inverse-depth": Choice("hypernet", "inverse-stratum", defaults.HYPERPPO),
                    "uniform": Choice("hypernet", "cycle", defaults.HYPERPPO),
                },
                learners=("ppo",),
                paper=defaults.HYPERPPO_PAPER,
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
            _gradient(
                "hyperppo-tasks",
                "a graph hypernetwork reads a context, too: a policy for every architecture in every task",
                {
                    "depth-uniform": Choice("hypernet-tasks", "stratified", defaults.HYPERPPO_TASKS),
                    "inverse-depth": Choice("hypernet-tasks", "inverse-stratum", defaults.HYPERPPO_TASKS),
                    "uniform": Choice("hypernet-tasks", "cycle", defaults.HYPERPPO_TASKS),
                },
                learners=("ppo",),
                meta_batch=True,
                hidden=(),
                anchor_share=0.0,
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
                {"uniform": Choice("inferred-context", "cycle", defaults.PEARL)},
                learners=("pearl",),
                paper=defaults.PEARL_PAPER,
                meta_batch=True,
                **defaults.PEARL_FIXED,
            ),
            _gradient(
                "hyper-pearl",
                "latents that are inferred of a task decide the weights of a plain network (Keynan et al. 2021)",
                {"uniform": Choice("inferred-hyper", "cycle", {**defaults.PEARL, "hidden": (128,)})},
                learners=("pearl",),
                paper={**defaults.PEARL_PAPER, **defaults.HYPER_PEARL_PAPER},
                meta_batch=True,
                **defaults.PEARL_FIXED,
            ),
            _gradient(
                "distill",
                "a plain network imitates the policy of another run",
                {NO_CHOICE: Choice("plain", defaults={**defaults.GRADIENT, "steps": 200_000, "hidden": (16, 8)})},
                learners=("distill",),
            ),
        )
    )
)
