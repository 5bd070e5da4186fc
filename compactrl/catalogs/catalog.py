"""Every architecture of a graph hyper policy: their returns, and the choice of one for a robot with so much memory.

Hegde & Sukhatme 2022, section IV: each architecture is evaluated over 5 episodes; of interest are the best one, and the
smallest that reach 90 % and 80 % of it. Their public code means 90 % of the way from the worst positive return to the
best, which is not 90 % of the best: both are given by name. Table II asks what is lost by choosing without evaluation,
by the largest memory dimension or by size, under random limits of parameters. In environments with goals it is the
success rate that is compared.

The table is saved in the run after every few architectures, and goes on where it was. About the smallest come first:
in the order of the shapes that they are evaluated with, so that those running at once share their products.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from compactrl.compressions import COMPRESSIONS, Hypernet, Options
from compactrl.compressions.plain import Plain, crop, join
from compactrl.envs.registry import environment_of
from compactrl.envs.spec import EnvironmentSpec
from compactrl.errors import CompactrlError, InputError
from compactrl.learners.base import normalizer_of, shipped_theta
from compactrl.methods.settings import Settings, resolve
from compactrl.policies.architectures import Widths, designs_of, memory_dimension, parameters, widths_of
from compactrl.policies.policy import Policy
from compactrl.runs.checkpoints import load_checkpoint
from compactrl.runs.run import Run
from compactrl.searches.search import network_sizes
from compactrl.types import Designs, Normalizer


class Catalog(NamedTuple):
    """A trained hypernetwork and what it is for."""

    run: Run
    settings: Settings
    spec: EnvironmentSpec
    hypernet: Hypernet
    theta: Any
    """(P,) in single precision."""
    normalizer: Normalizer
    iteration: int
    """Of the checkpoint that theta is from."""
    env_steps: int

    @property
    def architectures(self) -> list[Widths]:
        """All there are, the smallest first."""
        size = self.spec.observation_size, self.spec.action.size
        return sorted(self.hypernet.architectures, key=lambda each: (parameters(size[0], each, size[1]), each))

    def parameters(self, widths: Widths) -> int:
        """Return the deployed parameters of an architecture."""
        return parameters(self.spec.observation_size, widths, self.spec.action.size)

    def memory(self, widths: Widths) -> int:
        """Return the lossless memory dimension of an architecture."""
        return memory_dimension(self.spec.observation_size, widths, self.spec.action.size)

    def designs(self, architectures: Sequence[Widths]) -> Designs:
        """Return their designs (n, D)."""
        return designs_of(architectures, self.hypernet.widths, self.hypernet.max_layers)

    def policy(self, architecture: str) -> Policy:
        """Return the policy of the architecture with these widths, as in `16,8`.

        Raises:
            InputError: the run has no such architecture.
        """
        widths = tuple(int(part) for part in architecture.split(",") if part.strip().isdigit())
        if widths not in self.architectures or ",".join(map(str, widths)) != architecture.replace(" ", ""):
            raise InputError(
                f"--architecture {architecture} is not one of {self.run.path}: its hidden layers are 1 to "
                f"{self.hypernet.max_layers} of {', '.join(map(str, self.hypernet.widths))} units, as in "
                f"{','.join(map(str, self.architectures[-1]))}"
            )
        return self.policies([widths])[0]

    def policies(self, architectures: Sequence[Widths]) -> list[Policy]:
        """Return the policies that the hypernetwork writes for these architectures."""
        designs = self.designs(architectures)
        actions = self.spec.action.size
        found = []
        for design, layers in zip(designs, self.hypernet.expand_each(self.theta, designs), strict=True):
            deployed = crop(layers, actions)
            theta = join(deployed)
            sizes = (self.spec.observation_size, *widths_of(design, self.hypernet.widths), actions)
            size = Plain(sizes, Options()).size(np.zeros(0, np.int64))
            found.append(
                Policy(
                    deployed,
                    self.normalizer,
                    self.spec.action,
                    self.spec.id,
                    self.settings.search.method,
                    size,
                    design,
                    theta.astype(float),
                    "relu",
                )
            )
        return found


def open_catalog(run: Run) -> Catalog:
    """Read the last checkpoint of a graph hyper policy.

    Raises:
        InputError: the run is of another method, or has settled on one architecture.
        CompactrlError: it has no checkpoint yet.
    """
    settings = resolve(run.config)
    if settings.choice.compression != Hypernet.name:
        raise InputError(
            f"{run.path} is a run of --method {settings.search.method}, with one architecture: this is for --method ghp"
        )
    found = load_checkpoint(run.path, only=_needed)
    if found is None:
        raise CompactrlError(
            f"{run.path} has no checkpoint yet: let the search go on with `compactrl resume {run.path}`"
        )
    iteration, state = found
    if state["settled"] is not None:
        raise InputError(f"{run.path} has settled on one architecture: evaluate it without --architectures")
    spec = environment_of(settings.flat())
    hypernet = COMPRESSIONS[Hypernet.name](network_sizes(settings, spec), settings.compression)
    if not isinstance(hypernet, Hypernet):
        raise TypeError(f"expected a hypernetwork, got {type(hypernet).__name__}")
    count = float(state["count"]) if settings.learner.normalize_observations else 0.0
    normalizer = normalizer_of(count, np.asarray(state["total"]), np.asarray(state["square"]))
    theta = shipped_theta(state).astype(np.float32)
    return Catalog(run, settings, spec, hypernet, theta, normalizer, iteration, int(state["env_steps"]))


def _needed(state: dict[str, Any]) -> dict[str, Any]:
    """Return what of a checkpoint a catalogue needs: not the replay buffer."""
    learner, names = state["learner"], ("settled", "theta", "average_theta", "count", "total", "square")
    return {"env_steps": state["env_steps"], **{name: learner[name] for name in names if name in learner}}
