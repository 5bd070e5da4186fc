"""A trained hypernetwork as a catalogue of policies: one for every architecture, from a run's last checkpoint.

Where it writes networks for tasks, too, a catalogue is of one task.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from compactrl.catalogs.contexts import as_typed, check_tasks, family_of, read_context
from compactrl.catalogs.opening import open_trained
from compactrl.catalogs.table import file_of, table_of
from compactrl.compressions import COMPRESSIONS
from compactrl.compressions.hypernet import Hypernet
from compactrl.compressions.hypernet_tasks import HypernetTasks
from compactrl.envs.spec import EnvironmentSpec
from compactrl.errors import InputError, either
from compactrl.learners.base import NO_DESIGN
from compactrl.methods.rows import METHODS, Method
from compactrl.methods.settings import Settings, method_of
from compactrl.policies.architectures import Widths, designs_of, memory_dimension, parameters
from compactrl.policies.files import load_policy
from compactrl.policies.policy import Policy
from compactrl.policies.size import size_of
from compactrl.policies.skeleton import Skeleton
from compactrl.runs.run import Run
from compactrl.searches.prepare import set_up
from compactrl.types import Design, Designs, Floats, Layer, Layers, Normalizer


class Catalog(NamedTuple):
    """A trained hypernetwork and what it is for."""

    run: Run
    settings: Settings
    spec: EnvironmentSpec
    hypernet: Hypernet
    task: Design
    """What ends every design: the number of the task, (1,), or nothing, (0,), where there are no tasks."""
    theta: Any
    """(P,) in single precision."""
    normalizer: Normalizer
    iteration: int
    """Of the checkpoint that theta is from."""
    env_steps: int
    chosen: bool = False
    """Whether another task was asked for than the one in the middle, which a search ships."""

    @property
    def context(self) -> Floats | None:
        """(C,) the task that all policies are for; None where they are for none."""
        return self.hypernet.task_of(self.designs(self.hypernet.architectures[:1])[0])

    @property
    def of_task(self) -> str:
        """The task in words, as in `velocity 1.5`; empty where there is none."""
        context = self.context
        return "" if context is None or self.spec.contexts is None else self.spec.contexts.words(context)

    @property
    def file(self) -> str:
        """The name of the file of its table in the run's folder: where it is by now, else where it belongs."""
        if self.context is None:
            return file_of()
        context, own = self.context.tolist(), file_of(as_typed(self.context))
        for name in (file_of(), own):
            if table_of(self.run.path, name).get("context") == context:
                return name
        policy = self.run.path / "policy"
        ships = load_policy(policy).context if policy.with_suffix(".json").exists() else self.context
        return file_of() if ships is not None and ships.tolist() == context else own

    @property
    def option(self) -> str:
        """What commands must be given to have this task's catalogue, as in ` --context 1.5`; empty for nothing."""
        return f" --context {as_typed(self.context)}" if self.chosen and self.context is not None else ""

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
        """Return their designs (n, D), in the catalogue's task."""
        designs = designs_of(architectures, self.hypernet.widths, self.hypernet.max_layers)
        return np.column_stack([designs, np.tile(self.task, (len(designs), 1))])

    def policy(self, architecture: str) -> Policy:
        """Return the policy of the architecture with these widths, as in `16,8`.

        Raises:
            InputError: the run has no such architecture.
        """
        return self.policies([read_architecture(architecture, self.hypernet, self.run)])[0]

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
            design=NO_DESIGN if self.chosen else design,  # no task of the run's has that number
            layout=self.spec.layout,
            context=self.hypernet.task_of(design),
        )


def open_catalog(run: Run, context: str | None = None, extrapolate: bool = False) -> Catalog:
    """Read the last checkpoint of a graph hyper policy.

    Args:
        run: the search's.
        context: of the task, as it is typed, where the policies are of tasks; by default the task in the middle.
        extrapolate: whether the context may be outside of the family's range.

    Raises:
        InputError: the run is of another method, or has settled on one architecture; or this is no context of it.
        CompactrlError: it has no checkpoint yet.
    """
    if context is not None:
        check_tasks(run, "--context")
    check_architectures(run)
    setup = set_up(run.config)
    settings, hypernet, task, chosen = setup.settings, setup.compression, NO_DESIGN, False
    if isinstance(hypernet, HypernetTasks):
        task = np.array([hypernet.shipped_task])
        if context is not None:
            read = read_context(context, family_of(setup.spec), extrapolate)
            chosen = not np.array_equal(read, hypernet.tasks(task[None])[0])
        if chosen:
            hypernet = hypernet.for_tests(read[None])
            task = hypernet.in_tests(task)[0]
    if not isinstance(hypernet, Hypernet):
        raise TypeError(f"expected a hypernetwork, got {type(hypernet).__name__}")
    trained = open_trained(run, setup)
    if trained.settled:
        raise InputError(f"{run.path} has settled on one architecture: evaluate it without --architectures")
    return Catalog(
        run=run,
        settings=settings,
        spec=setup.spec,
        hypernet=hypernet,
        task=task,
        theta=trained.theta.astype(np.float32),
        normalizer=trained.normalizer,
        iteration=trained.iteration,
        env_steps=trained.env_steps,
        chosen=chosen,
    )


def check_architectures(run: Run, option: str = "") -> None:
    """Raise InputError where an option (as it is typed) is for a network of many architectures, and a run has one."""
    method = method_of(run.config)
    if not writes_architectures(method):
        raise InputError(
            f"{option and f'{option}: '}{run.path} is a run of --method {method.name}, with one architecture: this is "
            f"for --method {either(name for name, row in METHODS.items() if writes_architectures(row))}"
        )


def writes_architectures(method: Method) -> bool:
    """Return whether a method's network writes policies of many architectures."""
    return all(issubclass(COMPRESSIONS[choice.compression], Hypernet) for choice in method.choices.values())


def read_architecture(text: str, hypernet: Hypernet, run: Run) -> Widths:
    """Return the widths of an architecture as it is typed, as in `16,8`.

    Raises:
        InputError: the run has no such architecture.
    """
    widths = tuple(int(part) for part in text.split(",") if part.strip().isdigit())
    if widths not in hypernet.architectures or ",".join(map(str, widths)) != text.replace(" ", ""):
        raise InputError(
            f"--architecture {text} is not one of {run.path}: its hidden layers are 1 to {hypernet.max_layers} of "
            f"{', '.join(map(str, hypernet.widths))} units, as in {','.join(map(str, hypernet.architectures[-1]))}"
        )
    return widths
