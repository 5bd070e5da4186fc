"""Options that every method takes, and other names of options."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from compactrl.envs.engines import CHOICES
from compactrl.envs.spec import DEFAULT_EPISODE_STEPS
from compactrl.learners.options import Count, Hidden
from compactrl.methods.presets import PRESETS


def _mapping(value: Any) -> Any:
    """Read a JSON object."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value) if value else {}
    except json.JSONDecodeError as error:
        raise ValueError(f"not a JSON object: {error}") from error


ALIASES = {"sampling": "controller"}
"""Other names of options: the controller of a graph hyper policy samples its architectures."""


class SearchOptions(BaseModel):
    """Options of every method."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    method: str = Field("chromatic", description="What to search: a row of `compactrl methods`.")
    env: str = Field("HalfCheetah-v5", description="Environment id; `compactrl envs` lists them.")
    env_module: str = Field(
        "",
        description="Importable module, or file such as my_robot.py, that registers environments with Gymnasium.",
    )
    env_options: Annotated[dict[str, Any], BeforeValidator(_mapping)] = Field(
        {}, description="Options of the environment, as a JSON object."
    )
    engine: str = Field("auto", description=f"What steps the environment: {CHOICES}.")
    max_episode_steps: Count = Field(
        0,
        ge=0,
        description="Cut episodes after this many environment steps; 0 keeps the environment's own limit, "
        f"{DEFAULT_EPISODE_STEPS} where it sets none.",
    )
    steps: Count = Field(
        20_000_000,
        ge=1,
        description="Budget in environment steps, re-evaluations included; of gradient methods the last is beyond it.",
    )
    seed: Count = Field(0, ge=0, description="Source of all randomness.")
    hidden: Hidden = Field(
        (41,), description="Widths of the hidden layers, such as 41 or 41,41; none for a linear policy."
    )
    controller: str = Field("", description="What chooses the designs; the default is the method's own.")
    learner: str = Field("", description="Who improves the weights; the default is the method's own.")
    lanes: Count = Field(
        0,
        ge=0,
        description="Environments that evaluations are dealt to, or that stand for gradient methods; 0 for at most "
        "160 of the former, 8 of the latter. Where it is given, no more of them ever exist at a time: re-evaluations "
        "and the final evaluation share them. Results depend on it.",
    )
    environments: Count = Field(
        0,
        ge=0,
        description="At most so many environments exist at any time: as --lanes says where it is given, else 0: any.",
        json_schema_extra={"recorded_only": True},
    )
    threads: Count = Field(0, ge=0, description="Threads that step environments; 0 for every core. Changes no result.")
    workers: Count = Field(
        0,
        ge=0,
        description="Ray workers that step environments, in place of threads; 0 for none, or with --ray-address for "
        "every CPU of the cluster. Changes no result.",
    )
    ray_address: str = Field(
        "", description="Ray cluster to join, as HOST:PORT or auto; without it --workers begins a Ray on this machine."
    )
    worker_timeout: float = Field(
        600.0,
        gt=0,
        description="Seconds after which a worker's share of a generation counts as hung and is done again elsewhere.",
    )
    settle: float = Field(
        0.4, ge=0, lt=1, description="Last share of the budget, spent on the weights of the design that leads."
    )
    selections: Count = Field(
        10, ge=1, description="How many times in a search the leading designs are re-evaluated for what ships."
    )
    selection_episodes: Count = Field(
        32, ge=2, description="Fresh episodes for each of the last designs standing in a re-evaluation."
    )
    checkpoint_seconds: float = Field(
        30.0, ge=0, description="Save at least this often, in seconds; 0 for every generation."
    )
    preset: str = Field("default", description="Settings by name: " + ", ".join(PRESETS) + ".")
