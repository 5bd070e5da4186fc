"""Methods as rows: what each name on the command line puts together, and what it may be told.

A method is a compression, a way to choose designs, a learner, and defaults. The command line's options,
`compactrl methods`, a run's record and the conformance tests all follow from these rows and from the
options of the parts that they name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

NO_CHOICE = "none"
"""The controller of a method whose design is fixed or follows from theta."""


@dataclass(frozen=True)
class Choice:
    """One way for a method to find its designs."""

    compression: str
    """A name in `compactrl.compressions.COMPRESSIONS`."""
    controller: str = "random"
    """A name in `controllers.CONTROLLERS`; over an empty space `random` proposes empty rows."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Option → default where it differs from the part's own."""
    needs: str = ""
    """The option that this way cannot do without; where it is given, this way is meant unless another one is named."""


@dataclass(frozen=True)
class Method:
    """A row: a name, what it is, and its ways to choose a design (the first is the default)."""

    name: str
    summary: str
    choices: Mapping[str, Choice]
    fixed: Mapping[str, Any] = field(default_factory=dict)
    """Options that this method does not let be chosen."""


def _row(name: str, summary: str, choices: dict[str, Choice], **fixed: Any) -> tuple[str, Method]:
    return name, Method(name, summary, MappingProxyType(choices), MappingProxyType(fixed))


_SAMPLED = {"population": 320}
"""Designs without memory: many a generation, so that a good one is among them."""

_POINTER = {
    "es": "cmaes",
    "sigma": 0.005,
    "learning_rate": 0.002,
    "center_max_speed": 0.004,
    "settle": 0.2,
    "controller_learning_rate": 3e-4,
    "controller_table_learning_rate": 0.5,
    "controller_entropy": 0.0,
    "controller_spread": 0.6,
    "controller_mirrored": True,
}
"""The weights stay in order and move slowly, so that the network can learn which edge wants a larger or smaller one:
measured on HalfCheetah, the paper's settings stand still where these rise (README, `chromatic-17-paper`)."""

METHODS: Mapping[str, Method] = MappingProxyType(
    dict(
        (
            _row(
                "chromatic",
                "edges share a few weights; which edge takes which weight is searched (Song et al. 2020)",
                {
                    "latent": Choice("latent", defaults={"settle": 0.2}),
                    "pointer": Choice("chromatic", "pointer", _POINTER),
                    "random": Choice("chromatic", "random", _SAMPLED),
                    "fixed": Choice("chromatic", "fixed", _SAMPLED),
                    "evolution": Choice("chromatic", "evolution", _SAMPLED),
                    "transfer": Choice("transferred", "fixed", {"settle": 0.8}, needs="colorings_from"),
                },
            ),
            _row(
                "masked",
                "few edges are kept; the mask is evolved beside the weights (Lenc et al. 2019)",
                {NO_CHOICE: Choice("masked")},
            ),
            _row(
                "toeplitz",
                "a weight a diagonal (Choromanski et al. 2018)",
                {NO_CHOICE: Choice("toeplitz", defaults={"settle": 0.0})},
            ),
            _row(
                "circulant",
                "a weight a wrapped diagonal (Song et al. 2020, appendix D)",
                {NO_CHOICE: Choice("circulant", defaults={"settle": 0.0})},
            ),
            _row(
                "unstructured",
                "a weight an edge",
                {NO_CHOICE: Choice("dense", defaults={"settle": 0.0})},
            ),
            _row(
                "linear",
                "a weight an edge and no hidden layer (Mania et al. 2018)",
                {NO_CHOICE: Choice("dense", defaults={"settle": 0.0})},
                hidden=(),
            ),
        )
    )
)

PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "default": MappingProxyType({}),
        "paper": MappingProxyType(
            {
                "es": "finite-difference",
                "population": 301,
                "controller": "pointer",
                "sigma": 0.1,
                "learning_rate": 0.01,
                "shaping": "standardize",
                "settle": 0.0,
                "normalize_rewards": True,
                "alive_bonus": 0.0,
                "controller_hidden": 64,
                "controller_learning_rate": 1e-3,
                "controller_entropy": 0.3,
                "controller_baseline_decay": 0.99,
                "controller_temperature": 1.0,
                "controller_table_learning_rate": 0.0,
                "controller_spread": 0.0,
                "controller_mirrored": False,
            }
        ),
    }
)
"""Settings by name; `paper` is appendix A of Song et al. 2020, and only what fits the method is taken from it."""
