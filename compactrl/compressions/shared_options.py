"""Options of shared weights, and of the latent colourings that are a case of them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from compactrl.compressions.base import AnyOptions
from compactrl.compressions.chromatic import ChromaticOptions, check_partitions
from compactrl.policies.skeleton import Skeleton
from compactrl.policies.zoo import absolute


class LatentOptions(ChromaticOptions):
    """Options of latent colourings."""

    palette_spread: float = Field(
        default=0.0,
        ge=0,
        allow_inf_nan=False,
        description="Outermost level of the palette of weights, in standard deviations of the latent numbers; 0 "
        "follows from the number of colours (1.2 for 3, 2.5 for 17).",
    )


class SharedOptions(LatentOptions):
    """Options of shared weights on any skeleton."""

    start_from: Annotated[str, BeforeValidator(absolute)] = Field(
        "",
        description="Run to begin from: its weights, of shared ones their clusters, its network and its normaliser.",
    )
    normalizer: Literal["floats", "bytes"] = Field(
        "floats",
        description="How the normaliser of the run that is imitated or begun from is kept: as it is, or rounded, in a "
        "byte or two an observation; the first layer makes up for that.",
    )
    palette_per_layer: bool = Field(False, description="Give each layer --partitions weights of its own.")
    bias_partitions: int = Field(0, ge=0, description="Distinct biases that the units share; 0: each has its own.")
    activation: Literal["tanh", "relu"] = Field("tanh", description="Of the hidden layers: tanh or relu.")
    output_bias: bool = Field(False, description="Give the output layer biases, as gradient methods do.")
    train_palette: bool = Field(
        False, description="Train the shared values beside the choice of each edge, as gradient methods do by default."
    )


def completed(options: AnyOptions | None) -> SharedOptions:
    """Return options with defaults for those that a latent colouring does not have."""
    if isinstance(options, SharedOptions):
        return options
    return SharedOptions.model_validate({} if options is None else options.model_dump())


def check_groups(options: SharedOptions, skeleton: Skeleton) -> None:
    """Raise ValueError where there are more weights than edges to share them."""
    check_partitions(options.partitions, skeleton.num_edges)
    smallest = min(outputs * inputs for outputs, inputs in skeleton.shapes)
    if options.palette_per_layer and options.partitions > smallest:
        raise ValueError(
            f"--partitions {options.partitions}: expected between 1 and the number of edges of the smallest layer, "
            f"{smallest}, which gets weights of its own"
        )
