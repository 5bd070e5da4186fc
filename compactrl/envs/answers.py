"""What environments may answer, checked in words: numbers, flags, observations, and what their functions return.

Whatever Gymnasium's environments do wrong is a failed episode with its reason, which is kept and shown; so is what any
environment raises, `sys.exit()` included. Where functions answer for many lanes at once, arrays of another shape or
type are a fault of the code (`FaultError`), which ends a search. Else only the user's own Ctrl-C does.
"""

from __future__ import annotations

import inspect
import os
import signal
import sys
import sysconfig
import threading
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compactrl.errors import CompactrlError, FaultError
from compactrl.types import Floats

NUMBERS = "biuf"
"""Kinds of numpy's types that are numbers, one each."""


OTHERS = (str(Path(__file__).parents[1]) + os.sep, "<frozen")
"""Where code is that is nobody's environment: compactrl, and how Python imports."""
LIBRARIES = (
    *OTHERS,
    *(sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")),
)
"""Where code is that is not the user's, as a rule: Python itself and what is installed, too."""
UNDER = frozenset({"gymnasium", "numpy", "torch", "mujoco", "envpool"})
"""Packages that are never the user's, wherever they are installed: a user's own folder is one of the places."""
SERVING = UNDER | sys.stdlib_module_names
"""Installed ones that are not the user's: what stands between compactrl and an environment, or under it."""


class AnswerError(Exception):
    """An environment answered what nothing can be made of; the message says what was expected."""


class RaisedError(AnswerError):
    """A function of the user's raised; the message says which one, where, and what."""


def asked(environment: Any, function: str, *given: Any) -> Any:
    """Return what a function of an environment, which its user wrote, returns.

    Raises:
        RaisedError: it raised.
        FaultError: it returned nothing.
    """
    try:
        returned = getattr(environment, function)(*given)
    except (CompactrlError, AnswerError):  # say what is wrong already
        raise
    except BaseException as error:
        raise RaisedError(raised_in(error, function)) from error
    if returned is None:
        raise FaultError(f"{function} returned None: is its return missing?")
    return returned


def raised_in(error: BaseException, function: str = "") -> str:
    """Say what was raised in the user's code, in which function, file and line; raises the user's own Ctrl-C again.

    Args:
        error: as it is caught by who has called the code.
        function: that was called; else the one that has the line is named.
    """
    frame, line = _place(error)
    name = function or (frame.f_code.co_name if frame else "")
    file = f", {Path(frame.f_code.co_filename).name} line {line}" if frame else ""
    is_read_only = bool(function) and isinstance(error, ValueError) and "read-only" in str(error)
    remedy = ": what a function is given is never written to; change a copy, made by .copy()"
    return f"{f'in {name}{file}: ' if name else ''}{raised(error)}{remedy * is_read_only}"


def _place(error: BaseException) -> tuple[FrameType | None, int]:
    """Return the last frame that is the user's on the way to an error, and its line; None and 0 where none is."""
    frames = list(traceback.walk_tb(error.__traceback__))[1:]
    own = [
        each
        for each in frames
        if not each[0].f_code.co_filename.startswith(LIBRARIES) and _package(each[0]) not in UNDER
    ]
    if not own:  # what is installed may be the user's too
        installed = [each for each in frames if not each[0].f_code.co_filename.startswith(OTHERS)]
        packages = [_package(frame) for frame, _ in installed]
        called = next((package for package in packages if package not in SERVING), None)
        own = [each for each, package in zip(installed, packages, strict=True) if package == called]
    return own[-1] if own else (None, 0)


def _package(frame: FrameType) -> str:
    """Return the name of the package that a frame's code is in."""
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def reason_of(error: BaseException) -> str:
    """Say why an episode failed, of what was raised in it; raises the user's own Ctrl-C, and faults, again.

    Example:
        >>> reason_of(SystemExit("no link"))
        'the environment raised SystemExit: no link'
    """
    if isinstance(error, AnswerError):
        return str(error)
    return raised_in(error) if _place(error)[0] else f"the environment raised {raised(error)}"


def raised(error: BaseException) -> str:
    """Say in one line what was raised; raises the user's own Ctrl-C, and faults, again."""
    if isinstance(error, FaultError) or (isinstance(error, KeyboardInterrupt) and _is_by_user()):
        raise error
    text = " ".join(str(error).split())
    return type(error).__name__ + (f": {text}" if text else "")


def _is_by_user() -> bool:
    """Return whether a KeyboardInterrupt may be Ctrl-C: in the main thread, where Python's own handler is set."""
    in_main = threading.current_thread() is threading.main_thread()
    return in_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler


def takes_seed(reset: Any) -> bool:
    """Return whether an environment's `reset` takes a seed, as far as can be seen."""
    try:
        parameters = inspect.signature(reset).parameters
    except (TypeError, ValueError):  # of a function that is not Python's
        return True
    return "seed" in parameters or any(each.kind is each.VAR_KEYWORD for each in parameters.values())


def begun(returned: Any) -> tuple[Any, Mapping[str, Any]]:
    """Return what a Gymnasium environment's reset returned: its observation and its info.

    Raises:
        AnswerError: it is something else.
    """
    if not isinstance(returned, tuple) or len(returned) != 2 or not isinstance(returned[1], Mapping):
        raise AnswerError(
            f"the environment's reset returned {_described(returned)}: expected (observation, info), where info is a "
            "dictionary, as in Gymnasium; the old gym had the observation alone"
        )
    return returned


def stepped(returned: Any) -> tuple[Any, float, bool, bool, Mapping[str, Any]]:
    """Return what a Gymnasium environment's step returned, with a reward that is a float and flags that are bool.

    Raises:
        AnswerError: it is something else.
    """
    if not isinstance(returned, tuple) or len(returned) != 5:
        old = ", as in the old gym" if isinstance(returned, tuple) and len(returned) == 4 else ""
        raise AnswerError(
            f"the environment's step returned {_described(returned)}{old}: expected five values, (observation, reward, "
            "terminated, truncated, info)"
        )
    observation, reward, terminated, truncated, info = returned
    if not isinstance(info, Mapping):
        raise AnswerError(f"the environment's step returned the info {_described(info)}: expected a dictionary")
    return observation, number("reward", reward), flag("terminated", terminated), flag("truncated", truncated), info


def number(what: str, value: Any) -> float:
    """Return one number, whatever its shape.

    Raises:
        AnswerError: it is none, or there are several.

    Example:
        >>> number("reward", np.array([1.5]))
        1.5
    """
    if type(value) is float:
        return value
    found = _one(value)
    if found is None:
        raise AnswerError(f"the environment's {what} is {_described(value)}: expected one number")
    return float(found)


def flag(what: str, value: Any) -> bool:
    """Return a yes or no: a bool, or one number.

    Raises:
        AnswerError: it is something else.
    """
    if type(value) is bool:
        return value
    found = _one(value)
    if found is None:
        raise AnswerError(f"the environment's '{what}' is {_described(value)}: expected True or False")
    return bool(found)


def _one(value: Any) -> Any:
    """Return the only number of a value; None where it has none, or several."""
    array = _array(value)
    return array.item() if array.size == 1 and array.dtype.kind in NUMBERS else None


def numbers(observation: Any, size: int) -> Floats:
    """Return an observation as a row of numbers, (O,).

    Raises:
        AnswerError: it is none, or of another size.
    """
    array = _array(observation)
    if array.dtype.kind not in NUMBERS:
        raise AnswerError(f"the environment's observation is {_described(observation)}: expected {size} numbers")
    if array.size != size:
        raise AnswerError(
            f"the environment changed its observation size from {size} to {array.size} numbers: expected as many as "
            "its observation_space has"
        )
    return array.astype(np.float64).ravel()


def array_of(what: str, values: Any, shape: tuple[int, ...], dtype: Any, hint: str = "") -> NDArray[Any]:
    """Return what a function answered for many lanes as an array of this shape and type.

    Raises:
        FaultError: it has another shape, or is not of numbers.
    """
    array = numeric(what, values)
    if array.shape != shape:
        raise FaultError(f"{what} has shape {array.shape}, expected {shape}{hint}")
    return array.astype(dtype, copy=False)


def numeric(what: str, values: Any) -> NDArray[Any]:
    """Return an array of numbers of any shape.

    Raises:
        FaultError: it is none.
    """
    array = _array(values)
    if array.dtype.kind not in NUMBERS:
        raise FaultError(f"{what} is {_described(values)}: expected numbers")
    return array


def flags_of(what: str, values: Any, shape: tuple[int, ...], example: str) -> NDArray[np.bool_]:
    """Return what a function answered for many lanes as an array of bool; numbers are none, not even 0 and 1.

    Raises:
        FaultError: it is something else.
    """
    array = _array(values)
    if array.dtype != bool:
        raise FaultError(f"{what} is of the type {array.dtype}: expected bool, such as {example}")
    return array_of(what, array, shape, bool)


def _array(values: Any) -> NDArray[Any]:
    """Return anything as an array; of no numbers where it is none, such as lists of different lengths."""
    try:
        return np.asarray(values)
    except ValueError:
        return np.array(None)


def _described(value: Any) -> str:
    """Say what a value is, in few words."""
    if isinstance(value, np.ndarray) and value.size > 4:
        return f"an array {value.shape} of {value.dtype}"
    if isinstance(value, tuple):
        return f"{len(value)} values"
    text = repr(value).replace("\n", " ")
    return text if len(text) <= 60 else f"{text[:57]}…"
