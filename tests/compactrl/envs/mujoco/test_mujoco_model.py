"""Why MuJoCo cannot be imported: what it draws with, or its package."""

import sys
from pathlib import Path

import pytest

from compactrl.envs.mujoco.model import load_model
from compactrl.errors import InputError
from compactrl.machine import drawing

BROKEN = "raise ImportError('libmujoco.so.3: cannot open\\nshared object file')"
HINDERED = (
    r"AttributeError: no eglQueryString\. MUJOCO_GL=egl asks for EGL, which is not there: `apt-get install libegl1"
)


@pytest.fixture
def broken(monkeypatch, tmp_path):
    """Put a package in MuJoCo's place: its own first lines, and those of what draws by EGL."""
    for name in [name for name in sys.modules if f"{name}.".startswith("mujoco.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)

    def make(package, egl=""):
        (tmp_path / "mujoco").mkdir()
        (tmp_path / "mujoco/__init__.py").write_text(package)
        (tmp_path / "mujoco/egl.py").write_text(egl)

    return make


@pytest.mark.parametrize(
    ("libraries", "package", "egl", "said"),
    [
        ((), BROKEN, "", r"ImportError: libmujoco.so.3: cannot open shared object file. Install the package mujoco"),
        (("EGL",), BROKEN, "", r"ImportError: libmujoco.so.3: cannot open shared object file. Install the package"),
        ((), "import mujoco.egl", "raise AttributeError('no eglQueryString')", HINDERED),
        (("EGL",), "import mujoco.egl", "raise OSError('no device')", r"EGL is there .*\(OSError: no device\)"),
    ],
)  # fmt: skip
def test_what_really_fails_is_said(broken, monkeypatch, libraries, package, egl, said):
    monkeypatch.setenv(drawing.VARIABLE, "egl")
    monkeypatch.setattr("ctypes.util.find_library", lambda name: name if name in libraries else None)
    broken(package, egl)
    with pytest.raises(InputError, match=f"^Cart: MuJoCo cannot be imported: {said}"):
        load_model("cart.xml", Path(), "Cart")
