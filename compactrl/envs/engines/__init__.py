"""Engines: what steps many environments at once, by name in `ENGINES`, in order of preference.

Each is a module of this package with three functions: `ids`, `describe` and `make`. It is imported when it is used,
and its library with it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from compactrl.envs.engines.base import Engine
from compactrl.envs.tasks import SOONER

if TYPE_CHECKING:
    from compactrl.envs.spec import EnvironmentSpec


class EngineKind(NamedTuple):
    """An engine: where it is, and what others must know of it before it is imported."""

    name: str
    """On the command line, in a run's options, and of the module in this package."""
    package: str
    """Whose version decides its episodes, beside compactrl's and MuJoCo's: workers must have the same one."""
    example: str
    """An environment that it always knows, for trying it out."""
    threads_help: bool
    """Whether more threads step its environments faster: not where Python's lock lets one step at a time."""
    twin: str = ""
    """An engine that knows most of the same environments, seeds every reset, and is imported faster."""
    draws_from: str = "self.np_random"
    """What its environments are to draw random numbers from, so that a seed decides them."""
    sooner: frozenset[str] = frozenset()
    """Environments that other engines know too, and this one steps sooner: `auto` takes it for them."""

    def _load(self) -> Any:
        return import_module(f"{__name__}.{self.name}")

    def ids(self) -> frozenset[str]:
        """Return every environment that it knows by name."""
        ids: frozenset[str] = self._load().ids()
        return ids

    def describe(self, env: str, max_episode_steps: int, options: dict[str, Any]) -> EnvironmentSpec | None:
        """Say what a policy for an environment must look like; None where it does not know one with flat observations.

        Args:
            env: the id.
            max_episode_steps: a limit other than the environment's own; 0 keeps its own.
            options: of the environment.

        Raises:
            InputError: it knows the environment, which cannot be made with these options or served by a plain MLP.
        """
        spec: EnvironmentSpec | None = self._load().describe(env, max_episode_steps, options)
        return spec

    def make(self, spec: EnvironmentSpec, seeds: list[int], threads: int) -> Engine:
        """Make the environments of a block of lanes, one a seed."""
        engine: Engine = self._load().make(spec, seeds, threads)
        return engine


ENGINES: dict[str, EngineKind] = {
    kind.name: kind
    for kind in (
        EngineKind("envpool", "envpool", "Pendulum-v1", threads_help=True, twin="gymnasium"),
        EngineKind(
            "batched",
            "numpy",
            "compactrl/PointMass-v0",
            threads_help=False,
            draws_from="generators of the seeds that reset is given",
        ),
        EngineKind(
            "mujoco",
            "mujoco",
            "InvertedPendulum-v5",
            threads_help=True,
            sooner=SOONER,
            draws_from="the generator that start is given",
        ),
        EngineKind("gymnasium", "gymnasium", "Pendulum-v1", threads_help=False),
    )
}
CHOICES = ", ".join(("auto", *ENGINES))
"""What may be said for an engine, as text; `auto` is the first that knows the environment, see `preferred`."""


def preferred(env: str) -> list[EngineKind]:
    """Return the engines in the order in which they are asked for an environment: first who steps it soonest."""
    return sorted(ENGINES.values(), key=lambda kind: env not in kind.sooner)


def engine_before(env: str) -> str:
    """Return the engine of a run whose record names none: there was no other order then than that of `ENGINES`."""
    return "envpool" if any(env in kind.sooner for kind in ENGINES.values()) else "auto"


def make_engine(spec: EnvironmentSpec, seeds: list[int], threads: int) -> Engine:
    """Make the environments of a block of lanes, one a seed."""
    return ENGINES[spec.engine].make(spec, seeds, threads)
