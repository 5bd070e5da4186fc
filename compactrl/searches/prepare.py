"""From what the user gave to everything that a search needs, checked, in one way and before anything is written.

    given → environment → settings → compression → learner

The environment comes first where its goals decide on the learner. What the environment and this version decide is
written out in the settings, so that a run's record says it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from compactrl.compressions import COMPRESSIONS
from compactrl.compressions.base import Compression
from compactrl.envs.registry import environment_of
from compactrl.envs.spec import EnvironmentSpec
from compactrl.errors import InputError
from compactrl.learners import LEARNERS, Learner, LearnerContext
from compactrl.learners.metabatch import MetaBatch
from compactrl.learners.options import DistillOptions, EvolutionOptions
from compactrl.methods.options import SearchOptions
from compactrl.methods.settings import Settings, method_of, named_values, resolve, validated
from compactrl.policies.files import load_policy
from compactrl.policies.policy import Policy
from compactrl.runs.run import TEACHER, Run
from compactrl.searches.transfer import check_designs, with_colorings

ENVIRONMENT = ("env", "engine", "max_episode_steps", "env_options", "env_module")
"""Options that say what is controlled."""


class Seeds(NamedTuple):
    """Where the randomness of each part of a search comes from."""

    controller: np.random.SeedSequence
    learner: np.random.SeedSequence
    training: np.random.SeedSequence
    selecting: np.random.SeedSequence
    settled: np.random.SeedSequence
    """Of the controller once there is nothing left to choose."""


@dataclass(frozen=True)
class Setup:
    """A search as its options describe it."""

    settings: Settings
    spec: EnvironmentSpec
    compression: Compression


@dataclass(frozen=True)
class Prepared(Setup):
    """A search that can begin."""

    learner: Learner
    seeds: Seeds
    teacher: Policy | None
    """Whose policy is imitated, where one is; the run keeps it."""


def prepare(given: Mapping[str, Any], folder: Path | None = None) -> Prepared:
    """Check the options, and make what a search begins with.

    Args:
        given: options by name; those that are None are not given.
        folder: of the run, where it is there already.

    Raises:
        InputError: an option, the environment, or a run that an option names will not do.
    """
    setup = set_up(given)
    settings = setup.settings
    seeds = Seeds(*np.random.SeedSequence(settings.search.seed).spawn(len(Seeds._fields)))
    teacher = _teacher(settings.learner, folder) if isinstance(settings.learner, DistillOptions) else None
    kind, space = LEARNERS[settings.search.learner], setup.compression.architecture_space
    batch = MetaBatch() if settings.meta_batch is None or space is None else MetaBatch.of(settings.meta_batch, space)
    context = LearnerContext(
        method=settings.search.method,
        compression=setup.compression,
        options=settings.learner,
        spec=setup.spec,
        lanes=settings.lanes,
        seed=seeds.learner,
        distribution=kind.distribution(settings.learner),
        meta_batch=batch,
        steps=settings.search.steps,
        settle=settings.search.settle,
        strategy=settings.strategy,
        resumed=folder is not None,
        teacher=teacher,
    )
    try:
        learner = kind.load().build(context)
    except ValueError as error:
        raise InputError(str(error)) from error
    return Prepared(settings, setup.spec, setup.compression, learner, seeds, teacher)


def set_up(given: Mapping[str, Any]) -> Setup:
    """Return settings, environment and compression of these options.

    Raises:
        InputError: an option, or the environment, will not do.
    """
    values = with_colorings(named_values(given))
    method, spec = method_of(values), None
    if method.goal_learner and not values.get("learner"):  # which options there are is the learner's to say
        asked = validated(SearchOptions, {name: values[name] for name in ENVIRONMENT if name in values})
        spec = environment_of(asked.model_dump())
    settings = resolve(values, goals=spec is not None and spec.goal is not None)
    spec = spec or environment_of(settings.search.model_dump())
    settings = _written_out(settings, spec)
    kind = COMPRESSIONS[settings.choice.compression]
    outputs = LEARNERS[settings.search.learner].distribution(settings.learner).outputs(spec.action.size)
    try:
        skeleton = kind.skeleton_of((spec.observation_size, *settings.search.hidden, outputs))
        compression = kind(skeleton, settings.compression)
    except ValueError as error:
        raise InputError(str(error)) from error
    check_designs(settings, compression)
    return Setup(settings, spec, compression)


def _written_out(settings: Settings, spec: EnvironmentSpec) -> Settings:
    """Return settings in which is written what the environment and this version decide."""
    decided = {"engine": spec.engine, "max_episode_steps": spec.max_episode_steps, "lanes": settings.lanes}
    learner = settings.learner
    if isinstance(learner, EvolutionOptions) and learner.alive_bonus is None:
        learner = learner.model_copy(update={"alive_bonus": spec.alive_bonus})
    return replace(settings, search=settings.search.model_copy(update=decided), learner=learner)


def _teacher(options: DistillOptions, folder: Path | None) -> Policy | None:
    """Return the policy that is imitated: the run's own copy where it has one, else that of the run that is named."""
    if folder is not None and (folder / f"{TEACHER}.json").exists():
        return load_policy(folder / TEACHER)
    return Run(options.teacher).policy if options.teacher else None
