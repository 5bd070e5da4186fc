"""What environments may answer, checked in words: numbers, flags, observations, and what reset and step return.

Whatever they do wrong is a failed episode with its reason, which is kept and shown; so is what they raise, `sys.exit()`
included. Only the user's own Ctrl-C ends the process.
"""

from __future__ import annotations

import inspect
import signal
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np

from compactrl.types import Floats

NUMBERS = "biuf"
"""Kinds of numpy's types that are numbers, one each."""


class AnswerError(Exception):
    """An environment answered what nothing can be made of; the message says what was expected."""


def reason_of(error: BaseException) -> str:
    """Say why an episode failed, of what was raised in it; raises the user's own Ctrl-C again.

    Example:
        >>> reason_of(SystemExit("no link"))
        'the environment raised SystemExit: no link'
    """
    return str(error) if isinstance(error, AnswerError) else f"the environment raised {raised(error)}"


def raised(error: BaseException) -> str:
    """Say in one line what was raised; raises the user's own Ctrl-C again."""
    if isinstance(error, KeyboardInterrupt) and _is_by_user():
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
    try:
        array = np.asarray(value)
    except ValueError:  # lists of different lengths
        return None
    return array.item() if array.size == 1 and array.dtype.kind in NUMBERS else None


def numbers(observation: Any, size: int) -> Floats:
    """Return an observation as a row of numbers, (O,).

    Raises:
        AnswerError: it is none, or of another size.
    """
    try:
        array = np.asarray(observation)
    except ValueError:
        array = np.array(None)
    if array.dtype.kind not in NUMBERS:
        raise AnswerError(f"the environment's observation is {_described(observation)}: expected {size} numbers")
    if array.size != size:
        raise AnswerError(
            f"the environment changed its observation size from {size} to {array.size} numbers: expected as many as "
            "its observation_space has"
        )
    return array.astype(np.float64).ravel()


def _described(value: Any) -> str:
    """Say what a value is, in few words."""
    if isinstance(value, np.ndarray) and value.size > 4:
        return f"an array {value.shape} of {value.dtype}"
    if isinstance(value, tuple):
        return f"{len(value)} values"
    text = repr(value).replace("\n", " ")
    return text if len(text) <= 60 else f"{text[:57]}…"
