"""Base of learners by gradients: theta on a device, the steps it takes, how an iteration is divided, what ships."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from compactrl.compressions.base import Compact, Compression
from compactrl.compressions.trainable import Trainable
from compactrl.errors import CompactrlError, InputError
from compactrl.learners.base import Learner, LearnerContext, Shipped, shipped_theta, single
from compactrl.learners.metabatch import MetaBatch
from compactrl.learners.moments import identity
from compactrl.learners.options import GradientOptions
from compactrl.networks.adam import Optimizer
from compactrl.networks.perceptrons import single_threaded_torch
from compactrl.policies.sharing import shared_edges
from compactrl.types import (
    Design,
    Designs,
    Exploration,
    Floats,
    Layers,
    Metrics,
    Mixed,
    Normalizer,
    Outcomes,
    State,
    Trials,
)


class Means:
    """Means of tensors by name. Sums stay on the device: reading one would make the CPU wait for it."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}

    def add(self, name: str, value: Tensor) -> None:
        """Add a value of one element."""
        value = value.detach()
        self._sums[name] = value + self._sums[name] if name in self._sums else value
        self._counts[name] = self._counts.get(name, 0) + 1

    def metrics(self) -> Metrics:
        """Return the means."""
        return {name: float(total) / self._counts[name] for name, total in self._sums.items()}


class GradientLearner(Learner):
    """Theta of a compression that can be trained by gradients (`network`, beside `expand`).

    In an iteration, n designs act for `num_steps` steps in every lane (lane l runs design l mod n). Then n designs at a
    time, first those that acted, are trained, `num_parts` times. Some of the n are the same every time
    (`MetaBatch.anchors`), the others the controller's.

    Args:
        context: its compression can be trained by gradients.

    Raises:
        InputError: the learner is not for the environment or the options.
    """

    needs_transitions = True
    takes_discrete: ClassVar[bool] = False
    """Whether it learns discrete actions."""
    gentler: ClassVar[str] = "--actor-learning-rate or --critic-learning-rate"
    """Options of which smaller values may help a search that diverges."""

    def __init__(self, context: LearnerContext) -> None:
        check(context, self.takes_discrete)
        initial_seed, own_seed = context.seed.spawn(2)
        options: GradientOptions = context.options
        self.options, self.lanes, self.actions = options, context.lanes, context.spec.action.size
        self.distribution = context.distribution
        self.device = device_of(options.device)
        self.generator = np.random.default_rng(own_seed)
        self._searched, self._searched_batch = context.compression, context.meta_batch
        self._given_normalizer = context.normalizer
        self.settled: Design | None = None
        theta = context.compression.initial(np.random.default_rng(initial_seed))
        self._begin(context.compression, context.meta_batch, theta)

    @classmethod
    def build(cls, context: LearnerContext) -> Self:
        """Make a learner.

        Raises:
            InputError: the learner is not for the environment or the options.
        """
        return cls(context)

    def _begin(self, compression: Compression, batch: MetaBatch, theta: Floats) -> None:
        """Train this compression from this theta (P,) on, with a new optimiser."""
        if not isinstance(compression, Trainable):
            raise InputError(f"--method {compression.name} has no gradients: it is for evolution")
        self.compression, self.trained, self.batch = compression, compression, batch
        self._theta = torch.as_tensor(theta, dtype=torch.float32, device=self.device).clone().requires_grad_()
        self._average = self._theta.detach().clone()
        self._optimizer = self._new_optimizer()
        self._asked: Designs = np.zeros((self.num_parts, batch.size, compression.space.length), np.int64)

    # How an iteration is divided.

    @property
    @abstractmethod
    def num_parts(self) -> int:
        """How many groups of n designs learn in an iteration."""

    @property
    @abstractmethod
    def num_steps(self) -> int:
        """T, steps in every lane in an iteration."""

    @property
    def num_designs(self) -> int:
        """How many designs `ask` needs; anchors are not among them."""
        return self.num_parts * (self.batch.size - len(self.batch.anchors))

    def parts(self, designs: Designs) -> Designs:
        """Return the designs of each part, anchors first, (num_parts, n, D), of the controller's (num_designs, D)."""
        return self.batch.joined(designs, self.num_parts)

    # Acting.

    @property
    def normalizer(self) -> Normalizer:
        """The observation normaliser: of the policy that theta begins from, which stays; else it changes nothing."""
        return identity(self._searched.sizes[0]) if self._given_normalizer is None else self._given_normalizer

    def ask(self, designs: Designs) -> Trials:
        """Return this iteration's trials for the controller's designs (num_designs, D)."""
        self._asked = self.parts(designs)
        acting, design_of_lane = self._asked[0], np.arange(self.lanes) % self.batch.size
        with single_threaded_torch():
            policies = tuple(self._networks(acting))
        exploration, activation = self._explore(self.num_steps), self.trained.skeleton.activation
        designs, networks = acting[design_of_lane], Mixed(policies, design_of_lane, activation)
        return Trials(networks, self.normalizer, designs, exploration, self.compression.tasks(designs))

    def _networks(self, designs: Designs) -> Iterator[Layers]:
        """Return the MLPs of these designs (n, D)."""
        theta = self._theta.detach().cpu().numpy()
        if not designs.shape[1]:
            return iter(self.trained.expand_each(theta, designs))
        different, which = np.unique(designs, axis=0, return_inverse=True)
        networks = self.trained.expand_each(theta, different)
        return (networks[number] for number in which.ravel())

    @abstractmethod
    def _explore(self, steps: int) -> Exploration:
        """Return the noise of the next T steps."""

    @staticmethod
    def _episodes(outcomes: Outcomes) -> Metrics:
        """Return how many episodes ended, if any."""
        transitions = outcomes.transitions
        if transitions is None:
            return {}
        ended = int((transitions.terminated | transitions.truncated).sum())
        return {"episodes": float(ended)} if ended else {}

    # Learning.

    @abstractmethod
    def _new_optimizer(self) -> Optimizer:
        """Return what takes steps of theta, which has taken none."""

    @abstractmethod
    def _anneal(self, progress: float) -> Metrics:
        """Set the learning rates for this share of the budget that is spent; return them as metrics."""

    def _descend(self, loss: Tensor) -> None:
        """Take a step down a loss."""
        (gradient,) = torch.autograd.grad(loss, self._theta)
        self._step(gradient)

    def _step(self, gradient: Tensor) -> None:
        """Take a step of the optimiser against a gradient (P,), and update the average that ships.

        Polynomial-decay averaging of Shamir & Zhang, "Stochastic gradient descent for non-smooth optimization" (2013),
        with their eta = 1 / share - 1.
        """
        self._optimizer.step(gradient)
        averaged_steps = 1 + self.options.weight_averaging * (self._optimizer.steps - 1)
        self._average.lerp_(self._theta.detach(), 1 / averaged_steps)

    def _finite(self, means: Means) -> Metrics:
        """Return means as metrics.

        Raises:
            CompactrlError: one is NaN or infinite.
        """
        metrics = means.metrics()
        for name, value in metrics.items():
            if not np.isfinite(value):
                raise CompactrlError(
                    f"{name} has become NaN or infinite: the search has diverged. What it saved before is kept, but "
                    f"going on from there leads here again: begin anew with a smaller {self.gentler}"
                )
        return metrics

    def _tensor(self, array: Any) -> Tensor:
        return torch.as_tensor(array, device=self.device)

    # What ships.

    def theta(self) -> Floats:
        """Return theta as it ships, (P,): the average of the last ones, or the last one (`weight_averaging`)."""
        return self._average.cpu().numpy().astype(float)

    def ship(self, proposed: Design) -> Shipped:
        """Return the plain network of a design (D,), with as many outputs as there are actions."""
        design = self.design(proposed)
        with single_threaded_torch():
            compact = self.compression.compact(self.theta(), design)
        return self._shipped(compact, design if self.settled is None else self.settled)

    def _shipped(self, compact: Compact, design: Design) -> Shipped:
        """Return the parts of a policy with these numbers and this design (D,), with the outputs that ship."""
        deployed = first_outputs(compact, self.actions, self.compression.counts_unused)
        edges = shared_edges(deployed.weights, deployed.index, deployed.mask)
        layers = single(deployed.skeleton.layers(edges, deployed.biases))
        return Shipped(deployed, layers, design, self.compression.shipped_size(deployed))

    def design(self, proposed: Design) -> Design:
        """Return the design that ships: theta's own where it decides one, else the proposed one (D,)."""
        decided = self.compression.design_of(self.theta())
        return proposed if decided is None else decided

    def settle(self, proposed: Design) -> None:
        """Freeze a design: from here on only its weights are improved."""
        self._freeze(self.design(proposed))

    def _freeze(self, design: Design) -> None:
        with single_threaded_torch():
            settled, numbers = self._searched.settle(self.theta(), design)
        settled.task = self._searched.task_of(design)
        self.settled = design
        self._begin(settled, MetaBatch(), numbers)

    def state_dict(self) -> State:
        """Everything needed to continue bit for bit."""
        return {
            "settled": self.settled,
            "theta": self._theta.detach().cpu().numpy().copy(),
            "average_theta": self._average.cpu().numpy().copy(),
            "adam": self._optimizer.state_dict(),
            "generator": dict(self.generator.bit_generator.state),
        }

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned."""
        if state["settled"] is not None:
            self._freeze(np.asarray(state["settled"], np.int64))  # its numbers come next
        with torch.no_grad():
            self._theta.copy_(torch.as_tensor(np.asarray(state["theta"])))
        self._average.copy_(torch.as_tensor(shipped_theta(state)))
        self._optimizer.load_state_dict(state["adam"])
        self.generator.bit_generator.state = state["generator"]


def check(context: LearnerContext, takes_discrete: bool) -> None:
    """Raise InputError where learning by gradients is not for this environment or these options."""
    spec, method, meta = context.spec, context.method, context.meta_batch.size
    device_of(context.options.device)
    if spec.action.kind == "box" and spec.action.bounds is None:
        raise InputError(
            f"{spec.id} has actions without bounds: --method {method} scales actions to bounds; "
            "evolved methods do not (compactrl methods)"
        )
    if spec.action.kind != "box" and not takes_discrete:
        raise InputError(
            f"{spec.id} has discrete actions: --method {method} needs others. --method ppo, distill and evolved "
            "methods take both (compactrl methods)"
        )
    if meta > context.lanes:
        raise InputError(
            f"--meta-batch {meta} is more than the {context.lanes} lanes: each architecture or task has one of its "
            f"own; give --num-envs {meta} or more"
        )
    if meta > context.options.batch_size:
        raise InputError(
            f"--meta-batch {meta} is more than --batch-size {context.options.batch_size}, which is split among it"
        )


def first_outputs(compact: Compact, outputs: int, counts_unused: bool = True) -> Compact:
    """Return a network with only its first outputs, shared weights or not: training may need more than ship.

    Args:
        compact: the network.
        outputs: how many.
        counts_unused: whether it keeps shared weights that no edge takes any longer.

    Raises:
        ValueError: some are to be dropped, and edges are, too.
    """
    skeleton = compact.skeleton
    if skeleton.sizes[-1] == outputs:
        return compact
    if compact.mask is not None:
        raise ValueError("expected a network that keeps all its edges")
    smaller = replace(skeleton, sizes=(*skeleton.sizes[:-1], outputs))
    edges, biases = smaller.num_edges, compact.biases[: smaller.num_biases]
    if compact.index is None:
        return Compact(smaller, compact.weights[:edges], None, None, biases)
    weights, index = compact.weights, compact.index[:edges]
    if not counts_unused:
        used, index = np.unique(index, return_inverse=True)
        weights = weights[used]
    return Compact(smaller, weights, index, None, biases)


def device_of(name: str) -> torch.device:
    """Return the device of --device.

    Raises:
        InputError: there is no such device.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("--device cuda: torch finds no CUDA device here; use --device cpu, or a torch built for CUDA")
    return torch.device("cuda" if name == "cuda" or (name == "auto" and torch.cuda.is_available()) else "cpu")
