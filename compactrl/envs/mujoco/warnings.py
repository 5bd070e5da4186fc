"""MuJoCo's warnings, by the thread that meets them; without this they are written to a file in the working directory.

A warning means that a simulation goes on with wrong numbers: a state that has diverged, contacts that found no memory.
"""

from __future__ import annotations

import threading


class _Heard(threading.local):
    """What a thread has heard and not yet been told."""

    def __init__(self) -> None:
        self.texts: list[str] = []


_HEARD = _Heard()


def listen() -> None:
    """Hear MuJoCo's warnings from now on, in every thread of this process."""
    import mujoco

    mujoco.set_mju_user_warning(_hear)


def _hear(text: str) -> None:
    _HEARD.texts.append(text)


def heard() -> str:
    """Return the first warning that this thread has met since it was asked last; nothing if there was none."""
    if not _HEARD.texts:
        return ""
    first = " ".join(_HEARD.texts[0].split())
    _HEARD.texts.clear()
    return first
