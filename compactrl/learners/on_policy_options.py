"""Options of the on-policy learners; like all options they stand apart from the learners, which import torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from compactrl.learners.options import AdamOptions, GradientOptions, Hidden


class OnPolicyOptions(GradientOptions):
    """What every on-policy learner takes."""

    n_steps: int = Field(128, ge=1, description="Environment steps in every lane per iteration.")
    batch_size: int = Field(
        128, ge=1, description="Transitions per update; split among the architectures or tasks that learn together."
    )
    n_epochs: int = Field(5, ge=1, description="How often the updates of an iteration go through its transitions.")
    gamma: float = Field(0.99, ge=0, lt=1, description="Discount factor per step.")
    gae_lambda: float = Field(0.95, ge=0, le=1, description="Lambda of generalised advantage estimation.")
    advantage_normalization: Literal["each", "together"] = Field(
        "each",
        description="Over which transitions of an iteration advantages are normalised: those of each architecture or "
        "task, or all.",
    )
    clip_range_vf: float = Field(
        0.0, ge=0, description="How far from its value before the iteration a value is clipped; 0 is no clip."
    )
    max_grad_norm: float = Field(
        0.5, ge=0, description="Largest norm of the policy's gradient, and of the value function's; 0 is no limit."
    )
    normalize_observations: bool = Field(
        True, description="Normalise observations by their running mean and standard deviation."
    )
    normalize_returns: bool = Field(
        True, description="Divide rewards by the running standard deviation of discounted returns."
    )
    deviation: Literal["common", "per-architecture", "state"] = Field(
        "common",
        description="Standard deviations of actions while policies act: one vector for all, one for each architecture "
        "or task, or outputs of the policy, which are dropped at the end.",
    )
    log_std_init: float = Field(0.0, description="Logarithm of the first standard deviations.")
    critic_hidden: Hidden = Field((64, 64), description="Widths of the value function's hidden layers.")
    critic_activation: Literal["tanh", "relu"] = Field("tanh", description="Activation of the value function.")
    critic_learning_rate: float = Field(3e-4, gt=0, description="Adam's learning rate for the value function.")

    @property
    def default_lanes(self) -> int:
        """Enough that a policy sees many parts of its episodes in an iteration, few enough to learn often."""
        return 16


USUAL_WIDTH = 64
"""Of PPO's hidden layers: its usual learning rate is for these."""


class PpoOptions(OnPolicyOptions, AdamOptions):
    """Options of proximal policy optimisation."""

    actor_learning_rate: float = Field(
        3e-4,
        gt=0,
        description="Adam's learning rate for the policy, or for the graph hypernetwork; by default so many times less "
        f"as hidden layers are wider than {USUAL_WIDTH} units.",
    )
    actor_learning_rate_decay: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Linear learning-rate decay of policy and value function: share that is left at the end of the "
        "budget; 1 is none. A larger budget on resume raises it again.",
    )
    clip_range: float = Field(0.2, gt=0, lt=1, description="How far from 1 the ratio of probabilities is clipped.")
    ent_coef: float = Field(0.0, ge=0, description="Weight of the entropy in the policy's loss.")
    bounds_coef: float = Field(
        0.0,
        ge=0,
        description="Weight of a penalty on means beyond ±3, where a tanh has all but reached the bounds of actions.",
    )
    target_kl: float = Field(
        0.0,
        ge=0,
        description="KL divergence from the policy that acted, at which an iteration's updates end, or for which the "
        "learning rate adapts; 0 is none.",
    )
    adaptive_learning_rate: bool = Field(
        False,
        description="Adapt the learning rates to --target-kl after every epoch, in place of ending the updates.",
    )

    @classmethod
    def following(cls, hidden: Sequence[int]) -> dict[str, Any]:
        """Return a smaller learning rate for wide networks.

        A step of Adam moves each weight as far, whatever their number, and so an output by as many times more as a
        layer is wide (Yang & Hu, "Feature learning in infinite-width neural networks", 2021, table 1). Policies of
        three ReLU layers of 256 that learn at the usual rate go so far within an iteration that their outputs grow
        without end (`docs/trials.md`).
        """
        rate = float(cls.model_fields["actor_learning_rate"].default)
        widest = max(hidden, default=USUAL_WIDTH)
        return {"actor_learning_rate": rate * USUAL_WIDTH / widest} if widest > USUAL_WIDTH else {}


class TrpoOptions(OnPolicyOptions):
    """Options of trust region policy optimisation."""

    batch_size: int = Field(
        128,
        ge=1,
        description="Transitions per update of the value function; split among the architectures or tasks that learn "
        "together. The policy's update has all.",
    )
    n_epochs: int = Field(
        10, ge=1, description="How often the value function's updates go through an iteration's transitions."
    )
    max_grad_norm: float = Field(0.5, ge=0, description="Largest norm of the value function's gradient; 0 is no limit.")
    critic_learning_rate: float = Field(1e-3, gt=0, description="Adam's learning rate for the value function.")
    max_kl: float = Field(
        0.01, gt=0, description="Trust region: the largest mean KL divergence of the policies before and after a step."
    )
    cg_steps: int = Field(10, ge=1, description="Steps of conjugate gradients for the natural gradient.")
    cg_damping: float = Field(
        0.1,
        ge=0,
        description="Damping of the natural gradient: so much is added to the diagonal of Fisher's matrix.",
    )
    line_search_steps: int = Field(
        10,
        ge=1,
        description="Step lengths that are tried at most, until one improves policies within the trust region.",
    )
    line_search_decay: float = Field(
        0.8, gt=0, lt=1, description="How much shorter each step is that the line search tries."
    )


class MamlOptions(TrpoOptions):
    """Options of model-agnostic meta-learning."""

    inner_learning_rate: float = Field(
        0.1,
        ge=0,
        description="Length of a step of adaptation, in gradients: of theta and of deviations beside it. "
        "The policies of a hypernetwork go further than a plain network's with the same.",
    )
    inner_steps: int = Field(
        1, ge=1, description="Steps of adaptation to a task; each is made from an iteration of the policies before it."
    )
    first_order: bool = Field(
        False, description="Take what adaptation does as a shift: no gradient goes through its steps."
    )
    adaptation_episodes: int = Field(
        20, ge=1, description="Episodes in a new task before each step of adaptation to it, once the search is over."
    )
