"""Options that every method takes, and other names of options."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from compactrl.envs.engines import CHOICES
from compactrl.envs.spec import DEFAULT_EPISODE_STEPS
from compactrl.learners.options import Hidden


def _mapping(value: Any) -> Any:
    """Read a JSON object."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value) if value else {}
    except json.JSONDecodeError as error:
        raise ValueError(f"not a JSON object: {error}") from error


def _unless_none(value: Any) -> Any:
    """Read `none` as no value."""
    return None if value == "none" else value


class SearchOptions(BaseModel):
    """Options of every method."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    method: str = Field("chromatic", description="How the policy is made small: a row of `compactrl methods`.")
    env: str = Field("HalfCheetah-v5", description="Environment id; `compactrl envs` lists them.")
    tasks: str = Field(
        "",
        description="Family of tasks, in place of --env: such as HalfCheetah-Vel; `compactrl envs --tasks` lists them.",
    )
    env_module: str = Field(
        "",
        description="Your own environments: a Python file, or an importable module, that registers them with "
        "Gymnasium.",
    )
    env_options: Annotated[dict[str, Any], BeforeValidator(_mapping)] = Field(
        {}, description="Keyword arguments of the environment, as a JSON object such as '{\"frame_skip\": 4}'."
    )
    engine: str = Field("auto", description=f"Library that steps the environments: {CHOICES}.")
    max_episode_steps: int = Field(
        0,
        ge=0,
        description="Cut episodes after this many steps; 0 is the environment's own limit, "
        f"or {DEFAULT_EPISODE_STEPS} where it has none.",
    )
    steps: int = Field(
        20_000_000,
        ge=1,
        description="Budget in environment steps; re-evaluations count, but for the last one of gradient methods.",
    )
    seed: int = Field(0, ge=0, description="Seed of all randomness.")
    hidden: Hidden = Field(
        (41,), description="Widths of the hidden layers, such as 41 or 64,64; none is a linear policy."
    )
    controller: str = Field(
        "", description="What chooses the designs, such as which edges share a weight; each method has its own choices."
    )
    learner: str = Field("", description="Algorithm that trains the weights, for methods with several.")
    num_envs: int = Field(
        0,
        ge=0,
        description="Parallel environments; 0 is one per candidate, at most 160 (gradient methods: 8). Where it is "
        "given, no more ever exist at a time: re-evaluations and the final evaluation share them. Changes results.",
    )
    max_envs: int = Field(
        0,
        ge=0,
        description="Environments that exist at any time, at most: num_envs where that is given; 0 for any number.",
        json_schema_extra={"recorded_only": True},
    )
    threads: int = Field(
        0,
        ge=0,
        description="Threads that step environments and that networks learn on; 0 is every core. Changes no result.",
    )
    workers: int = Field(
        0,
        ge=0,
        description="Ray workers that step environments in place of threads; 0 is none, or every CPU of the cluster "
        "with --ray-address. Changes no result.",
    )
    ray_address: str = Field(
        "", description="Ray cluster to join, as HOST:PORT or auto; without it --workers starts Ray on this machine."
    )
    worker_timeout: float = Field(
        600.0,
        gt=0,
        description="Seconds after which a worker counts as hung and its work is done again elsewhere.",
    )
    fine_tune_share: float = Field(
        0.4,
        ge=0,
        lt=1,
        description="Last share of the budget, in which the best design stays and only its weights are trained "
        "(fine-tuning).",
    )
    reevaluations: int = Field(
        10, ge=1, description="How often the best candidates are evaluated anew, to choose the final policy."
    )
    reevaluation_episodes: int = Field(32, ge=2, description="Fresh episodes per finalist in a re-evaluation.")
    stop_at: Annotated[float | None, BeforeValidator(_unless_none)] = Field(
        None,
        description="Stop once the policy's mean return without noise, on fresh episodes, is at least this.",
    )
    patience: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Stop once the policy has not improved for this share of the budget, such as 0.2; 0 never.",
    )
    checkpoint_seconds: float = Field(
        30.0, ge=0, description="Save a checkpoint at least this often, in seconds; 0 is every iteration."
    )
    preset: str = Field("default", description="Named defaults: default, or paper for those of the method's paper.")
