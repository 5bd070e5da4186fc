"""Options of a search as keywords: for `inspect.signature` and `help`, and in a file for editors and type checkers.

Editors run no program. So `keywords.py` lists every option with its type and its help; it is written from the options
of all parts by

    python -m compactrl.searches.signatures

and a test holds it to them.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_origin

from compactrl.methods.help import describe_options
from compactrl.methods.owners import every_part
from compactrl.methods.rows import METHODS
from compactrl.runs.checkpoints import MAY_CHANGE
from compactrl.storage.files import write_atomically

FILE = Path(__file__).with_name("keywords.py")
WIDTH = 118
UNBROKEN: dict[str, Any] = {"break_on_hyphens": False, "break_long_words": False}
HEADING = '''"""Options of `search` and `resume` as keywords, for editors and type checkers.

Written by `python -m compactrl.searches.signatures`: change the options themselves, then run that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict
'''


class Keyword(NamedTuple):
    """An option as a keyword of a function."""

    name: str
    type: str
    default: Any
    """None where it is not the same for all methods."""
    help: str


@cache
def search_keywords() -> tuple[Keyword, ...]:
    """Return every option of `compactrl.search` but the environment, in the order of the command line's help."""
    fields, described = _fields(), [option for option in describe_options() if option.name != "env"]
    return tuple(
        Keyword(option.name, _type_of_all(fields[option.name]), _default(option.name, fields), option.help)
        for option in described
    )


def resume_keywords() -> list[Keyword]:
    """Return the options that `compactrl.resume` may change, but the budget; by default they stay what they are."""
    return [
        keyword._replace(default=None)
        for keyword in search_keywords()
        if keyword.name in MAY_CHANGE and keyword.name != "steps"
    ]


def text() -> str:
    """Return what `keywords.py` should hold."""
    return "\n\n".join(
        (
            HEADING,
            _typed_dict("SearchKeywords", "Options of `compactrl.search`; None is the default.", search_keywords()),
            _typed_dict("ResumeKeywords", "Options of `compactrl.resume`; None changes nothing.", resume_keywords()),
        )
    )


def with_keywords(function: Callable[..., Any], keywords: Iterable[Keyword]) -> None:
    """Let a function that takes `**options` show them, in its signature and its documentation."""
    own = inspect.signature(function)
    named = [parameter for parameter in own.parameters.values() if parameter.kind is not inspect.Parameter.VAR_KEYWORD]
    more = [
        inspect.Parameter(
            keyword.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=keyword.default,
            annotation=f"{keyword.type} | None",
        )
        for keyword in keywords
    ]
    function.__signature__ = own.replace(parameters=[*named, *more])  # type: ignore[attr-defined]
    lines = [
        textwrap.fill(f"{keyword.name}: {keyword.help}", WIDTH, initial_indent="    ", subsequent_indent=" " * 8)
        for keyword in keywords
    ]
    function.__doc__ = "\n".join((inspect.cleandoc(function.__doc__ or ""), "", "Options:", *lines))


def _fields() -> dict[str, list[Any]]:
    """Return option → its field in each part that has it."""
    fields: dict[str, list[Any]] = {}
    for part in every_part():
        for name, field in part.model_fields.items():
            fields.setdefault(name, []).append(field)
    return fields


def _default(option: str, fields: dict[str, list[Any]]) -> Any:
    """Return an option's default where it is the same in all parts and methods; None elsewhere or where it is empty."""
    defaults = [field.default for field in fields[option]]
    for method in METHODS.values():
        defaults += [choice.defaults[option] for choice in method.choices.values() if option in choice.defaults]
        defaults += [method.fixed[option]] if option in method.fixed else []
    same = all(type(default) is type(defaults[0]) and default == defaults[0] for default in defaults)
    return defaults[0] if same and defaults[0] not in ("", {}, ()) else None


def _type_of_all(fields: list[Any]) -> str:
    """Return the type of an option that several parts have: words that one part takes may not be another's."""
    kinds = [field.annotation for field in fields]
    if any(get_origin(kind) is not Literal for kind in kinds):
        return _type(kinds[0])
    return _type(Literal[tuple(word for kind in kinds for word in get_args(kind))])


def _type(annotation: Any) -> str:
    """Return a field's type as a user may give it."""
    if annotation == (float | None):
        return "float"
    if get_origin(annotation) is Literal:
        return f"Literal[{', '.join(map(repr, get_args(annotation)))}]".replace("'", '"')
    plain = {int: "int | float | str", float: "float", str: "str", bool: "bool", tuple: "int | Sequence[int] | str"}
    return plain.get(get_origin(annotation) or annotation, "Mapping[str, Any]")


def _typed_dict(name: str, about: str, keywords: Iterable[Keyword]) -> str:
    lines = [f"class {name}(TypedDict, total=False):", f'    """{about}"""', ""]
    for keyword in keywords:
        lines.append(f"    {keyword.name}: {keyword.type} | None")
        content = keyword.help.replace("\\", "\\\\")
        end = '"' if content.endswith('"') else ""
        written = f'"""{content}{" " if end else ""}"""'
        lines.append(textwrap.fill(written, WIDTH, initial_indent="    ", subsequent_indent="    ", **UNBROKEN))
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    write_atomically(FILE, text().encode())
