"""The controller `pointer`: a pointer network trained by REINFORCE.

Song et al., "Reinforcement learning with chromatic networks", 2020, equation 2 and appendix A.1; Williams, "Simple
statistical gradient-following algorithms", 1992. With designs a_1 … a_n, their rewards r, and b the moving average of
batch means:

    r_j <- (r_j - mean r) / std r                                        (controller_standardize)
    loss = - 1/n Σ_j (r_j - b) Σ_t log p(a_jt | a_j1 … a_j,t-1)  -  w H
    H = 1/n Σ_j 1/D Σ_t entropy of p(· | a_j1 … a_j,t-1), in nats
    b <- decay b + (1 - decay) mean r                                    (b starts as the first mean)

and one step of Adam (Kingma & Ba, 2015, β = 0.9, 0.999) per batch. The first sum over t is not divided by D, so that
its gradient is that of the expected reward. The second sum is divided by D: w H is the bonus of uniform decisions over
certain ones, in standard deviations of the reward. It is at most w log M, whatever D.

Deviations: the paper states neither how rewards are scaled nor how the entropy is defined. w = 0.3 does not fit the
scale of raw returns, so rewards are standardised over each batch; their mean is then zero, and so is b. The b that is
subtracted is the one from before the batch, because the batch's own mean would bias the gradient. For the network see
`pointer`.
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
        64, gt=0, description="Width of the LSTM encoder and decoder, and of their embeddings."
    )
    controller_learning_rate: float = Field(
        1e-3, gt=0, description="Adam's learning rate of the controller, which is updated once per batch of designs."
    )
    controller_table_learning_rate: float = Field(
        0.0, ge=0, description="Adam's learning rate of the embeddings of edges; 0 is that of the other parameters."
    )
    controller_entropy: float = Field(
        0.3,
        ge=0,
        description="Coefficient of the entropy bonus: standardised reward per nat of a decision's mean entropy.",
    )
    controller_baseline_decay: float = Field(
        0.99,
        ge=0,
        lt=1,
        description="Decay of the moving-average baseline, per batch; no effect where rewards are standardised.",
    )
    controller_temperature: float = Field(
        1.0, gt=0, description="Temperature that the logits of every decision are divided by."
    )
    controller_spread: float = Field(
        0.0,
        ge=0,
        description="Initial standard deviation of a decision around the middle choice, for choices with an order, as"
        " weights have; 0 starts without order, as in the paper.",
    )
    controller_mirrored: bool = Field(
        False,
        description="Sample designs in antithetic pairs, which lowers the gradient's variance where choices have an "
        "order.",
    )
    controller_standardize: bool = Field(True, description="Standardise the rewards of each batch.")


@contextmanager
def _one_thread() -> Iterator[None]:
    """Run torch on one thread: more would be slower here, and results must not depend on their number."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class PointerController(Controller):
    """Samples designs from a pointer network and follows the gradient of their expected reward.

    Designs in `feedback` may be those of the last proposal, some of them, or any others. Only others need a second run
    of the network. Save the state between a feedback and the next proposal to continue bit for bit; saved at another
    time, learning continues up to rounding. With D = 0 the empty row is proposed, and nothing is learned.

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
        self._proposed: dict[bytes, int] = {}  # design → the network's row, while its activations are valid
        self._row_count = 0
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
            own_rates = {"edges": options.controller_table_learning_rate or rate}
            self._adam = Adam(self.network.parameters, rate, own_rates)

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
        """Follow the gradient of the loss once; return the metrics."""
        if self.network is None:
            return {}
        rows = self._rows_of(designs)
        advantages = self._advantages(rewards)
        # One weight per row of the network, which is 0 for rows without a reward.
        reward_weights, entropy_weights = np.zeros((2, self._row_count))
        np.add.at(reward_weights, rows, advantages / len(rows))
        np.add.at(entropy_weights, rows, 1 / len(rows))
        score = self.network.score()
        entropy = float(entropy_weights @ score.entropy.numpy())
        loss = -float(reward_weights @ score.log_probability.numpy()) - self.options.controller_entropy * entropy
        norm = self._step(reward_weights, self.options.controller_entropy * entropy_weights)
        return {
            "controller/entropy": entropy,
            "controller/baseline": float(self.baseline or 0.0),
            "controller/gradient_norm": norm,
            "controller/loss": loss,
        }

    def _advantages(self, rewards: Floats) -> Floats:
        """Return r - b (n,), and update the baseline b."""
        if self.options.controller_standardize:
            equal = np.ptp(rewards) == 0
            rewards = np.zeros_like(rewards) if equal else (rewards - rewards.mean()) / rewards.std()
        mean = float(rewards.mean())
        baseline = mean if self.baseline is None else self.baseline
        decay = self.options.controller_baseline_decay
        self.baseline = decay * baseline + (1 - decay) * mean
        return np.asarray(rewards - baseline)

    def _step(self, reward_weights: Floats, entropy_weights: Floats) -> float:
        """Take one step down the loss; return the norm of its gradient."""
        import torch

        if self.network is None:
            return 0.0
        dtype = self.network.dtype
        self.network.backward(torch.from_numpy(reward_weights).to(dtype), torch.from_numpy(entropy_weights).to(dtype))
        norm = self._adam.step()
        self._forget()
        return norm

    def _remember(self, designs: Designs) -> None:
        """Note that the network's rows are these designs (n, D)."""
        self._row_count = len(designs)
        self._proposed = {design.tobytes(): row for row, design in enumerate(designs)}

    def _forget(self) -> None:
        """Discard what was computed with the parameters before they changed."""
        self._proposed = {}
        if self.network is not None:
            self.network.forget()

    def _rows_of(self, designs: Designs) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Return the network's row of each design, (n,); run the designs through it if one is missing."""
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
            ValueError: A parameter's shape is not that of this controller's.
        """
        self.generator.bit_generator.state = state["generator"]
        self.baseline = state["baseline"]
        if self.network is not None:
            self.network.load(state["parameters"])
            self._adam.load_state_dict(state["adam"])
        self._forget()
