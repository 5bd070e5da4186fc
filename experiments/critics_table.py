"""The table of critics, of the results that `experiments/critics.py` writes."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from pathlib import Path

from compactrl.quantities import a_return
from experiments.critics import LABELS, last_cosine
from experiments.markdown import markdown

RESULTS = Path(__file__).parent / "results"


def critics_table() -> str:
    """Return the Markdown table of critics on Walker2d, and how SA-Hyper differs from the others."""
    path = RESULTS / "critics.json"
    if not path.exists():
        return "No results yet: `python -m experiments.critics`."
    content, body = json.loads(path.read_text()), []
    for name, seeds in content["settings"].items():
        found = content["comparisons"].get(name, {})
        cosines = [value for row in seeds if (value := last_cosine(row)) == value]
        gain = found.get("return_best")
        low, high = gain["effect_size_interval"] if gain else (0.0, 0.0)
        body.append(
            [
                LABELS[name],
                f"{len(seeds)}",
                _spread([row["return_mean"] for row in seeds]),
                _spread([row["return_best"] for row in seeds]),
                f"{statistics.mean(cosines):.2f}" if cosines else "–",
                f"{gain['effect_size']:.1f} ({low:.1f} to {high:.1f}), {gain['verdict'].split(':')[0]}"
                if gain
                else "–",
            ]
        )
    steps = content["steps"]
    headings = ("critic", "seeds", f"return after {steps:,} steps", "best evaluation", "cosine", "d of SA-Hyper, claim")
    return markdown(headings, body)


def _spread(values: Sequence[float]) -> str:
    mean = statistics.mean(values)
    deviation = f" ± {a_return(statistics.stdev(values), mean)}" if len(values) > 1 else ""
    return f"{a_return(mean)}{deviation}"
