"""The portfolio of a fit as rows of data: teachers, students that imitate one, and methods that begin from nothing.

A row is a method with options, and menus: values of options, those that are wanted most first. Of a budget in bytes a
row gives the first combination that fits. A new row is a new candidate; nothing else is to be written.

Learning by gradients finds good small networks from few steps, sharing makes them tiny, evolution on the true return
mends what rounding broke. So a student imitates the best policy that there is, and evolution goes on from it, on its
latents, its palette fixed and its rounding inside. Beside them run methods that need no teacher, which also serve where
there are no gradients: discrete actions, actions without bounds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

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


EVOLVED = {"fine_tune_share": 0.0, "reevaluations": 1, "steps": MOST}
"""Nothing in such a search depends on its budget, so that it can be gone on with for as long as it is worth it."""
FEW = (17, 12, 8, 6, 5, 4, 3, 2)
"""Weights that edges share."""

TEACHERS = (
    Row(
        "teacher",
        {"method": "sac", "hidden": (32, 16), "fine_tune_share": 0.0, "steps": MOST, "reevaluations": 1},
    ),
)
"""By gradients: the first that the environment allows. A student with its network begins from its weights."""

_STUDENT = {
    "method": "shared",
    "learner": "distill",
    "activation": "relu",
    "output_bias": True,
    "reevaluation_episodes": 4,
}
STUDENTS = tuple(
    Row(
        f"shared-{'-'.join(map(str, hidden))}{'b' if few_biases else ''}",
        {**_STUDENT, "hidden": hidden},
        {"partitions": most, **({"bias_partitions": (8, 4)} if few_biases else {})},
    )
    for hidden, most in (
        ((64, 32), (8, 6, 5, 4, 3, 2)),
        ((32, 16), (16, 12, 8, 6, 5, 4, 3, 2)),
        ((16, 16), (32, 16, 12, 8, 6, 5, 4, 3)),
        ((16, 8), (32, 16, 12, 8, 6, 5, 4, 3)),
        ((8,), (64, 32, 16, 8, 4, 3, 2)),
    )
    for few_biases in (False, True)
)
"""Of a budget, the `AT_MOST` that use most of it."""
AT_MOST = 3

EVOLUTION = {**EVOLVED, "method": "shared", "learner": "evolution"}
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

GRADIENT_COST = 200
"""An environment step that comes with an update by gradients counts as this many: what it takes, about, beside one of
evolution. Of a budget in seconds, seconds count."""

UPDATES_A_SECOND = 150
"""By gradients on one core, about: whether there is time for a teacher follows from it."""


@dataclass(frozen=True)
class Shares:
    """How a budget is divided; what nobody takes is the race's."""

    teacher: float = 0.35
    least_episodes: int = 100
    """Of the longest length that a teacher must have time for; with less, evolution from nothing is ahead."""
    evolvers: float = 0.15
    """The first rung of methods that begin from nothing."""
    imitation: float = 0.1
    most_imitation_seconds: float = 180.0
    """Of one student: more helps little."""


SHARES = Shares()
