"""A policy of many tasks as a catalogue of policies: one for every context, from a run's last checkpoint.

Where the learner is one whose policies adapt (`learners/adapting.py`), it is made anew and brought to its checkpoint: a
policy of a context is then one that has adapted to it, by episodes in that task.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from compactrl.catalogs.catalog import EARLIER
from compactrl.compressions import COMPRESSIONS
from compactrl.compressions.tasks import OfTasks
from compactrl.envs.spec import EnvironmentSpec
from compactrl.errors import CompactrlError, InputError, either
from compactrl.learners import LEARNERS
from compactrl.learners.adapting import Adapting
from compactrl.learners.base import NO_DESIGN, Shipped, shipped_theta, single
from compactrl.learners.moments import identity, seen_in
from compactrl.methods.rows import METHODS, Method
from compactrl.methods.settings import Settings
from compactrl.policies.contexts import Contexts
from compactrl.policies.policy import Policy
from compactrl.policies.sharing import shared_edges
from compactrl.runs.checkpoints import load_checkpoint
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
    compression: OfTasks
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
        if self.spec.contexts is None:  # the record has been changed by hand
            raise InputError(f"{self.spec.id} has no tasks any more: use the environment of then")
        return self.spec.contexts

    def contexts(self, split: Split) -> Floats:
        """Return the contexts (n, C) of the tasks that trained, or of those that test."""
        train = len(self.compression.options.train_contexts)
        table = self.compression.contexts
        return table[:train] if split == "train" else table[train:]

    def policies(self, contexts: Floats) -> list[Policy]:
        """Return the policies of contexts (n, C), as they are before any adaptation."""
        compression = self.compression.for_tests(contexts)
        return [
            self._policy(_shipped(compression, self.theta, design, self.spec.action.size), context)
            for design, context in zip(compression.test_designs, contexts, strict=True)
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


def _shipped(compression: OfTasks, theta: Floats, design: Design, outputs: int) -> Shipped:
    """Return what ships of theta (P,) with a design (D,), of whose outputs only those that are actions ship."""
    from compactrl.learners.gradient import first_outputs

    compact = first_outputs(compression.compact(theta, design), outputs)
    edges = shared_edges(compact.weights, compact.index, compact.mask)
    layers = single(compact.skeleton.layers(edges, compact.biases))
    return Shipped(compact, layers, NO_DESIGN, compression.shipped_size(compact))


def read_context(text: str, family: Contexts, extrapolate: bool = False) -> Floats:
    """Return a context (C,) as it is typed.

    Args:
        text: a number for each that tells a task, with commas between them.
        family: what tells its tasks apart.
        extrapolate: whether contexts may be outside of the family's range.

    Raises:
        InputError: it is no context of the family.
    """
    names, parts = family.names, text.split(",")
    try:
        context = np.array([float(part) for part in parts])
    except ValueError:
        context = np.zeros(0)
    if context.shape != (family.size,) or not np.isfinite(context).all():
        expected = "a number" if len(names) == 1 else f"{len(names)} numbers with commas between them"
        example = ",".join(f"{value:g}" for value in np.add(family.low, family.high) / 2)
        raise InputError(f"--context {text}: expected {expected} for {', '.join(names)}, such as {example}")
    for name, value, low, high in zip(names, context, family.low, family.high, strict=True):
        if not (low <= value <= high or extrapolate):
            raise InputError(
                f"--context {text}: {name} {value:g} is outside of {low:g} … {high:g}, the range of this family, where "
                "nothing is known of the policy; --extrapolate takes it nevertheless"
            )
    return context


def has_tasks(run: Run) -> bool:
    """Return whether a run's policy is one of many tasks."""
    return "train_contexts" in run.config


def open_tasks(run: Run, option: str = "--tasks", num_envs: int = 0) -> TaskCatalog:
    """Read the last checkpoint of a policy of many tasks.

    Args:
        run: the search's.
        option: what asks for it, for messages.
        num_envs: parallel environments at most; 0 for as many as the search was given.

    Raises:
        InputError: the run is of another method, or has settled on one task.
        CompactrlError: it has no checkpoint yet.
    """
    if not has_tasks(run):
        methods = [name for name, row in METHODS.items() if of_tasks(row)]
        raise InputError(
            f"{option}: {run.path} is a run of --method {run.config['method']}, whose policy is for no family of "
            f"tasks; those of --method {either(methods)} are"
        )
    setup = set_up(run.config)
    settings, compression, spec = setup.settings, setup.compression, setup.spec
    if not isinstance(compression, OfTasks):
        raise TypeError(f"expected policies of tasks, got {type(compression).__name__}")
    adapts = hasattr(LEARNERS[settings.search.learner].load(), "adapt")
    found = load_checkpoint(run.path) if adapts else load_checkpoint(run.path, only=_needed)
    if found is None:
        raise CompactrlError(
            f"{run.path} has no checkpoint yet: let the search go on with `compactrl resume {run.path}`"
        )
    iteration, state = found
    of_learner, env_steps = state["learner"], int(state["env_steps"])
    if of_learner["settled"] is not None:
        raise InputError(f"{option}: {run.path} has settled on one task, and its network is for that one alone")
    if num_envs:
        spec = replace(spec, environments=num_envs)
    size = spec.observation_size
    normalizer = seen_in(of_learner, size).normalizer if settings.learner.normalizes else identity(size)
    theta = shipped_theta(of_learner).astype(float)
    learner = _learner(run, of_learner) if adapts else None
    return TaskCatalog(run, settings, spec, compression, theta, normalizer, iteration, env_steps, learner)


def _needed(state: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a checkpoint that is needed where nothing adapts."""
    learner, names = state["learner"], ("settled", "theta", "average_theta", "count", "mean", "spread", *EARLIER)
    return {"env_steps": state["env_steps"], "learner": {name: learner[name] for name in names if name in learner}}


def _learner(run: Run, state: dict[str, Any]) -> Adapting:
    """Return the learner of a run, as it was when this was saved."""
    learner = prepare(run.config, run.path).learner
    learner.load_state_dict(state)
    if not isinstance(learner, Adapting):
        raise TypeError(f"expected a learner that adapts, got {type(learner).__name__}")
    return learner


def of_tasks(method: Method) -> bool:
    """Return whether a method's policies are of many tasks."""
    return all(issubclass(COMPRESSIONS[choice.compression], OfTasks) for choice in method.choices.values())
