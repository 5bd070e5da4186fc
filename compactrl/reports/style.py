"""How figures look, and how they become SVG that follows a page's light or dark colours.

Figures are matplotlib's (`charts.Chart`), made without pyplot: no state is shared, no backend is asked for, and a
notebook shows them. They are narrow, so that their text is readable on a phone; a page sets several side by side.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec

import numpy as np

from compactrl.imports.backends import any_backend
from compactrl.reports.words import short
from compactrl.types import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

P = ParamSpec("P")
INK, FAINT, GRID = "#1b1f23", "#6a737b", "#d8dde1"
SERIES = (
    "#0969b3", "#d4550a", "#0b8a63", "#b5569b", "#a07a06", "#3aa0d8", "#6b4bb8", "#8a4b2d", "#5d6b75", "#c22f4e",
)  # fmt: skip
"""Colours of configurations; each is also a variable of the page's, so that dark mode has lighter ones."""
WIDTH = 4.3
"""Inches: at 390 pixels of a phone, text is then a little larger than life."""
MOST = 10
"""Configurations in one figure, and points of interest in one list: beyond that nobody can tell them apart."""
RC: Any = {
    "font.family": "sans-serif",
    "font.size": 9.5,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.titlecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "text.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.6,
    "svg.fonttype": "none",
    "svg.hashsalt": "compactrl",
    "path.simplify": False,
}


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw with this style, whatever the user's own is."""

    @wraps(draw)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with any_backend():
            import matplotlib

        with matplotlib.rc_context({**matplotlib.rcParamsDefault, **RC}):
            return draw(*args, **kwargs)

    return wrapped


def blank(height: float) -> Figure:
    """Return a figure without axes, of this height in inches."""
    from compactrl.reports.charts import Chart

    return Chart(figsize=(WIDTH, height), layout="constrained")


def canvas(height: float = 3.0) -> tuple[Figure, Axes]:
    """Return a figure of this height in inches, and its one pair of axes."""
    figure = blank(height)
    return figure, figure.subplots()


def steps_axis(axes: Axes) -> None:
    """Label the horizontal axis as environment steps, with few ticks such as 50 k."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.set_xlabel("environment steps")
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))


LOG_TICKS = ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7), (1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9))
"""Mantissas that ticks of a logarithmic axis may have, from few to many."""
MOST_TICKS = 6


def log_axis(axes: Axes, vertical: bool = False) -> None:
    """Scale an axis that has its data already logarithmically, with few ticks, at numbers that people read."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

    if vertical:
        axes.set_yscale("log")
    else:
        axes.set_xscale("log")
        axes.margins(x=0.08)
    axis = axes.yaxis if vertical else axes.xaxis
    low, high = axes.get_ylim() if vertical else axes.get_xlim()
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    ticks: list[float] = []
    for mantissas in LOG_TICKS:
        more = [mantissa * 10.0**decade for decade in decades for mantissa in mantissas]
        more = [tick for tick in more if low <= tick <= high]
        if len(more) <= MOST_TICKS or not ticks:
            ticks = more
    if len(ticks) < 2:  # so narrow a range looks the same on a linear axis
        ticks = [tick for tick in MaxNLocator(4, integer=True).tick_values(low, high) if low <= tick <= high]
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))


def legend_below(figure: Figure, axes: Axes, columns: int = 1) -> None:
    """Put the legend under the axes, and make the figure as much taller: labels are long, and phones are narrow."""
    handles, labels = axes.get_legend_handles_labels()
    if not labels:
        return
    rows = -(-len(labels) // columns)
    figure.set_figheight(figure.get_figheight() + 0.1 + 0.185 * rows)
    figure.legend(handles, [literal(label) for label in labels], loc="outside lower left", ncols=columns)


def literal(text: str) -> str:
    """Return a text that matplotlib takes as it is, not as mathematics."""
    return text.replace("$", r"\$")


NEGATIVE = ("#c3d9ec", "#8bbbe3", "#4f93d2", "#2a6cb3")
POSITIVE = ("#f2d2b6", "#eeab70", "#df742b", "#b8420b")
"""Anchors from small to large, seen on light and dark pages; between the two, for zero, is the neutral grey."""
NEUTRAL = "#d3d6d9"


def diverging(values: Floats) -> Floats:
    """Return a colour (M, 3) of each value (M,): blue below zero, orange above, the stronger the further; zero is grey.

    Within a sign, colours follow the order of the values, evenly, so that values which lie close can be told apart.
    """
    from matplotlib.colors import to_rgb

    colors = np.tile(np.array(to_rgb(NEUTRAL)), (len(values), 1))
    for anchors, chosen in ((NEGATIVE, values < 0), (POSITIVE, values > 0)):
        sizes, ranks = np.unique(np.abs(values[chosen]), return_inverse=True)
        places = np.linspace(0, len(anchors) - 1, len(sizes)) if len(sizes) > 1 else np.array([len(anchors) - 2.0])
        shades = np.array([to_rgb(anchor) for anchor in anchors])
        between = np.stack([np.interp(places, np.arange(len(anchors)), shade) for shade in shades.T], axis=-1)
        colors[chosen] = between[ranks]
    return colors


def _renumbered(text: str, name: str) -> str:
    """Return an SVG with ids numbered as they come: matplotlib calls clip paths of images by their address."""
    known: dict[str, str] = {}

    def number(match: re.Match[str]) -> str:
        return match[1] + known.setdefault(match[2], f"{name}-{len(known)}")

    return re.sub(r'(\bid="|href="#|url\(#)([^")]+)', number, text)


def as_svg(figure: Figure, name: str, description: str) -> str:
    """Return a figure as an SVG element for a page.

    Args:
        figure: drawn in this style.
        name: unique on the page: all of the figure's ids begin with it.
        description: what a person who cannot see it reads or hears instead.
    """
    from markupsafe import escape

    with any_backend():
        import matplotlib

    file = io.StringIO()
    with matplotlib.rc_context({**matplotlib.rcParamsDefault, **RC}):
        figure.savefig(
            file, format="svg", transparent=True, metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
        )
    text = file.getvalue()
    text = text[text.index("<svg") :].strip()
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = _renumbered(text.replace("xlink:href", "href"), name)
    for color, variable in _VARIABLES.items():
        text = re.sub(color, f"var({variable})", text, flags=re.IGNORECASE)
    text = re.sub(r"font: ([0-9.]+)px [^;\"]*", r"font-size: \1px", text)
    opening = re.match(r"<svg[^>]*>", text)
    size = re.search(r'viewBox="[^"]*"', opening[0]) if opening else None
    if opening is None or size is None:
        raise RuntimeError("matplotlib wrote an SVG without a viewBox")
    head = f'<svg role="img" aria-label="{escape(description)}" {size[0]} xmlns="http://www.w3.org/2000/svg">'
    return head + text[opening.end() :]


_VARIABLES = {
    INK: "--ink",
    FAINT: "--faint",
    GRID: "--grid",
    **{color: f"--series-{index}" for index, color in enumerate(SERIES)},
}
