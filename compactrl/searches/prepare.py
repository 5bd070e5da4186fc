"""From the user's options to all parts of a search, checked before anything is written.

    options → environment → settings → compression → learner

The environment comes first where its goals decide on the learner. Settings that the environment and this version decide
are filled in, so that the run's record has them.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from compactrl.compressions import COMPRESSIONS
from compactrl.compressions.base import Compression
from compactrl.encodings.rounding import rounded_normalizer, with_rounded_normalizer
from compactrl.envs.modules import absolute_module
from compactrl.envs.notices import begin_anew
from compactrl.envs.registry import environment_of
from compactrl.envs.spec import EnvironmentSpec
from compactrl.errors import InputError
from compactrl.learners import LEARNERS, Learner, LearnerContext
from compactrl.learners.metabatch import MetaBatch
from compactrl.machine.hardware import cores, memory
from compactrl.methods.options import SearchOptions
from compactrl.methods.settings import Settings, method_of, named_values, resolve
from compactrl.methods.values import validated
from compactrl.policies.files import load_policy
from compactrl.policies.policy import Policy
from compactrl.runs.run import START, TEACHER, Run
from compactrl.searches.families import check_family, with_family
from compactrl.searches.studies import Study, check
from compactrl.searches.teaching import (
    check_start,
    task_taken_over,
    with_environment_of_teacher,
    with_network_of_start,
)
from compactrl.searches.transfer import check_designs, with_colorings
from compactrl.types import Normalizer

ENVIRONMENT = ("env", "engine", "max_episode_steps", "env_options", "env_module")
"""Options that say what is controlled."""


class Seeds(NamedTuple):
    """Where the randomness of each part of a search comes from."""

    controller: np.random.SeedSequence
    learner: np.random.SeedSequence
    training: np.random.SeedSequence
    selecting: np.random.SeedSequence
    settled: np.random.SeedSequence
    """Of the controller that has nothing left to choose."""


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
    policies: Mapping[str, Policy]
    """Of other runs, that this one imitates or begins from; it keeps them, each in files with this stem."""


def prepare(given: Mapping[str, Any], folder: Path | None = None) -> Prepared:
    """Check the options, and make the parts of a search.

    Args:
        given: options by name; those that are None are not given.
        folder: of the run that is resumed.

    Raises:
        InputError: an option, the environment, or a run that an option names will not do.
    """
    begin_anew()
    setup = set_up(given if folder is not None else _with_limit(named_values(given)))
    settings, policies = setup.settings, _policies(setup.settings, folder)
    if START in policies:
        check_start(policies[START], settings.flat()["start_from"], setup.spec)
    start, normalizer = _taken_over(settings, policies)
    if start is not None:
        setup = _begun(setup, start)
    if setup.spec.contexts is not None:
        setup.compression.task = task_taken_over(policies, setup.spec, folder is not None)
    if setup.spec.action.warning():
        warnings.warn(f"{setup.spec.id}: {setup.spec.action.warning()}", stacklevel=2)
    seeds = Seeds(*np.random.SeedSequence(settings.search.seed).spawn(len(Seeds._fields)))
    kind, many = LEARNERS[settings.search.learner], settings.meta_batch
    batch = MetaBatch() if many is None else MetaBatch.of(many, setup.compression)
    context = LearnerContext(
        method=settings.search.method,
        compression=setup.compression,
        options=settings.learner,
        spec=setup.spec,
        lanes=settings.lanes,
        seed=seeds.learner,
        distribution=kind.distribution(settings.learner, setup.spec.action),
        meta_batch=batch,
        steps=settings.search.steps,
        settle=settings.search.fine_tune_share,
        strategy=settings.strategy,
        threads=settings.search.threads or cores(),
        resumed=folder is not None,
        teacher=policies.get(TEACHER),
        normalizer=normalizer,
    )
    if getattr(settings.learner, "gradient_interval", 0):
        check(Study(), setup.spec)
    try:
        learner = kind.load().build(context)
    except ValueError as error:
        raise InputError(str(error)) from error
    return Prepared(settings, setup.spec, setup.compression, learner, seeds, policies)


def set_up(given: Mapping[str, Any]) -> Setup:
    """Return settings, environment and compression of these options.

    Raises:
        InputError: an option, or the environment, will not do.
    """
    values = with_network_of_start(with_environment_of_teacher(with_colorings(with_family(named_values(given)))))
    method, spec = method_of(values), None
    if method.goal_learner and not values.get("learner"):  # its options depend on it
        environment = validated(
            SearchOptions, {name: values[name] for name in (*ENVIRONMENT, "max_envs") if name in values}
        )
        spec = environment_of(environment.model_dump())
    settings = resolve(values, goals=spec is not None and spec.goal is not None)
    spec = spec or environment_of(settings.search.model_dump())
    check_family(settings.search, spec)
    settings = _filled_in(settings, spec)
    kind = COMPRESSIONS[settings.choice.compression]
    outputs = LEARNERS[settings.search.learner].distribution(settings.learner, spec.action).outputs(spec.action.size)
    layers = (spec.observation_size, *settings.search.hidden, outputs)
    _check_memory(layers, settings.lanes)
    try:
        skeleton = kind.skeleton_of(layers, settings.compression)
        compression = kind(skeleton, settings.compression)
    except ValueError as error:
        raise InputError(str(error)) from error
    check_designs(settings, compression)
    return Setup(settings, spec, compression)


def _check_memory(layers: tuple[int, ...], candidates: int) -> None:
    """Check that the weights of all networks that act at a time, 4 bytes each, fit into the memory that is free.

    Raises:
        InputError: they do not; a process that tries is killed without a word.
    """
    edges = sum(before * after for before, after in pairwise(layers))
    needed, free = edges * candidates * 4 / 2**30, memory().free
    if needed > free:
        hidden = ",".join(str(width) for width in layers[1:-1])
        raise InputError(
            f"--hidden {hidden}: {edges:,} edges of each of {candidates} networks take {needed:,.0f} GiB of memory, "
            f"and {free:.0f} GiB are free: give narrower layers"
        )


def _with_limit(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return options of a new search with the most environments that may exist; a run's record says that itself.

    Raises:
        InputError: the number of environments is none, or another than the most of them.
    """
    chosen = validated(SearchOptions, {name: given[name] for name in ("num_envs", "max_envs") if name in given})
    if "max_envs" not in given:
        return {**given, "max_envs": chosen.num_envs}
    if chosen.max_envs not in (0, chosen.num_envs):
        raise InputError(
            f"max_envs={chosen.max_envs} follows from num_envs, which says how many there are: leave it out"
        )
    return dict(given)


def _filled_in(settings: Settings, spec: EnvironmentSpec) -> Settings:
    """Return settings with what the environment and this version decide."""
    decided = {"engine": spec.engine, "max_episode_steps": spec.max_episode_steps, "num_envs": settings.lanes}
    decided["env_module"] = absolute_module(settings.search.env_module)
    search, learner = settings.search.model_copy(update=decided), settings.learner.completed(spec)
    try:
        compression = settings.compression.completed(spec.contexts, search.seed)
    except ValueError as error:
        raise InputError(
            f"--method {search.method} is for families of tasks, and {spec.id} has no tasks: give one by --tasks, such "
            "as HalfCheetah-Vel, or an environment of yours with `contexts`"
        ) from error
    except InputError as error:  # of a family's sampler, which is a function of anybody's
        raise InputError(f"{spec.id}: {error}") from error
    return replace(settings, search=search, learner=learner, compression=compression)


def _policies(settings: Settings, folder: Path | None) -> dict[str, Policy]:
    """Return the policies that are imitated or begun from: the run's own copies, or of the runs that options name."""
    options, policies = settings.flat(), {}
    for stem, option in ((TEACHER, "teacher"), (START, "start_from")):
        if folder is not None and (folder / f"{stem}.json").exists():
            policies[stem] = load_policy(folder / stem)
        elif options.get(option):
            policies[stem] = Run(options[option]).policy
    return policies


def _taken_over(settings: Settings, policies: Mapping[str, Policy]) -> tuple[Policy | None, Normalizer | None]:
    """Return the policy that a search begins from, and the normaliser that it keeps from first to last, if any.

    Raises:
        InputError: a normaliser is to be rounded, and there is none yet, or nothing that makes up for it.
    """
    start, teacher = policies.get(START), policies.get(TEACHER)
    if getattr(settings.compression, "normalizer", "floats") == "floats":
        return start, None if start is None else start.normalizer
    if start is not None:
        try:
            start = with_rounded_normalizer(start)
        except ValueError as error:
            raise InputError(f"--normalizer bytes: --start-from {settings.flat()['start_from']}: {error}") from error
        return start, start.normalizer
    if teacher is None:
        raise InputError(
            "--normalizer bytes rounds the normaliser of another run: give --start-from or --teacher. Without one it "
            "follows what the search sees"
        )
    return None, rounded_normalizer(teacher.normalizer)


def _begun(setup: Setup, start: Policy) -> Setup:
    """Return a setup whose search begins from a policy.

    Raises:
        InputError: it has another network.
    """
    try:
        return replace(setup, compression=setup.compression.begun_from(start))
    except ValueError as error:
        raise InputError(str(error)) from error
