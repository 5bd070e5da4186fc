"""What is suggested to be typed works as the command line was called."""

import pytest

from compactrl.cli.program import program


@pytest.mark.parametrize(
    ("script", "call", "expected"),
    [
        ("{venv}/compactrl", ["python", "{venv}/compactrl", "search"], "compactrl"),
        (".venv/bin/compactrl", ["/x/python", ".venv/bin/compactrl", "search"], ".venv/bin/compactrl"),
        ("/my robots/bin/compactrl", ["python", "/my robots/bin/compactrl"], "'/my robots/bin/compactrl'"),
        ("/x/compactrl/__main__.py", ["bin/python", "-m", "compactrl", "search"], "bin/python -m compactrl"),
        ("/x/compactrl/__main__.py", ["python", "-X", "utf8", "-m", "compactrl"], "python -X utf8 -m compactrl"),
        ("notebook.py", ["python", "notebook.py"], "compactrl"),
    ],
)
def test_the_program_is_called_as_it_was(monkeypatch, tmp_path, script, call, expected):
    """One that the shell finds by its name needs no path."""
    there = tmp_path / "compactrl"
    there.write_text("#!/bin/sh\n")
    there.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    words = [word.format(venv=tmp_path) for word in call]
    assert program(script.format(venv=tmp_path), words) == expected
