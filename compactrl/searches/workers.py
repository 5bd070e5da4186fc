"""Ray workers of a search."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compactrl.envs.given import is_local, module_of, origin_of
from compactrl.envs.modules import load_module, module_folder, module_name
from compactrl.errors import InputError
from compactrl.learners import LEARNERS
from compactrl.methods.settings import Settings
from compactrl.searches.prepare import ENVIRONMENT

if TYPE_CHECKING:
    from compactrl.evaluation.ray.workers import Workers


def begin_workers(settings: Settings) -> Workers | None:
    """Begin or join a Ray, where the search asks for one.

    Raises:
        InputError: workers cannot have the environment, or there are more than lanes.
    """
    options = settings.search
    if not options.workers and not options.ray_address:
        return None
    from compactrl.evaluation.ray.workers import Workers

    if is_local(options.env):
        raise InputError(
            f"--workers: {origin_of(options.env)}, which worker processes cannot import. Define a class or a function "
            "in a module that they can, or leave --workers out: threads of this process step environments too"
        )
    if options.workers > settings.lanes:
        collects = LEARNERS[options.learner].load().needs_transitions
        raise InputError(
            f"--workers {options.workers}: there are {settings.lanes} lanes, and a worker needs at least one. "
            f"Give --num-envs {options.workers} ({'' if collects else 'with --population at least as large; '}results "
            "depend on it), or fewer workers"
        )
    environment = {name: getattr(options, name) for name in ENVIRONMENT}
    module = module_of(options.env) or options.env_module
    if module:
        load_module(options.env_module)
        environment["env_module"] = module_name(options.env_module)  # a worker may have the file elsewhere
        environment["module_folder"] = module_folder(module)
    return Workers(environment, options.workers, options.ray_address, options.worker_timeout)
