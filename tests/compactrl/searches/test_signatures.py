"""Options as keywords: those of the signature and of the file for editors are those of the parts."""

import inspect
import typing

import pytest

import compactrl
from compactrl.methods.settings import resolve
from compactrl.runs.checkpoints import MAY_CHANGE
from compactrl.searches import keywords, signatures


def test_the_file_for_editors_has_every_option():
    written = signatures.FILE.read_text(encoding="utf-8")
    assert written == signatures.text(), "options have changed: run python -m compactrl.searches.signatures"


def test_the_signature_shows_every_option_with_its_type_and_default():
    parameters = inspect.signature(compactrl.search).parameters
    own = ["env", "out", "callback", "progress"]
    assert list(parameters)[:4] == own
    assert set(parameters) - set(own) == keywords.SearchKeywords.__annotations__.keys()
    assert parameters["partitions"].default == 17
    assert parameters["partitions"].annotation == "int | float | str | None"
    assert parameters["steps"].default is None  # a method's own
    assert parameters["device"].annotation == 'Literal["auto", "cpu", "cuda"] | None'
    assert "partitions: " in compactrl.search.__doc__
    assert typing.get_type_hints(keywords.SearchKeywords)["hidden"]


@pytest.mark.parametrize("method", ["chromatic", "sac", "ghp"])
def test_a_default_that_is_shown_is_the_default_given(method):
    recorded = resolve({"method": method}).flat()
    shown = {
        name: parameter.default
        for name, parameter in inspect.signature(compactrl.search).parameters.items()
        if name in recorded and parameter.default is not None and name != "method"
    }
    assert len(shown) > 10
    filled = resolve({"method": method, **shown}).flat()
    assert filled == recorded


def test_resume_shows_what_may_change():
    parameters = inspect.signature(compactrl.resume).parameters
    assert set(parameters) == {"path", "env", "callback", "progress"} | MAY_CHANGE
    assert all(parameters[name].default is None for name in MAY_CHANGE)
