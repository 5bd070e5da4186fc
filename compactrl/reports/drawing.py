"""Figures as parts of a page: each an SVG with a name of its own, a title, and a caption."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from compactrl.reports.style import as_svg

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class PageFigure(NamedTuple):
    """A figure on the page."""

    title: str
    caption: str
    svg: str


class Drawing:
    """Turns figures into SVGs, each with a name of its own."""

    def __init__(self) -> None:
        self._count = 0

    def __call__(self, title: str, where: str, caption: str, figure: Figure) -> PageFigure:
        """Return the next figure of the page."""
        self._count += 1
        return PageFigure(title, caption, as_svg(figure, f"f{self._count}", f"{title}, {where}. {caption}"))
