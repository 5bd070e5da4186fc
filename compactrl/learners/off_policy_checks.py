"""Which options nothing can be learned with off policy, and what to give instead."""

from __future__ import annotations

from compactrl.errors import InputError, either
from compactrl.learners.base import LearnerContext
from compactrl.learners.critics import CRITICS
from compactrl.learners.gradient import device_of
from compactrl.learners.options import OffPolicyOptions
from compactrl.networks.precision import check_precision


def transitions_needed(options: OffPolicyOptions) -> int:
    """Return how many transitions the buffer must hold before learning begins."""
    return max(options.batch_size, min(options.learning_starts, options.buffer_size // 2))


def check_off_policy(context: LearnerContext) -> None:
    """Raise InputError where nothing can be learned with these options."""
    options, steps, spec = context.options, context.steps, context.spec
    _check_critic(options)
    if not context.resumed:  # what was begun goes on here too, if slower
        check_precision(options.precision, device_of(options.device))
    if options.hindsight and spec.goal is None:
        raise InputError(f"--hindsight {options.hindsight}: it is for environments with goals, and {spec.id} has none")
    if spec.goal is not None and spec.goal.refusal and options.hindsight != 0:
        raise InputError(f"{spec.goal.refusal}. --hindsight 0 learns from the rewards of the steps alone")
    if options.buffer_size < options.batch_size:
        raise InputError(
            f"--buffer-size {options.buffer_size} is less than --batch-size {options.batch_size}: nothing would "
            "ever be learned"
        )
    needed = transitions_needed(options)
    if steps < needed:
        raise InputError(
            f"--steps {steps}: learning begins after {needed} steps (--learning-starts "
            f"{options.learning_starts}, --batch-size {options.batch_size}): give more of the first, or fewer of these"
        )
    if spec.goal is not None and spec.limited and not context.resumed and steps < spec.max_episode_steps:
        raise InputError(
            f"--steps {steps}: episodes have up to {spec.max_episode_steps} steps, and hindsight learns from whole "
            "ones: give more of the first, or a smaller --max-episode-steps"
        )


def _check_critic(options: OffPolicyOptions) -> None:
    """Raise InputError where an option is not for this critic."""
    critic, kind = options.critic, CRITICS[options.critic]
    fields = OffPolicyOptions.model_fields
    if kind.sized and options.critic_hidden != fields["critic_hidden"].default:
        hidden = ",".join(map(str, options.critic_hidden)) or "none"
        raise InputError(
            f"--critic-hidden {hidden} is for --critic mlp: the widths of {critic} follow from --critic-size"
        )
    if not kind.sized and options.critic_size != fields["critic_size"].default:
        raise InputError(f"--critic-size {options.critic_size} is not for --critic {critic}: give --critic-hidden")
    if not kind.generated and options.critic_init != fields["critic_init"].default:
        others = either([name for name, other in CRITICS.items() if other.generated])
        raise InputError(f"--critic-init {options.critic_init} is for --critic {others}, whose weights are written")
