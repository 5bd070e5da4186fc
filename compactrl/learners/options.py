"""Options of the learners. They stand apart from the learners, which import torch."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, create_model

from compactrl.errors import did_you_mean, either
from compactrl.learners.critics import CRITICS
from compactrl.policies.zoo import absolute
from es import STRATEGIES

if TYPE_CHECKING:
    from compactrl.envs.spec import EnvironmentSpec

DEFAULT_LANES = 160
"""Enough: in blocks of 80, a core hides the cost of handing over commands. 320 lanes are no faster."""


def widths(value: Any) -> Any:
    """Read '41', '41,41' or 'none'."""
    if isinstance(value, str):
        return () if value.strip().lower() in ("none", "") else tuple(part.strip() for part in value.split(","))
    if isinstance(value, list):  # as a run's record has it
        return tuple(value)
    return (value,) if isinstance(value, int) else value


def _critic(name: str) -> str:
    """Return a critic's name."""
    if name not in CRITICS:
        raise ValueError(f"expected {either(CRITICS)}.{did_you_mean(name, CRITICS)}")
    return name


Critic = Annotated[str, AfterValidator(_critic)]
"""A name in `compactrl.learners.critics.CRITICS`."""
Hidden = Annotated[tuple[Annotated[int, Field(ge=1)], ...], BeforeValidator(widths)]


class Options(BaseModel):
    """Base of every learner's options: frozen, and unknown names are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @property
    def default_lanes(self) -> int:
        """How many environments, by default."""
        return 8

    @property
    def lanes_alike(self) -> int:
        """How many lanes, one beside the other, have one seed and so begin all their episodes alike."""
        return 1

    @property
    def normalizes(self) -> bool:
        """Whether policies see observations through a normaliser of the learner's own."""
        return bool(getattr(self, "normalize_observations", False))

    @classmethod
    def following(cls, hidden: Sequence[int]) -> dict[str, Any]:  # noqa: ARG003  (most follow from no network)
        """Return options of which the default follows from the widths of the policy's hidden layers."""
        return {}

    def completed(self, spec: EnvironmentSpec) -> Self:  # noqa: ARG002  (most follow from no environment)
        """Return the options with what the environment decides, where it was not given."""
        return self


class EvolutionOptions(Options):
    """Options of learning by an evolution strategy."""

    es: str = Field("pgpe", description="Evolution strategy: " + ", ".join(STRATEGIES) + ".")
    population: int = Field(64, ge=2, description="Candidates per generation.")
    fine_tune_es: str = Field("pgpe", description="Evolution strategy of the fine-tuning, with its own defaults.")
    episodes_per_candidate: int = Field(
        1, ge=1, description="Episodes of each candidate, which is judged by their mean return."
    )
    common_starts: bool = Field(
        False,
        description="Let all candidates of a generation begin their episodes alike, which pays where starts differ by "
        "more than candidates do.",
    )
    alive_bonus: float | None = Field(
        None,
        description="Reward per step for not falling, which training leaves out so that standing still does not pay; "
        "by default the environment's own. Returns shown are always true returns.",
    )
    normalize_observations: bool = Field(
        True, description="Normalise observations by their running mean and standard deviation."
    )
    normalize_rewards: bool = Field(
        False, description="Divide returns by their running standard deviation; no effect where returns are ranked."
    )

    @property
    def default_lanes(self) -> int:
        """One for each candidate of a generation, up to a limit."""
        return self.population if self.common_starts else min(self.population, DEFAULT_LANES)

    @property
    def lanes_alike(self) -> int:
        """How many lanes, one beside the other, have one seed: all, where candidates begin alike."""
        return self.population if self.common_starts else 1

    def completed(self, spec: EnvironmentSpec) -> Self:
        """Return the options with the environment's own alive bonus, where none was given."""
        return self if self.alive_bonus is not None else self.model_copy(update={"alive_bonus": spec.alive_bonus})


class GradientOptions(Options):
    """What every learner by gradients takes."""

    weight_averaging: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Weight averaging: the final policy is the mean over this share of the updates, about, the last "
        "ones; 0 takes the last weights.",
    )
    batch_size: int = Field(
        256, ge=1, description="Transitions per update; split among the architectures that learn together."
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="Where networks are trained: auto, cpu or cuda.")


class AdamOptions(GradientOptions):
    """What every learner takes whose policy is improved by Adam."""

    actor_learning_rate: float = Field(
        3e-4,
        gt=0,
        description="Adam's learning rate for the policy, or for the graph hypernetwork. PPO's is less by default "
        "where hidden layers are wider than 64 units.",
    )
    actor_learning_rate_decay: float = Field(
        1.0,
        ge=0,
        le=1,
        description="Linear learning-rate decay of the actor: share that is left at the end of the budget; 1 is none."
        " A larger budget on resume raises it again.",
    )
    weight_decay: float = Field(0.0, ge=0, description="Weight decay of the policy, or of the graph hypernetwork.")


class ReplayOptions(AdamOptions):
    """What every learner from a replay buffer takes."""

    updates_per_step: float = Field(1.0, gt=0, description="Gradient updates per environment step.")
    iteration_steps: int = Field(
        1000,
        ge=1,
        description="Environment steps collected per iteration, about; updates follow.",
    )
    buffer_size: int = Field(1_000_000, ge=1, description="Transitions in the replay buffer.")
    save_replay: bool = Field(
        True, description="Save the replay buffer in checkpoints; without it a resumed search starts with an empty one."
    )


class OffPolicyOptions(ReplayOptions):
    """What every off-policy learner takes."""

    critic: Critic = Field("mlp", description=f"Form of the critics: {', '.join(CRITICS)}.")
    critic_hidden: Hidden = Field((256, 256), description="Widths of the critics' hidden layers, of --critic mlp.")
    critic_size: Literal["paper", "small"] = Field(
        "paper",
        description="Size of other critics: paper, or small, about a sixteenth of the parameters of a hypernetwork.",
    )
    critic_init: Literal["paper", "bias-hyper"] = Field(
        "paper",
        description="First weights of critics that are hypernetworks: paper, or bias-hyper, with which all states "
        "begin with the same network.",
    )
    critic_learning_rate: float = Field(3e-4, gt=0, description="Adam's learning rate for the critics.")
    critic_huber_delta: float = Field(
        0.0,
        ge=0,
        description="Huber loss of the critics: errors beyond this many times their mean size count linearly; 0 is "
        "the squared loss.",
    )
    gradient_interval: int = Field(
        0,
        ge=0,
        description="Environment steps between studies of the critics' action gradient, which are not counted as the "
        "search's; `compactrl gradients` shows them. 0 is never.",
    )
    gamma: float = Field(0.99, ge=0, lt=1, description="Discount factor per step.")
    tau: float = Field(
        0.005, gt=0, le=1, description="Soft-update coefficient of the target networks (Polyak averaging)."
    )
    learning_starts: int = Field(
        10_000, ge=0, description="Environment steps with random actions before learning starts."
    )
    normalize_observations: bool = Field(
        False, description="Normalise observations by their running mean and standard deviation."
    )
    precision: Literal["float32", "bfloat16"] = Field(
        "float32",
        description="Of products of large matrices while networks learn: float32, or bfloat16 where the processor has "
        "instructions for it.",
    )
    hindsight: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Hindsight experience replay: share of sampled transitions relabelled with a goal reached later; "
        "by default 0.8 in environments with goals.",
    )


class SacOptions(OffPolicyOptions):
    """Options of soft actor-critic."""

    alpha: float = Field(0.2, gt=0, description="Entropy coefficient; the initial one with --automatic-alpha.")
    automatic_alpha: bool = Field(
        False, description="Tune the entropy coefficient, for a target entropy of minus the number of actions."
    )
    log_std_low: float = Field(-20.0, description="Lower bound of the log standard deviation of actions.")
    log_std_high: float = Field(2.0, description="Upper bound of the log standard deviation of actions.")


class PearlOptions(SacOptions):
    """Options of PEARL."""

    encoder_hidden: Hidden = Field((128, 128), description="Widths of the context encoder's hidden layers.")
    encoder_learning_rate: float = Field(3e-4, gt=0, description="Adam's learning rate for the context encoder.")
    context_size: int = Field(
        100, ge=1, description="Recent transitions of a task from which the encoder infers its latents while it learns."
    )
    context_window: int = Field(
        400, ge=1, description="How many of a task's latest transitions by the prior are recent."
    )
    kl_weight: float = Field(
        0.1, ge=0, description="Weight of the posterior's KL divergence from the prior in the encoder's loss."
    )
    posterior_share: float = Field(
        0.5,
        ge=0,
        lt=1,
        description="Share of a task's lanes that act with latents of the posterior; in the others, of which there is "
        "at least one, the prior's act.",
    )
    adaptation_episodes: int = Field(
        2, ge=1, description="Episodes in a new task by the prior, before its latents are inferred."
    )


class Td3Options(OffPolicyOptions):
    """Options of TD3, of which DDPG is a setting."""

    exploration_noise: float = Field(
        0.1, ge=0, description="Standard deviation of the exploration noise, for actions scaled to -1 … 1."
    )
    random_actions: float = Field(0.0, ge=0, le=1, description="Share of exploring actions that are drawn uniformly.")
    target_noise: float = Field(0.2, ge=0, description="Standard deviation of the target policy smoothing noise.")
    target_noise_limit: float = Field(
        0.5, ge=0, description="Limit to which the target policy smoothing noise is clipped."
    )
    policy_delay: int = Field(2, ge=1, description="Critic updates per policy update.")
    critics: int = Field(2, ge=1, description="Number of critics; targets take their minimum.")
    target_policy: bool = Field(True, description="Use a target network of the policy too.")
    action_penalty: float = Field(0.0, ge=0, description="Weight of the mean squared action in the policy's loss.")


def _with_defaults(name: str, base: type[Td3Options], doc: str, **defaults: Any) -> type[Td3Options]:
    """Return a model of the base's options with other defaults."""
    fields = {
        option: (base.model_fields[option].annotation, _with_default(base, option, value))
        for option, value in defaults.items()
    }
    return create_model(name, __base__=base, __doc__=doc, **fields)  # type: ignore[call-overload,no-any-return]


def _with_default(base: type[BaseModel], option: str, default: Any) -> Any:
    field = copy(base.model_fields[option])
    field.default = default
    return field


DdpgOptions = _with_defaults(
    "DdpgOptions",
    Td3Options,
    "DDPG as used with hindsight (Andrychowicz et al. 2017; the public code of Hegde & Sukhatme 2022).",
    actor_learning_rate=1e-3,
    critic_learning_rate=1e-3,
    gamma=0.98,
    learning_starts=1000,
    normalize_observations=True,
    exploration_noise=0.2,
    random_actions=0.3,
    target_noise=0.0,
    policy_delay=1,
    critics=1,
    target_policy=False,
    action_penalty=1.0,
)
"""TD3's with other defaults."""


class DistillOptions(ReplayOptions):
    """Options of imitating a teacher."""

    teacher: Annotated[str, BeforeValidator(absolute)] = Field(
        "", description="Folder of the run whose policy is imitated."
    )
    teacher_noise: float = Field(
        0.1,
        ge=0,
        description="Standard deviation of noise on the teacher's actions, so that it shows how to recover; of "
        "discrete actions the share that is random.",
    )
    student_share: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of the iterations in which the student acts, and the teacher says what it would have done "
        "(DAgger); 0: the teacher always acts.",
    )
