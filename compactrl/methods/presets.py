"""Presets: settings by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

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
                "fine_tune_share": 0.0,
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
"""Settings by name. `paper` is appendix A of Song et al. 2020, and a method takes what it has of it. Methods of other
papers have their own settings under this name (`Method.presets`)."""
