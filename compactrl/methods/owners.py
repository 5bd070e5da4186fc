"""All options there are, and which methods, controllers, learners and strategies take them, for messages."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from pydantic import BaseModel

from compactrl.compressions import COMPRESSIONS
from compactrl.errors import either
from compactrl.learners import LEARNERS
from compactrl.learners.metabatch import ReplayMetaBatchOptions
from compactrl.methods.options import SearchOptions
from compactrl.methods.rows import METHODS, Method
from controllers import CONTROLLERS
from es import STRATEGIES


def owners() -> dict[str, list[str]]:
    """Return, for each option that only some methods take, its owners ('--es pgpe', '--method masked', …)."""
    table: dict[str, list[str]] = {}
    for method in METHODS.values():
        for name, choice in method.choices.items():
            for option in COMPRESSIONS[choice.compression].Options.model_fields:
                owner = f"--method {method.name}"
                if not all(option in fields for fields in _fields_of_compressions(method)):
                    owner += f" --controller {name}"
                table.setdefault(option, []).append(owner)
        if method.meta_batch:
            for option in dict.fromkeys(o for name in method.learners for o in LEARNERS[name].MetaBatch.model_fields):
                table.setdefault(option, []).append(f"--method {method.name}")
    for name, controller in CONTROLLERS.items():
        for option in controller.Options.model_fields:
            table.setdefault(option, []).append(f"--controller {name}")
    for name, kind in LEARNERS.items():
        only = [f"--method {method.name}" for method in METHODS.values() if method.learners == (name,)]
        several = any(name in method.learners for method in METHODS.values() if len(method.learners) > 1)
        for option in kind.Options.model_fields:
            table.setdefault(option, []).extend([*only, *([f"--learner {name}"] if several else [])])
    for name, strategy in STRATEGIES.items():
        for option in strategy.Options.model_fields:
            table.setdefault(option, []).append(f"--es {name}")
    return {option: list(dict.fromkeys(names)) for option, names in table.items()}


def _fields_of_compressions(method: Method) -> list[Collection[str]]:
    return [COMPRESSIONS[choice.compression].Options.model_fields.keys() for choice in method.choices.values()]


def listed(words: Iterable[str]) -> str:
    """Return owners in one phrase.

    Example:
        >>> listed(["--es cem", "--controller pointer", "--es cmaes"])
        '--es cem or cmaes, --controller pointer'
    """
    names: dict[str, list[str]] = {}
    for flag, name in (word.split(" ", 1) for word in words if word):
        names.setdefault(flag, []).append(name)
    return ", ".join(f"{flag} {either(of_flag)}" for flag, of_flag in names.items())


def every_part() -> list[type[BaseModel]]:
    """Return the options models of all parts, in the order of the help: strategies after the learner that has them."""
    compressions = [kind.Options for kind in COMPRESSIONS.values()]
    controllers = [kind.Options for kind in CONTROLLERS.values()]
    strategies = [kind.Options for kind in STRATEGIES.values()]
    learners = [kind.Options for kind in LEARNERS.values()]
    return [SearchOptions, *compressions, *controllers, ReplayMetaBatchOptions, learners[0], *strategies, *learners]
