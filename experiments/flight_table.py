"""The tables of flights, of the results that `experiments/flight.py` writes."""

from __future__ import annotations

import json
from pathlib import Path

from compactrl.quantities import a_return
from experiments.markdown import markdown

RESULTS = Path(__file__).parent / "results"
FLIGHTS = ("static", "dynamic", "lissajous", "bezier", "figure-eight")


def flight_table() -> str:
    """Return the Markdown table of flights: returns, and distances to the goal."""
    path = RESULTS / "flight" / "flights.json"
    if not path.exists():
        return "No results yet: `python -m experiments.flight`."
    body = []
    for row in json.loads(path.read_text())["rows"]:
        name, size = row["name"], "–"
        if row["kind"] == "policy":
            setting, _, rounding = name.partition(", ")
            name = (
                f"`{setting}`{rounding and f' as {rounding}'}, seed {row['seed']}, {row['env_steps'] / 1e6:.1f} M steps"
            )
            size = f"{row['parameters']} ({row['bytes']} B)"
        cells = [_flight(row["scenarios"][scenario]) for scenario in FLIGHTS]
        settled = f"{100 * row['scenarios']['static']['settled_rmse_mean']:.1f} cm"
        body.append([name, size, *cells, settled, f"{100 * row['randomised']['crashed_mean']:.0f} %"])
    headings = ("", "parameters", *FLIGHTS, "static, from 10 s on", "crashes, randomised")
    return markdown(headings, body)


def _flight(values: dict[str, float]) -> str:
    crashes = f", {100 * values['crashed_mean']:.0f} % crash" if values["crashed_mean"] else ""
    return f"{a_return(values['return_mean'])} ({values['position_rmse_mean']:.2f} m{crashes})"


def flight_speed_table() -> str:
    """Return the Markdown table of the quadrotor's control steps a second."""
    path = RESULTS / "flight" / "speed.json"
    if not path.exists():
        return "No results yet: `python -m experiments.flight --speed`."
    content = json.loads(path.read_text())
    rates = {**content["steps_per_cpu_second"], "with a policy of four neurons, in a search": content["with a policy"]}
    return markdown(("what", "control steps a second"), [[name, f"{rate / 1e6:.2f} M"] for name, rate in rates.items()])
