"""A policy of many tasks as a catalogue of policies: one for every context, from a run's last checkpoint.

Where the learner is one whose policies adapt (`learners/adapting.py`), it is made anew and brought to its checkpoint: a
policy of a context is then one that has adapted to it, by episodes in that task.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from compactrl.catalogs.catalog import check_architectures, read_architecture
from compactrl.catalogs.contexts import check_tasks, family_of, read_context
from compactrl.catalogs.opening import needed, open_trained, whole
from compactrl.compressions.hypernet_tasks import HypernetTasks
from compactrl.compressions.multitask import MultiTask
from compactrl.envs.spec import EnvironmentSpec
from compactrl.errors import InputError
from compactrl.learners import LEARNERS
from compactrl.learners.adapting import Adapting
from compactrl.learners.base import NO_DESIGN, Shipped, single
from compactrl.methods.settings import Settings
from compactrl.policies.architectures import Widths
from compactrl.policies.contexts import Contexts
from compactrl.policies.policy import Policy
from compactrl.policies.sharing import shared_edges
from compactrl.runs.evaluation import EVALUATION_STREAM
from compactrl.runs.run import Run
from compactrl.searches.prepare import prepare, set_up
from compactrl.searches.shipping import deployed
from compactrl.types import Design, Floats, Normalizer

Split = Literal["train", "test"]
SPLITS: tuple[Split, ...] = ("train", "test")
ADAPTATION = 9
"""Of the evaluation's stream, what exploration while adapting follows from."""


@dataclass(frozen=True)
class TaskCatalog:
    """A trained policy of many tasks and what it is for."""

    run: Run
    settings: Settings
    spec: EnvironmentSpec
    compression: MultiTask
    widths: Widths | None
    """Of the hidden layers of all its policies; None where the run has one architecture."""
    theta: Floats
    """(P,)"""
    normalizer: Normalizer
    iteration: int
    """Of the checkpoint that theta is from."""
    env_steps: int
    learner: Adapting | None = None
    """Where its policies adapt to a task."""

    @property
    def family(self) -> Contexts:
        """What tells the tasks apart."""
        return family_of(self.spec)

    def contexts(self, split: Split) -> Floats:
        """Return the contexts (n, C) of the tasks that trained, or of those that test."""
        train = len(self.compression.options.train_contexts)
        table = self.compression.contexts
        return table[:train] if split == "train" else table[train:]

    def policies(self, contexts: Floats) -> list[Policy]:
        """Return the policies of contexts (n, C), as they are before any adaptation."""
        compression, decisions = self.compression.for_tests(contexts), NO_DESIGN
        if self.widths is not None and compression.architecture_space is not None:
            decisions = compression.architecture_space.designs_of([self.widths])[0]
        designs = compression.in_tests(np.append(decisions, 0))
        return [
            self._policy(_shipped(compression, self.theta, design, self.spec.action.size), context)
            for design, context in zip(designs, contexts, strict=True)
        ]

    def adapted(self, contexts: Floats, threads: int = 0) -> list[Policy]:
        """Return the policies that come of adapting to each of n tasks (n, C)."""
        from compactrl.evaluation.local import LocalEvaluator

        if self.learner is None:
            return self.policies(contexts)
        most = self.spec.at_most(len(contexts))
        policies: list[Policy] = []
        for number, first in enumerate(range(0, len(contexts), most)):
            part = contexts[first : first + most]
            key = (EVALUATION_STREAM, ADAPTATION, number)
            lanes, exploration = np.random.SeedSequence(self.settings.search.seed, spawn_key=key).spawn(2)
            evaluator = LocalEvaluator(self.spec, len(part), lanes, threads or None)
            try:
                found = self.learner.adapt(evaluator, part, np.random.default_rng(exploration))
            finally:
                evaluator.close()
            policies += [self._policy(shipped, context) for shipped, context in zip(found, part, strict=True)]
        return policies

    def policy(self, context: str, extrapolate: bool = False) -> Policy:
        """Return the policy for a context as it is typed, as in `1.5` or `1.5,0.2`; adapted to it where it adapts.

        Args:
            context: a number for each that tells a task.
            extrapolate: whether contexts may be outside of the family's range.

        Raises:
            InputError: it is no context of the family.
        """
        read = read_context(context, self.family, extrapolate)
        return self.adapted(read[None], self.settings.search.threads)[0]

    def _policy(self, shipped: Shipped, context: Floats) -> Policy:
        method, container = self.settings.search.method, self.compression.container
        return deployed(shipped._replace(design=NO_DESIGN), self.normalizer, self.spec, method, container, context)


def _shipped(compression: MultiTask, theta: Floats, design: Design, outputs: int) -> Shipped:
    """Return what ships of theta (P,) with a design (D,), of whose outputs only those that are actions ship."""
    from compactrl.learners.gradient import first_outputs

    compact = first_outputs(compression.compact(theta, design), outputs)
    edges = shared_edges(compact.weights, compact.index, compact.mask)
    layers = single(compact.skeleton.layers(edges, compact.biases))
    return Shipped(compact, layers, NO_DESIGN, compression.shipped_size(compact))


def open_tasks(run: Run, option: str = "--tasks", num_envs: int = 0, architecture: str | None = None) -> TaskCatalog:
    """Read the last checkpoint of a policy of many tasks.

    Args:
        run: the search's.
        option: what asks for it, for messages.
        num_envs: parallel environments at most; 0 for as many as the search was given.
        architecture: as it is typed, of a graph hypernetwork; by default that of the policy that ships.

    Raises:
        InputError: the run is of another method, or has settled on one task; or this is no architecture of it.
        CompactrlError: it has no checkpoint yet.
    """
    check_tasks(run, option)
    if architecture is not None:
        check_architectures(run, "--architecture")
    setup = set_up(run.config)
    settings, compression, spec = setup.settings, setup.compression, setup.spec
    if not isinstance(compression, MultiTask):
        raise TypeError(f"expected policies of tasks, got {type(compression).__name__}")
    adapts = hasattr(LEARNERS[settings.search.learner].load(), "adapt")
    trained = open_trained(run, setup, whole if adapts else needed)
    if trained.settled:
        raise InputError(f"{option}: {run.path} has settled on one task, and its network is for that one alone")
    return TaskCatalog(
        run=run,
        settings=settings,
        spec=replace(spec, environments=num_envs) if num_envs else spec,
        compression=compression,
        widths=_widths(run, compression, architecture),
        theta=trained.theta,
        normalizer=trained.normalizer,
        iteration=trained.iteration,
        env_steps=trained.env_steps,
        learner=_learner(run, trained.learner) if adapts else None,
    )


def _widths(run: Run, compression: MultiTask, architecture: str | None) -> Widths | None:
    """Return the hidden layers of the architecture that is named, or of the one that ships; None where there is one."""
    if not isinstance(compression, HypernetTasks):
        return None
    return run.policy.shape[1:-1] if architecture is None else read_architecture(architecture, compression, run)


def _learner(run: Run, state: dict[str, Any]) -> Adapting:
    """Return the learner of a run, as it was when this was saved."""
    learner = prepare(run.config, run.path).learner
    learner.load_state_dict(state)
    if not isinstance(learner, Adapting):
        raise TypeError(f"expected a learner that adapts, got {type(learner).__name__}")
    return learner
