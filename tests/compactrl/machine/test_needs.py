"""What is needed for what: found by the names that packages are installed under."""

import importlib.util

import pytest

from compactrl.machine.needs import NEEDS


@pytest.mark.parametrize(
    ("need", "module"), [("pygame", "pygame"), ("onnx", "onnxruntime"), ("ffmpeg", "imageio_ffmpeg")]
)
def test_what_can_be_imported_is_found(need, module):
    assert bool(NEEDS[need].find()) == (importlib.util.find_spec(module) is not None)
