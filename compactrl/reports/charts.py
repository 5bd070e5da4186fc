"""The kind of figure that all of a report's are: drawn without a backend, and shown by a notebook as it is returned."""

from __future__ import annotations

import io

from compactrl.imports.backends import any_backend

with any_backend():
    import matplotlib
    from matplotlib.figure import Figure

SHOWN_DPI = 130
"""Dots per inch in a notebook."""


class Chart(Figure):
    """A figure that a notebook shows though pyplot, which would choose a backend, knows nothing of it."""

    def _repr_png_(self) -> bytes:
        """Return the picture, for a notebook that has not been told how figures are shown."""
        file = io.BytesIO()
        with matplotlib.rc_context(dict(matplotlib.rcParamsDefault)):
            self.savefig(file, format="png", dpi=SHOWN_DPI, facecolor="white")
        return file.getvalue()
