"""What MuJoCo draws with: EGL (a GPU, or Mesa's software), OSMesa, or a window on a screen (`glfw`).

MuJoCo and Gymnasium read `MUJOCO_GL` for that. Where the user has not set it, what is there without a screen is chosen.
MuJoCo reads it once, as it is imported, which whoever simulates does long before anything is drawn: `choose` holds for
a MuJoCo that is imported already too.
"""

from __future__ import annotations

import ctypes.util
import functools
import importlib
import os
import subprocess
import sys
from typing import Any, NamedTuple

VARIABLE = "MUJOCO_GL"
OFF = ("disable", "disabled", "off", "false", "0")
"""Values by which MuJoCo is told not to draw."""
DRAWING = ("mujoco.rendering.", "mujoco.gl_context.", "mujoco.egl.", "mujoco.osmesa.", "mujoco.glfw.")
"""What of MuJoCo's Python draws: modules by name, with a dot after it, and those within them."""
SCREENS = ("DISPLAY", "WAYLAND_DISPLAY")
PROBE = "import mujoco, os; context = mujoco.GLContext(8, 8); context.make_current(); context.free(); os._exit(0)"
PROBE_SECONDS = 60


class Library(NamedTuple):
    """What draws without a screen."""

    title: str
    file: str
    """As the system's linker looks it up."""
    install: str

    @property
    def found(self) -> bool:
        """Whether it is there; it may still lack a driver."""
        return bool(ctypes.util.find_library(self.file))


LIBRARIES = {
    "egl": Library("EGL", "EGL", "apt-get install libegl1 libgl1-mesa-dri"),
    "osmesa": Library("OSMesa", "OSMesa", "apt-get install libosmesa6"),
}
"""By the value of `MUJOCO_GL`, in order of preference."""
INSTALL = LIBRARIES["egl"].install
CURES = ", or ".join(f"`{library.install}`" for library in LIBRARIES.values())
NOTHING = f"drawing without a screen needs EGL or OSMesa, and neither is there: {CURES}; {VARIABLE} says which"


def chosen() -> str:
    """Return what MuJoCo draws with, the user's choice first: a value of `MUJOCO_GL`, or nothing."""
    said = os.environ.get(VARIABLE, "").strip().lower()
    return said or next((name for name, library in LIBRARIES.items() if library.found), "")


def choose() -> None:
    """Tell MuJoCo and Gymnasium what to draw with, unless the user has, or nothing is there.

    To be called before something is drawn, whether MuJoCo is imported yet or not.
    """
    name = chosen()
    if name and not os.environ.get(VARIABLE):
        os.environ[VARIABLE] = name
    contexts = sys.modules.get("mujoco.rendering.classic.gl_context")  # where its renderer looks
    if contexts is not None and name in (*LIBRARIES, "glfw"):
        contexts.GLContext = functools.partial(_context, name)  # type: ignore[attr-defined]


def _context(name: str, width: int, height: int) -> Any:
    """Return a context of MuJoCo's; where making it fails, its `__del__` does not fail as well."""
    kind = importlib.import_module(f"mujoco.{name}").GLContext
    return type(kind.__name__, (kind,), {"_context": None})(width, height)


def has_screen() -> bool:
    """Return whether there is one to open a window on; other systems than Linux do not tell by a variable."""
    return not sys.platform.startswith("linux") or any(os.environ.get(name) for name in SCREENS)


def hindrance() -> str:
    """Return why MuJoCo cannot draw here and what to do, as far as that shows without trying; or nothing."""
    said = os.environ.get(VARIABLE, "").strip().lower()
    if not said:
        return "" if chosen() or has_screen() else NOTHING
    instead = _instead_of(said)
    if said in OFF:
        return f"{VARIABLE}={said} turns drawing off: {instead}"
    if said in LIBRARIES:
        library = LIBRARIES[said]
        if library.found:
            return ""
        return f"{VARIABLE}={said} asks for {library.title}, which is not there: `{library.install}`, or {instead}"
    if said not in ("glfw", "glx"):
        return f"{VARIABLE}={said} is not known: expected egl, osmesa or glfw; {instead}"
    if has_screen():
        return ""
    return f"{VARIABLE}={said} asks for a window, which needs a screen, and there is none: {instead}"


def _instead_of(said: str) -> str:
    """Say what will do in place of a value: another one that is there, or what to install."""
    there = [name for name, library in LIBRARIES.items() if library.found and name != said]
    return f"unset it, or set {VARIABLE}={there[0]}" if there else f"unset it, and `{INSTALL}`"


def trial() -> str:
    """Draw in a process of its own, as films will; returns what goes wrong, or nothing."""
    before = hindrance()
    if before:
        return before
    try:
        done = subprocess.run(
            [sys.executable, "-c", PROBE],
            env={**os.environ, VARIABLE: chosen()},
            capture_output=True,
            text=True,
            timeout=PROBE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return failure(f"nothing came in {PROBE_SECONDS} seconds")
    lines = [line for line in done.stderr.splitlines() if line and not line[0].isspace()]
    return failure(lines[0 if "ERROR" in lines[0] else -1] if lines else "it ended") if done.returncode else ""


def failure(error: str) -> str:
    """Say that drawing failed with a library that is there."""
    name = chosen()
    if not name:
        return f"a window did not draw ({error}), and {VARIABLE} names nothing else: `{INSTALL}`"
    if name not in LIBRARIES:
        return f"{VARIABLE}={name} did not draw ({error}): {_instead_of(name)}"
    return (
        f"{LIBRARIES[name].title} is there ({VARIABLE}={name}), and did not draw ({error}): Mesa's software draws "
        f"anywhere, `{INSTALL}`"
    )


def is_of_drawing(error: BaseException) -> bool:
    """Return whether an error comes from what MuJoCo's Python draws with, some of which loads as it is imported."""
    trace = error.__traceback__
    while trace is not None:
        if f"{trace.tb_frame.f_globals.get('__name__', '')}.".startswith(DRAWING):
            return True
        trace = trace.tb_next
    return False
