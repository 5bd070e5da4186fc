"""How figures look, and how they become SVG that follows a page's light or dark colours.

Figures are plain `matplotlib.figure.Figure`s, made without pyplot: no state is shared, and a notebook shows them. They
are narrow, so that their text is readable on a phone; a page sets several side by side where there is room.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

P = ParamSpec("P")
INK, FAINT, GRID = "#1b1f23", "#6a737b", "#d8dde1"
SERIES = (
    "#0969b3", "#d4550a", "#0b8a63", "#b5569b", "#a07a06", "#3aa0d8", "#6b4bb8", "#8a4b2d", "#5d6b75", "#c22f4e",
)  # fmt: skip
"""Colours of settings; each is also a variable of the page's, so that dark mode has lighter ones."""
WIDTH = 4.3
"""Inches: at 390 pixels of a phone, text is then a little larger than life."""
MOST = 10
"""Settings in one figure, and points of interest in one list: beyond that nobody can tell them apart."""
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
        import matplotlib

        with matplotlib.rc_context({**matplotlib.rcParamsDefault, **RC}):
            return draw(*args, **kwargs)

    return wrapped


def canvas(height: float = 3.0, width: float = WIDTH, **kwargs: Any) -> tuple[Figure, Axes]:
    """Return a figure with one pair of axes; sizes in inches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(**kwargs)


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
    import matplotlib
    from markupsafe import escape

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
