"""A graph hypernetwork that also reads a task's context: one theta for every architecture and every task.

Each node of an architecture's graph starts as an encoding of its features (`hypernetworks/gnn.py`) plus a linear map of
the scaled context, the same for all nodes:

    h_v = W features_v + b + U context

From there on all is the graph hypernetwork's (`hypernet.py`). U begins at zero, so that every task begins with the same
network, that of the graph hypernetwork with the same first theta; with U at zero they stay one. No paper has it: the
parts are those of Hegde & Sukhatme 2022 and, for what is told a hypernetwork of a task, Keynan et al. 2021.
"""

from __future__ import annotations

from typing import ClassVar

from compactrl.compressions.hypernet import Hypernet, HypernetOptions
from compactrl.compressions.multitask import MultiTask, MultiTaskOptions


class HypernetTaskOptions(MultiTaskOptions, HypernetOptions):
    """Options of the graph hypernetwork, and the tasks."""


class HypernetTasks(MultiTask, Hypernet):
    """One theta for every architecture and task; the design, (D,), is an architecture's, then a task's number.

    Example:
        >>> from compactrl.policies.contexts import Contexts, Uniform
        >>> speed = Contexts(("v",), (0.0,), (3.0,), Uniform((0.0,), (3.0,)), Uniform((0.0,), (3.0,)))
        >>> options = HypernetTaskOptions(widths=(4, 8), max_layers=2).completed(speed, seed=0)
        >>> hypernet = HypernetTasks(Skeleton.relu((17, 6)), options)
        >>> hypernet.summary, hypernet.space.count
        ('6 architectures of 17 observations, each in 100 tasks, and 30 to test', 600)
    """

    name = "hypernet-tasks"
    Options: ClassVar[type[HypernetTaskOptions]] = HypernetTaskOptions
    options: HypernetTaskOptions

    @property
    def summary(self) -> str:
        """What is searched, in words."""
        return f"{super().summary}, each in {self.tasks_in_words}"
