"""Other names of options: those of earlier versions, and those that other libraries have for the same thing.

This is the one place where a name becomes another. What users give goes through it (`settings.named_values`), and so
does the record of a run as it is opened (`runs.run`), so that runs of earlier versions keep opening. All else, what is
written included, knows an option by one name.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from compactrl.errors import InputError, flag_of

EARLIER: Mapping[str, str] = MappingProxyType(
    {
        "lanes": "num_envs",
        "settle": "fine_tune_share",
        "settle_es": "fine_tune_es",
        "selections": "reevaluations",
        "selection_episodes": "reevaluation_episodes",
        "actor_final_rate_share": "actor_learning_rate_decay",
        "average_share": "weight_averaging",
        "critic_clip": "critic_huber_delta",
        "discount": "gamma",
        "target_rate": "tau",
        "replay_size": "buffer_size",
        "random_steps": "learning_starts",
        "tell_critics": "conditioned_critics",
        "sampling": "controller",
    }
)
"""Name in an earlier version → name now. Records of runs have them, scripts too."""

ALIASES: Mapping[str, str] = MappingProxyType(
    {
        **EARLIER,
        "total_timesteps": "steps",  # Stable-Baselines3, CleanRL
        "env_id": "env",  # CleanRL
        "env_kwargs": "env_options",  # Stable-Baselines3
        "n_envs": "num_envs",  # Stable-Baselines3
        "popsize": "population",  # EvoTorch
        "num_steps": "n_steps",  # CleanRL
        "rollout": "n_steps",  # sample-factory
        "update_epochs": "n_epochs",  # CleanRL
        "num_epochs": "n_epochs",  # sample-factory
        "clip_coef": "clip_range",  # CleanRL
        "ppo_clip_ratio": "clip_range",  # sample-factory
        "norm_obs": "normalize_observations",  # Stable-Baselines3
        "normalize_input": "normalize_observations",  # sample-factory
        "norm_reward": "normalize_returns",  # Stable-Baselines3
    }
)
"""Other name → name. The command line takes them, and its help shows none of them."""


COMMANDS: Mapping[str, str] = MappingProxyType({"quiet": "progress=False, the default, shows nothing"})
"""Option of commands alone → what Python has in its place."""


def current_name(option: str) -> str:
    """Return an option's name of today, of a name or of a flag without its dashes; other words as they are.

    Example:
        >>> current_name("selection-episodes"), current_name("no-tell-critics")
        ('reevaluation_episodes', 'no_conditioned_critics')
    """
    name = option.replace("-", "_")
    off = "no_" if name.startswith("no_") else ""
    return off + ALIASES.get(name.removeprefix(off), name.removeprefix(off))


def current(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options by their names of today.

    Raises:
        InputError: one is given by two names, with different values; or is an option of commands alone.

    Example:
        >>> current({"lanes": 8, "seed": 1})
        {'num_envs': 8, 'seed': 1}
    """
    named: dict[str, Any] = {}
    first: dict[str, str] = {}
    for given, value in options.items():
        if given in COMMANDS:
            raise InputError(f"{flag_of(given)} is an option of commands; in Python, {COMMANDS[given]}")
        name = ALIASES.get(given, given)
        if name in named and named[name] != value:
            flags = " and ".join(map(flag_of, (first[name], given)))
            raise InputError(f"{flags} are the same option: give one of them")
        named[name] = value
        first.setdefault(name, given)
    return named
