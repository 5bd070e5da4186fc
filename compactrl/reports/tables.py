"""The comparison as text: the columns that people see, for the page, the terminal, Markdown and LaTeX; and JSON."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from compactrl.quantities import DASH, a_return
from compactrl.reports.aggregate import Aggregate, aggregate
from compactrl.reports.smallest import smallest_architecture
from compactrl.reports.words import number, short
from compactrl.searches.pace import duration

if TYPE_CHECKING:
    from compactrl.reports.compare import Comparison

HEADINGS = (
    "configuration", "network", "weights", "parameters", "fewer", "bits", "bytes", "seeds", "return", "95 % interval",
    "best seed", "episodes", "steps", "time",
)  # fmt: skip
MEANING = (
    "Return: interquartile mean, over the seeds, of each seed's mean return over so many fresh episodes without noise "
    "(with fewer than four seeds it is the mean); of equal returns the smaller policy is first. The interval is a "
    "stratified bootstrap's over seeds; one seed has none. Sizes are the largest of the seeds'. Fewer: share of the "
    "parameters of an unstructured network that are saved. Bits by the formula of Song et al. 2020; bytes are what "
    "the tables of an export take. Steps and time are medians. What an environment reports beside the return, such "
    "as success, is a mean over seeds."
)
WHOLE = frozenset({"weights", "parameters", "bits", "bytes", "episodes", "env_steps"})
"""Columns that are whole numbers, and floats only so that they can be missing."""


def headings(comparison: Comparison, env: str) -> list[str]:
    """Return the headings of one environment's table: `HEADINGS`, and what it reports beside the return."""
    return [*HEADINGS, *comparison.measures(env)]


def rows(comparison: Comparison, env: str) -> list[list[str]]:
    """Return the rows of one environment as people read them, best first, in the order of `headings`."""
    measures = comparison.measures(env)
    table = comparison.table[comparison.table["env"] == env]
    row_of = {row["configuration"]: row for row in table.to_dict("records")}
    ordered = [row_of[configuration.label] for configuration in comparison.ordered(env)]
    return [[*_shown(row), *(number(row[f"{name}_mean"]) for name in measures)] for row in ordered]


def smallest_lines(comparison: Comparison, env: str) -> list[str]:
    """Say what is the smallest with 90 % of the best: of the configurations, and of a run's architectures where any."""
    among = comparison.smallest(env)
    lines = [] if among is None else [f"configurations: {among}"]
    ordered = comparison.ordered(env)
    for configuration in ordered:
        record = configuration.best
        found = smallest_architecture(record.architectures[-1]["architectures"]) if record.architectures else None
        if found is not None:
            whose = f" of {configuration.label}" if len(ordered) > 1 else ""
            lines.append(f"all architectures{whose}: {found}")
    return lines


def _shown(row: dict[str, Any]) -> list[str]:
    mean = row["return"]
    interval = f"{a_return(row['return_low'], mean)} to {a_return(row['return_high'], mean)}"
    return [
        str(row["configuration"]),
        str(row["architecture"]),
        number(row["weights"]),
        number(row["parameters"]),
        DASH if math.isnan(row["compression"]) else f"{100 * row['compression']:.0f} %",
        number(row["bits"]),
        number(row["bytes"]),
        str(row["seeds"]),
        a_return(mean),
        DASH if math.isnan(row["return_low"]) else interval,
        a_return(row["return_max"]),
        number(row["episodes"]),
        DASH if math.isnan(row["env_steps"]) else short(row["env_steps"]),
        DASH if math.isnan(row["seconds"]) else duration(row["seconds"]),
    ]


def markdown(comparison: Comparison) -> str:
    """Return tables, warnings and notes as Markdown."""
    lines = []
    for env in comparison.environments:
        lines += [f"### {_plain(env)}", "", _markdown_table(headings(comparison, env), rows(comparison, env)), ""]
        lines += [paragraph for line in smallest_lines(comparison, env) for paragraph in (_plain(line), "")]
    aggregates = aggregate(comparison)
    if aggregates:
        lines += [
            "### All environments together",
            "",
            _markdown_table(AGGREGATE_HEADINGS, aggregate_rows(aggregates)),
            "",
        ]
    lines += [MEANING, ""]
    lines += [f"- **Warning:** {_plain(warning)}" for warning in comparison.warnings]
    lines += [f"- Note: {_plain(note)}" for note in comparison.notes]
    return "\n".join(lines).rstrip() + "\n"


AGGREGATE_HEADINGS = ["configuration", "normalised return", "95 % interval", "environments", "seeds"]


def aggregate_rows(aggregates: list[Aggregate]) -> list[list[str]]:
    """Return the rows of `AGGREGATE_HEADINGS`."""
    return [
        [
            row.label,
            f"{row.score:.3f}",
            DASH if math.isnan(row.interval.low) else f"{row.interval.low:.3f} to {row.interval.high:.3f}",
            str(row.environments),
            str(row.seeds),
        ]
        for row in aggregates
    ]


def _markdown_table(headings: list[str], body: list[list[str]]) -> str:
    lines = ["| " + " | ".join(headings) + " |", "|" + " --- |" * len(headings)]
    return "\n".join([*lines, *("| " + " | ".join(map(_plain, row)) + " |" for row in body)])


def _plain(text: str) -> str:
    """Return text that Markdown shows as it is: no cell ends in it, no tag begins, no line breaks."""
    flat = " ".join(str(text).split())
    for character, safe in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("|", "\\|")):
        flat = flat.replace(character, safe)
    return flat


def html(comparison: Comparison) -> str:
    """Return tables, warnings and notes as HTML, for a notebook; everything that comes from runs is escaped."""
    import pandas
    from markupsafe import escape

    parts = []
    for env in comparison.environments:
        frame = pandas.DataFrame(rows(comparison, env), columns=headings(comparison, env))
        parts.append(f"<h4>{escape(env)}</h4>\n{frame.to_html(index=False, border=0)}")
        parts += [f"<p>{escape(line)}</p>" for line in smallest_lines(comparison, env)]
    remarks = [f"<strong>Warning:</strong> {escape(warning)}" for warning in comparison.warnings]
    remarks += [f"Note: {escape(note)}" for note in comparison.notes]
    return "\n".join([*parts, *(f"<p>{remark}</p>" for remark in remarks)])


def latex(comparison: Comparison) -> str:
    """Return one booktabs table per environment; warnings and notes come first, as comments."""
    import pandas

    comments = [*comparison.warnings, *comparison.notes]
    lines = [f"% {' '.join(line.split())}" for line in comments] + ["% needs \\usepackage{booktabs}"]
    for env in comparison.environments:
        columns = headings(comparison, env)
        frame = pandas.DataFrame(rows(comparison, env), columns=columns)
        caption = f"{env}: interquartile mean return over seeds, 95 % bootstrap interval."
        body = frame.to_latex(index=False, escape=True, column_format="ll" + "r" * (len(columns) - 2))
        lines += ["\\begin{table}", "\\centering", body.rstrip(), f"\\caption{{{_escaped(caption)}}}", "\\end{table}"]
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    special = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    special |= {character: f"\\{character}" for character in "&%$#_{}"}
    return "".join(special.get(character, character) for character in text)


def as_json(comparison: Comparison) -> str:
    """Return everything as JSON for programs."""
    content = {
        "configurations": [
            {key: _whole(value) if key in WHOLE else value for key, value in row.items()}
            for row in comparison.table.to_dict("records")
        ],
        "pareto": {
            cost: comparison.pareto(cost)[["env", "configuration"]].to_dict("records")
            for cost in ("bits", "bytes", "parameters")
        },
        "smallest": [
            {"env": env, **found._asdict()}
            for env in comparison.environments
            if (found := comparison.smallest(env)) is not None
        ],
        "comparisons": [
            {
                "env": env,
                "configuration": one.label,
                "over": other.label,
                "probability": result.probability,
                "interval": list(result.interval),
                "difference": result.difference,
                "difference_interval": list(result.difference_interval),
                "seeds": result.seeds,
                "paired": result.paired,
            }
            for env in comparison.environments
            for one, other, result in comparison.improvements(env)
        ],
        "together": [row._asdict() for row in aggregate(comparison)],
        "warnings": comparison.warnings,
        "notes": comparison.notes,
    }
    return json.dumps(_valid(content), indent=2, ensure_ascii=False)


def _whole(value: float) -> float:
    return int(value) if math.isfinite(value) and value == int(value) else value


def _valid(value: Any) -> Any:
    """Return a value that JSON knows: null for NaN and infinities, whole floats as they are."""
    if isinstance(value, dict):
        return {key: _valid(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_valid(inner) for inner in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value.item() if hasattr(value, "item") else value
