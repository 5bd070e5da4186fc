"""What MuJoCo draws with: chosen, or said by the user, and what hinders it."""

import os
import sys
import types

import pytest

from compactrl.machine import drawing


@pytest.fixture
def machine(monkeypatch):
    """Make a machine with these libraries, value of MUJOCO_GL, and screen."""

    def make(libraries=(), said="", screen=""):
        files = {"egl": "EGL", "osmesa": "OSMesa"}
        there = {files[name] for name in libraries}
        monkeypatch.setattr("ctypes.util.find_library", lambda name: name if name in there else None)
        for name, value in {"MUJOCO_GL": said, "DISPLAY": screen, "WAYLAND_DISPLAY": ""}.items():
            monkeypatch.setenv(name, value)

    return make


@pytest.mark.parametrize(
    ("libraries", "said", "screen", "hindrance"),
    [
        (["egl"], "", "", ""),
        (["osmesa"], "", "", ""),
        ([], "", "", "neither is there: `apt-get install libegl1 libgl1-mesa-dri`, or `apt-get install libosmesa6`"),
        (["egl"], "EGL", "", ""),
        ([], "egl", "", "asks for EGL, which is not there: `apt-get install libegl1 libgl1-mesa-dri`"),
        (
            ["egl"],
            "osmesa",
            "",
            "asks for OSMesa, which is not there: `apt-get install libosmesa6`, or unset it",
        ),
        (["egl"], "glfw", "", "needs a screen, and there is none: unset it, or set MUJOCO_GL=egl"),
        (["egl"], "glfw", ":0", ""),
        ([], "", ":0", ""),
        ([], "glfw", "", "needs a screen, and there is none: unset it, and `apt-get install libegl1"),
        (["egl"], "off", "", "MUJOCO_GL=off turns drawing off: unset it, or set MUJOCO_GL=egl"),
        (["osmesa"], "vulkan", "", "is not known: expected egl, osmesa or glfw; unset it, or set MUJOCO_GL=osmesa"),
    ],
)
def test_what_hinders_drawing_is_said_with_what_to_do(machine, libraries, said, screen, hindrance):
    machine(libraries, said, screen)
    found = drawing.hindrance()
    assert hindrance in found
    assert bool(found) == bool(hindrance)


def test_the_users_choice_stays_and_without_one_egl_comes_first(machine):
    machine(["egl", "osmesa"], "osmesa")
    drawing.choose()
    assert os.environ["MUJOCO_GL"] == "osmesa"
    machine(["egl", "osmesa"])
    drawing.choose()
    assert os.environ["MUJOCO_GL"] == "egl"
    machine([])
    drawing.choose()
    assert os.environ["MUJOCO_GL"] == ""


def test_a_mujoco_that_is_imported_already_draws_with_the_choice_too(machine, monkeypatch):
    taken = types.SimpleNamespace(GLContext="glfw")
    monkeypatch.setitem(sys.modules, "mujoco.rendering.classic.gl_context", taken)
    made = []

    class Context:
        def __init__(self, *size):
            made.append(size)

    monkeypatch.setitem(sys.modules, "mujoco.osmesa", types.SimpleNamespace(GLContext=Context))
    machine([], "", ":0")
    drawing.choose()
    assert taken.GLContext == "glfw"  # nothing else is there
    machine(["osmesa"])
    drawing.choose()
    assert isinstance(taken.GLContext(7, 8), Context)
    assert made == [(7, 8)]


def test_a_library_that_is_there_and_does_not_draw_says_so(machine, monkeypatch):
    machine(["egl"])
    monkeypatch.setattr(drawing, "PROBE", "raise ImportError('Cannot initialize a EGL device display.')")
    assert drawing.trial() == (
        "EGL is there (MUJOCO_GL=egl), and did not draw (ImportError: Cannot initialize a EGL device display.): Mesa's "
        "software draws anywhere, `apt-get install libegl1 libgl1-mesa-dri`"
    )


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("mujoco.egl", True),
        ("mujoco.rendering.classic.gl_context", True),
        ("mujoco", False),
        ("mujoco.eglike", False),
        ("mujoco._structs", False),
    ],
)
def test_an_error_of_what_mujoco_draws_with_is_told_from_others(module, expected):
    with pytest.raises(ZeroDivisionError) as caught:
        exec(compile("1 / 0", "there", "exec"), {"__name__": module})
    assert drawing.is_of_drawing(caught.value) == expected
