"""The portfolio of a fit as rows of data: teachers, students that imitate one, and methods that begin from nothing.

A row is a method with options, and menus: values of options, those that are wanted most first. Of a budget in bytes a
row gives the first combination that fits. A new row is a new candidate; nothing else is to be written.

Learning by gradients finds good small networks, sharing makes them tiny, evolution on the true return mends what
rounding broke. PPO is there in minutes, SAC needs fewer steps and more time for each. Large networks learn more of each
step: so a small one imitates the best policy that there is, and goes on by PPO from there, first in floats, then
rounded. Evolution goes on from these, on their latents, their palette fixed and their rounding inside. Beside them run
methods that need no teacher, which also serve where there are no gradients: actions without bounds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from compactrl.encodings.rounding import rounded_to_bytes
from compactrl.policies.policy import Policy


def as_it_is(policy: Policy) -> Policy:
    """Return a policy."""
    return policy


MOST = 10**15
"""Steps of a search that ends when the fit says so."""


@dataclass(frozen=True)
class Row:
    """One way to find policies of any size."""

    name: str
    options: Mapping[str, Any]
    """Of its search, the method among them."""
    menus: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    """Option → values, the one that is wanted most first; the last option's change first."""
    cost: int = 1
    """What an environment step counts as, where the budget is in steps: the time that it takes, about, with the updates
    that come with it, in steps of evolution."""
    anneals: bool = False
    """Whether its learning rate falls to nothing by the end of its only grant."""
    ships: Callable[[Policy], Policy] = as_it_is
    """What ships of its policies."""


@dataclass(frozen=True)
class Teacher(Row):
    """A way to learn by gradients, whose policies may be too large for every budget."""

    share: float = 0.0
    """Of the budget."""
    least_episodes: int = 0
    """Of the longest length that it must have time for; with less, evolution from nothing is ahead."""
    most_episodes: float = math.inf
    """The same; with more, others do better."""
    discrete: bool = False
    """Whether it learns discrete actions."""
    catalog: bool = False
    """Whether it has a policy for every architecture, those within a budget candidates each."""


EVOLVED = {"fine_tune_share": 0.0, "reevaluations": 1, "steps": MOST}
"""Nothing in such a search depends on its budget, so that it can be gone on with for as long as it is worth it."""
FEW = (17, 12, 8, 6, 5, 4, 3, 2)
"""Weights that edges share."""

UPDATE_COST = 200
"""Of a step that comes with an update from a replay buffer."""
STEPS_A_SECOND = 30_000
"""Of evolution on one core, about: whether there is time for a teacher follows from it."""
TEACHERS = (
    *(
        Teacher(
            name,
            {"method": "ppo", "hidden": hidden, "steps": MOST},
            cost=3,
            anneals=True,
            share=share,
            least_episodes=least,
            most_episodes=most,
            discrete=True,
        )
        for name, hidden, share, least, most in (
            ("teacher-ppo-alone", (32, 16), 0.4, 400, 2_000),
            ("teacher-ppo", (32, 16), 0.12, 600, math.inf),
            ("teacher-ppo-wide", (64, 64), 0.2, 1_000, math.inf),
        )
    ),
    Teacher(
        "catalogue",
        {"method": "hyperppo", "widths": (4, 8, 16, 32), "max_layers": 2, "steps": MOST},
        cost=4,
        anneals=True,
        share=0.04,
        least_episodes=5_000,
        catalog=True,
    ),
    Teacher(
        "teacher-sac",
        {"method": "sac", "hidden": (32, 16), "steps": MOST, "reevaluations": 1},
        cost=UPDATE_COST,
        share=0.05,
        least_episodes=225,
    ),
)
"""All that the environment and the time allow. A student begins from the best policy with its network. Where there is
no time for the wide one, and for apprentices that learn from it, the other one has theirs."""


@dataclass(frozen=True)
class Apprentice(Row):
    """A way to learn by gradients that begins from a policy which imitates the best one."""

    imitates: Mapping[str, Any] = field(default_factory=dict)
    """Options of the search that imitates; the network among them."""
    least_episodes: int = 0
    """Of the longest length that it must have time for."""
    discrete: bool = False
    """Whether it learns discrete actions."""

    @property
    def imitation(self) -> Row:
        """The row of that search."""
        return Row(f"{self.name}-student", self.imitates, cost=UPDATE_COST, anneals=True)


_IMITATION = {
    "method": "distill",
    "steps": MOST,
    "actor_learning_rate": 2e-3,
    "actor_learning_rate_decay": 0.01,
    "student_share": 0.5,
    "updates_per_step": 0.5,
    "reevaluation_episodes": 4,
}
"""As a student imitates through its rounding."""
APPRENTICES = tuple(
    Apprentice(
        f"apprentice-{'-'.join(map(str, hidden))}",
        {"method": "ppo", "steps": MOST, "log_std_init": -1.5},
        cost=3,
        anneals=True,
        least_episodes=400,
        discrete=True,
        imitates={**_IMITATION, "hidden": hidden},
    )
    for hidden in ((32, 16), (16, 8), (8,), (4,))
)
"""The networks of students."""
ROUNDINGS: Mapping[str, Callable[[Policy], Policy]] = {"int8": rounded_to_bytes}
"""Ways to store a teacher's policy in fewer bytes, each a candidate that costs its episodes alone."""

_STUDENT = {
    "method": "shared",
    "learner": "distill",
    "output_bias": True,
    "normalizer": "bytes",
    "reevaluation_episodes": 4,
}
STUDENTS = tuple(
    Row(
        f"shared-{'-'.join(map(str, hidden))}{'b' if few_biases else ''}",
        {**_STUDENT, "hidden": hidden},
        {"partitions": most, **({"bias_partitions": (8, 7, 4)} if few_biases else {})},
        cost=UPDATE_COST,
        anneals=True,
    )
    for hidden, most in (
        ((32, 16), (32, 16, 12, 8, 6)),
        ((16, 8), (32, 16, 12, 10, 8, 6, 5, 4)),
        ((8,), (64, 32, 16, 8, 4, 3, 2)),
        ((4,), (32, 16, 8, 4, 3, 2)),
    )
    for few_biases in (False, True)
)
"""Of a budget, the `AT_MOST` that use most of it. They have their teacher's activation. Large networks with very few
weights are left out: smaller ones with more do better in as many bytes."""
AT_MOST = 3
NETWORKS = 2
"""Of a budget's students, so many networks have apprentices: the largest."""
TUNING = Row(
    "tuning",
    {"method": "shared", "learner": "ppo", "steps": MOST, "actor_learning_rate": 1e-4, "log_std_init": -2.0},
    cost=4,
    anneals=True,
)
"""How a student goes on by reinforcement, through its rounding. With three times the rate, more edges change their
weight in an iteration than a policy survives."""
LEAST_TUNING = 250
"""Episodes of the longest length, of each."""
LEAST_IMITATION = 1000
"""Steps of an apprentice's imitation."""

EVOLUTION = Row("evolution", {**EVOLVED, "method": "shared", "learner": "evolution"})
"""What goes on from a student: the network and the shared values are the student's."""

EVOLVERS = (
    Row(
        "latent",
        {**EVOLVED, "method": "chromatic"},
        {"hidden": ((41,), (24,), (16,), (8,), (4,), ()), "partitions": FEW},
    ),
    Row(
        "latent-b",
        {**EVOLVED, "method": "shared", "learner": "evolution"},
        {"hidden": ((41,), (24,), (16,), (8,), (4,)), "partitions": FEW, "bias_partitions": (8, 4)},
    ),
    Row("linear", {**EVOLVED, "method": "linear"}),
    Row("toeplitz", {**EVOLVED, "method": "toeplitz"}, {"hidden": ((41,), (24,), (16,), (8,))}),
    Row("circulant", {**EVOLVED, "method": "circulant"}, {"hidden": ((41,), (24,), (16,), (8,))}),
    Row("dense", {**EVOLVED, "method": "unstructured"}, {"hidden": ((64,), (41,), (24,), (16,), (8,), (4,), (2,))}),
)
"""From nothing, by evolution."""
KEEPS_UP = 0.5
"""Of what the best teacher is above the median of these, the best of these has so much: then the rest of the budget is
evolution's. It had a tenth of the teacher's time or less, and PPO may have come to rest where evolution does not: on
Swimmer it has three quarters and more, on HalfCheetah, Hopper and Walker2d up to an eighth, on Reacher a third."""
LEAST_EPISODES = 300
"""Of the longest length, for each in the first rung; with less, they are of the smallest budget alone."""


@dataclass(frozen=True)
class Shares:
    """How a budget is divided; what nobody takes is the race's."""

    evolvers: float = 0.1
    """The first rung of methods that begin from nothing."""
    beside_teachers: float = 0.05
    """The same, where there are teachers."""
    apprenticeship: float = 0.04
    """Of apprentices, to imitate."""
    apprentices: float = 0.16
    """To go on from there."""
    imitation: float = 0.06
    most_imitation_seconds: float = 120.0
    """Of one apprentice or student: more helps little."""
    tuning: float = 0.18
    """And what apprentices would have, where there is no time for them."""


SHARES = Shares()
