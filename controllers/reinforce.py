"""The controller `pointer`: a pointer network trained by REINFORCE.

Song et al., "Reinforcement learning with chromatic networks", 2020, equation 2 and appendix A.1; Williams, "Simple
statistical gradient-following algorithms", 1992. With designs a_1 … a_n, their rewards r, and b the moving average of
batch means:

    r_j <- (r_j - mean r) / std r                                        (controller_standardize)
    loss = - 1/n Σ_j (r_j - b) Σ_t log p(a_jt | a_j1 … a_j,t-1)  -  w H
    H = 1/n Σ_j 1/D Σ_t entropy of p(· | a_j1 … a_j,t-1), in nats
    b <- decay b + (1 - decay) mean r                                    (b starts as the first mean)

and one step of Adam (Kingma & Ba, 2015, β = 0.9, 0.999) per batch. The first sum over t is not divided by D: it is
the gradient of the expected reward. The second is: w H is the bonus, in standard deviations of the reward, that
uniform decisions are worth compared to certain ones, at most w log M, whatever D.

Deviations: the paper states neither how rewards are scaled nor how the entropy is defined; w = 0.3 is out of scale
with raw returns, so rewards are standardised over each batch. Their mean is then zero and so is b. It is subtracted as
it was before the batch, for the batch's mean would bias the gradient. For the network see `pointer`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import BaseModel, Field

from .base import Controller, Designs, Floats, Metrics, Options, Space, State

if TYPE_CHECKING:
    from .pointer import PointerNetwork


class PointerOptions(Options):
    """Options of the controller `pointer`; defaults from the paper's appendix A.1."""

    controller_hidden: int = Field(
        64, gt=0, description="The width of the encoder's and the decoder's LSTM and of the learned tables."
    )
    controller_learning_rate: float = Field(1e-3, gt=0, description="The step size of Adam, per batch of designs.")
    controller_table_learning_rate: float = Field(
        0.0, ge=0, description="The same for the table of edges; 0 for the same as the other parameters."
    )
    controller_entropy: float = Field(
        0.3,
        ge=0,
        description="The weight of the entropy bonus, in units of (standardised) reward per nat of mean entropy per "
        "decision.",
    )
    controller_baseline_decay: float = Field(
        0.99,
        ge=0,
        lt=1,
        description="The share that the moving average of rewards keeps per batch; without effect where rewards are "
        "standardised.",
    )
    controller_temperature: float = Field(1.0, gt=0, description="What the logits of every decision are divided by.")
    controller_spread: float = Field(
        0.0,
        ge=0,
        description="Standard deviation of a decision at the start, in choices, about the middle one, where choices "
        "have an order, as weights do; 0 starts without order, as in the paper.",
    )
    controller_mirrored: bool = Field(
        False,
        description="Whether designs are drawn in pairs that err to opposite sides, which takes what both have in "
        "common out of the gradient's noise; of use where choices have an order.",
    )
    controller_standardize: bool = Field(
        True, description="Whether rewards are brought to mean 0 and standard deviation 1 over each batch."
    )


@contextmanager
def _one_thread() -> Iterator[None]:
    """Run torch on one thread: its barriers cost more than a second one brings, and bits do not depend on a count."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class PointerController(Controller):
    """Samples designs from a pointer network and follows the gradient of their expected reward.

    Designs in `feedback` may be those last proposed, some of them, or any others; the first two need no second run of
    the network. State is meant to be saved between a feedback and the next proposal; saved in between, learning goes
    on to within rounding. With D = 0 the empty row is proposed
    and nothing learned.

    Example:
        >>> controller = PointerController(Space(length=4, choices=3), PointerOptions(), np.random.SeedSequence(0))
        >>> designs = controller.propose(5)
        >>> sorted(controller.feedback(designs, np.arange(5.0)))[:2]
        ['controller/baseline', 'controller/entropy']
    """

    name: ClassVar[str] = "pointer"
    Options: ClassVar[type[BaseModel]] = PointerOptions
    options: PointerOptions

    def __init__(self, space: Space, options: PointerOptions, seed: np.random.SeedSequence) -> None:
        super().__init__(space, options, seed)
        self.baseline: float | None = None
        self.network: PointerNetwork | None = None
        self._proposed: dict[bytes, int] = {}  # the network's rows by design, while its activations hold
        self._rows = 0
        if space.length:
            from .adam import Adam
            from .pointer import PointerNetwork

            self.network = PointerNetwork(
                space.length,
                space.choices,
                options.controller_hidden,
                options.controller_temperature,
                self.generator,
                spread=options.controller_spread,
                mirrored=options.controller_mirrored,
            )
            rate = options.controller_learning_rate
            tables = {"edges": options.controller_table_learning_rate or rate}
            self._adam = Adam(self.network.parameters, rate, tables)

    def _propose(self, n: int) -> Designs:
        if self.network is None:
            return np.zeros((n, 0), dtype=np.int64)
        with _one_thread():
            designs: Designs = self.network.forward(n, self.generator).numpy()
        self._remember(designs)
        return designs

    def _feedback(self, designs: Designs, rewards: Floats) -> Metrics:
        with _one_thread():
            return self._learn(designs, rewards)

    def _learn(self, designs: Designs, rewards: Floats) -> Metrics:
        if self.network is None:
            return {}
        rows = self._find(designs)
        advantages = self._advantages(rewards)
        weights = np.zeros((2, self._rows))  # of each row the network holds; 0 for those without a reward
        np.add.at(weights[0], rows, advantages / len(rows))
        np.add.at(weights[1], rows, 1 / len(rows))
        score = self.network.score()
        entropy = float(weights[1] @ score.entropy.numpy())
        loss = -float(weights[0] @ score.log_probability.numpy()) - self.options.controller_entropy * entropy
        norm = self._step(weights[0], self.options.controller_entropy * weights[1])
        return {
            "controller/entropy": entropy,
            "controller/baseline": float(self.baseline or 0.0),
            "controller/gradient_norm": norm,
            "controller/loss": loss,
        }

    def _advantages(self, rewards: Floats) -> Floats:
        """Return r - b (n,) and move the baseline b."""
        if self.options.controller_standardize:
            same = np.ptp(rewards) == 0
            rewards = np.zeros_like(rewards) if same else (rewards - rewards.mean()) / rewards.std()
        mean = float(rewards.mean())
        baseline = mean if self.baseline is None else self.baseline
        decay = self.options.controller_baseline_decay
        self.baseline = decay * baseline + (1 - decay) * mean
        return np.asarray(rewards - baseline)

    def _step(self, reward_weights: Floats, entropy_weights: Floats) -> float:
        """Descend the loss once, return the norm of its gradient."""
        import torch

        if self.network is None:
            return 0.0
        dtype = self.network.dtype
        self.network.backward(torch.from_numpy(reward_weights).to(dtype), torch.from_numpy(entropy_weights).to(dtype))
        norm = self._adam.step()
        self._forget()
        return norm

    def _remember(self, designs: Designs) -> None:
        self._rows = len(designs)
        self._proposed = {design.tobytes(): row for row, design in enumerate(designs)}

    def _forget(self) -> None:
        self._proposed = {}
        if self.network is not None:
            self.network.forget()

    def _find(self, designs: Designs) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Return the network's row of each design (n,); run the designs through it where it does not hold them."""
        import torch

        designs = np.ascontiguousarray(designs, dtype=np.int64)
        rows = [self._proposed.get(design.tobytes(), -1) for design in designs]
        if -1 in rows and self.network is not None:
            self.network.forward(len(designs), None, torch.from_numpy(designs))
            self._remember(designs)
            rows = list(range(len(designs)))
        return np.array(rows, dtype=np.int64)

    def state_dict(self) -> State:
        """Return parameters, Adam's moments, the baseline and the generator's state."""
        state: State = {"generator": dict(self.generator.bit_generator.state), "baseline": self.baseline}
        if self.network is not None:
            parameters = self.network.parameters.items()
            state["parameters"] = {name: parameter.detach().numpy().copy() for name, parameter in parameters}
            state["adam"] = self._adam.state_dict()
        return state

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned.

        Raises:
            ValueError: If a parameter has another shape than this controller's.
        """
        self.generator.bit_generator.state = state["generator"]
        self.baseline = state["baseline"]
        if self.network is not None:
            self.network.load(state["parameters"])
            self._adam.load_state_dict(state["adam"])
        self._forget()
