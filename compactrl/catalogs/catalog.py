"""A trained hypernetwork as a catalogue of policies: one for every architecture, from a run's last checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from compactrl.compressions import COMPRESSIONS
from compactrl.compressions.hypernet import Hypernet
from compactrl.envs.spec import EnvironmentSpec
from compactrl.errors import CompactrlError, InputError, either
from compactrl.learners.base import shipped_theta
from compactrl.learners.moments import identity, seen_in
from compactrl.methods.rows import METHODS, Method
from compactrl.methods.settings import Settings, method_of
from compactrl.policies.architectures import Widths, designs_of, memory_dimension, parameters
from compactrl.policies.policy import Policy
from compactrl.policies.size import size_of
from compactrl.policies.skeleton import Skeleton
from compactrl.runs.checkpoints import load_checkpoint
from compactrl.runs.run import Run
from compactrl.searches.prepare import set_up
from compactrl.types import Design, Designs, Layer, Layers, Normalizer

EARLIER = ("total", "square")
"""What earlier versions saved of the observations' moments."""


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
        return sorted(self.hypernet.architectures, key=lambda widths: (self.parameters(widths), widths))

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
        networks = self.hypernet.expand_each(self.theta, designs)
        return [self._policy(design, layers) for design, layers in zip(designs, networks, strict=True)]

    def _policy(self, design: Design, layers: Layers) -> Policy:
        """Return the policy of a design (D,), of whose layers only the outputs that are actions ship."""
        *hidden, last = layers
        deployed = (*hidden, Layer(*(part[: self.spec.action.size] for part in last if part is not None)))
        skeleton = Skeleton.of_layers(deployed, self.hypernet.skeleton.activation)
        return Policy.of_layers(
            deployed,
            self.normalizer,
            self.spec.action,
            skeleton.activation,
            self.hypernet.container,
            env=self.spec.id,
            names=self.spec.names,
            method=self.settings.search.method,
            size=size_of(skeleton, skeleton.num_edges),
            design=design,
            layout=self.spec.layout,
        )


def open_catalog(run: Run) -> Catalog:
    """Read the last checkpoint of a graph hyper policy.

    Raises:
        InputError: the run is of another method, or has settled on one architecture.
        CompactrlError: it has no checkpoint yet.
    """
    method = method_of(run.config)
    if not writes_architectures(method):
        raise InputError(
            f"{run.path} is a run of --method {method.name}, with one architecture: this is for "
            f"--method {either(name for name, row in METHODS.items() if writes_architectures(row))}"
        )
    setup = set_up(run.config)
    settings, hypernet = setup.settings, setup.compression
    if not isinstance(hypernet, Hypernet):
        raise TypeError(f"expected a hypernetwork, got {type(hypernet).__name__}")
    found = load_checkpoint(run.path, only=_needed)
    if found is None:
        raise CompactrlError(
            f"{run.path} has no checkpoint yet: let the search go on with `compactrl resume {run.path}`"
        )
    iteration, state = found
    if state["settled"] is not None:
        raise InputError(f"{run.path} has settled on one architecture: evaluate it without --architectures")
    size = setup.spec.observation_size
    normalizer = seen_in(state, size).normalizer if settings.learner.normalizes else identity(size)
    theta = shipped_theta(state).astype(np.float32)
    return Catalog(run, settings, setup.spec, hypernet, theta, normalizer, iteration, int(state["env_steps"]))


def writes_architectures(method: Method) -> bool:
    """Return whether a method's network writes policies of many architectures."""
    return all(issubclass(COMPRESSIONS[choice.compression], Hypernet) for choice in method.choices.values())


def _needed(state: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a checkpoint that a catalogue needs; the replay buffer is not, and is large."""
    learner, names = state["learner"], ("settled", "theta", "average_theta", "count", "mean", "spread", *EARLIER)
    return {"env_steps": state["env_steps"], **{name: learner[name] for name in names if name in learner}}
