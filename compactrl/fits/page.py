"""A fit as one HTML file that reads as a story: what ships, what was tried, which stage kept whom.

It has the look of the reports' pages (`reports/templates/base.html`), nothing from the network, and is the same bytes
for the same fit.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from compactrl.errors import InputError, UnwritableError
from compactrl.fits.budgets import KINDS, UNMEASURED
from compactrl.fits.figure import front_figure, race_figure
from compactrl.fits.shipping import kind_of
from compactrl.fits.story import Stage, Story, returned, story_of
from compactrl.quantities import DASH, a_return
from compactrl.reports.drawing import Drawing
from compactrl.reports.page import colors, environment
from compactrl.reports.words import short
from compactrl.searches.pace import duration
from compactrl.storage.files import write_atomically, writing

SHIPS = ("budget", "candidate", "size", "bytes of tables", "return", "95 % interval", "episodes")
TRIED = ("candidate", "method", "size", "bytes of tables", "last return", "spent", "stayed until")
STAGES = ("stage", "returns, the best first", "left here")


def save_page(fit: Path, front: dict[str, Any], path: str | Path) -> Path:
    """Write a fit's page.

    Args:
        fit: its folder.
        front: all that was tried and what ships, as `shipping.front_of` returns it.
        path: of the page.

    Raises:
        InputError: it cannot be written there.
    """
    file = Path(path)
    content = render(fit, front).encode()
    try:
        with writing(file):
            file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, content)
    except UnwritableError as error:
        raise InputError(f"--html: {error}") from error
    return file


def render(fit: Path, front: dict[str, Any]) -> str:
    """Return the page of a fit's folder and its front."""
    story, drawing = story_of(fit), Drawing()
    options = story.options
    most = options.kind.say(max(options.budgets))
    where = f"{options.env}, fit {fit.name}"
    figures = [
        drawing(
            "What was tried, and what ships", where,
            f"Mean return against size. Diamonds ship: means over {front['shipped'][0]['episodes']} fresh episodes "
            "that no choice was based on, with 95 % intervals. Dots are candidates as they were last compared, over "
            "few episodes, and so by luck a little high.",
            front_figure(front, options.env),
        ),
        drawing(
            "The race", where,
            "Mean return at each comparison, of the same fresh episodes for all that took part in it. A line that ends "
            "is a candidate that was left.",
            race_figure(story),
        ),
    ]  # fmt: skip
    content = {
        "title": f"The best policies for {options.env} within {most}",
        "lead": _lead(story),
        "ships": (SHIPS, _ships(front)),
        "figures": figures,
        "stages": (STAGES, [_stage(stage) for stage in story.stages]),
        "tried": (TRIED, _tried(story, front)),
        **colors(),
        "refresh": 0,
    }
    return environment("compactrl.fits").get_template("fit.html").render(content) + "\n"


def _lead(story: Story) -> str:
    options, budget = story.options, _amount(story, story.options.total.value)
    amount = duration(story.total) if options.total.seconds else short(story.total)
    ended = "It has ended" if story.finished else "It was stopped and can go on"
    return f"{ended}; {amount} of {budget} went to searches and comparisons; seed {options.seed}."


def _amount(story: Story, value: float) -> str:
    return duration(value) if story.options.total.seconds else f"{short(value)} counted steps"


def _ships(front: dict[str, Any]) -> list[list[str]]:
    kind, rows = KINDS[kind_of(front)], []
    for row in front["shipped"]:
        mean, (low, high) = row["return_mean"], row["return_interval"]
        rows.append([
            kind.say(row[f"max_{kind.name}"]), row["candidate"], f"{row[kind.name]:,}", f"{row['bytes']:,}",
            a_return(mean), f"{a_return(low, mean)} … {a_return(high, mean)}", str(row["episodes"]),
        ])  # fmt: skip
    return rows


def _stage(stage: Stage) -> list[str]:
    returns = ", ".join(f"{name} {returned(mean)}" for name, mean in stage.returns.items())
    if stage.last:
        return [stage.title, returns, f"won by {next(iter(stage.returns))}"]
    return [stage.title, returns, ", ".join(stage.left) or DASH]


def _tried(story: Story, front: dict[str, Any]) -> list[list[str]]:
    kind, rows = kind_of(front), []
    for row in front["candidates"]:
        stages = story.stages_of(row["name"])
        spent = story.spent.get(row["name"])
        size = row[kind] if row[kind] is not None else UNMEASURED
        rows.append([
            row["name"], row["method"], f"{size:,}" if size < UNMEASURED else DASH, f"{row['bytes']:,}",
            a_return(row["return_mean"]), _amount(story, spent) if spent else DASH, stages[-1].name if stages else DASH,
        ])  # fmt: skip
    return rows
