"""What an export may be told, checked before anything is written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

from compactrl.encodings.formats import AUTO, FORMATS
from compactrl.errors import InputError, did_you_mean
from compactrl.exports.c import check_name
from compactrl.exports.cortex_m import OPTIMIZE
from compactrl.exports.tanh import TANHS
from compactrl.exports.targets import TARGETS

OUTPUTS = ("c", "onnx")


@dataclass(frozen=True)
class ExportOptions:
    """Options of `compactrl export`.

    Raises:
        InputError: a name that is not there, or a limit below zero.
    """

    format: str = "c"
    """`c`: a folder of C99. `onnx`: one file."""
    weights: str = AUTO
    """A row of `FORMATS`, or auto for the smallest without loss."""
    optimize: str = "size"
    """`size` or `speed`."""
    tanh: str = "libm"
    """`libm` or `rational`."""
    name: str = "policy"
    """What the linker sees: NAME_step, NAME_selftest."""
    architecture: str = ""
    """Widths of the hidden layers, such as 16,8, where a run has many architectures; else the policy that ships."""
    target: str = "generic"
    """A row of `TARGETS`."""
    max_flash: int | None = None
    """Bytes that code, tables and what they need of the C library may take."""
    max_ram: int | None = None
    """Bytes that writable data and stack may take together."""
    max_stack: int | None = None
    """Bytes of stack."""
    verify: bool = False
    """Compile, run and compare before the folder is there."""
    episodes: int = 100
    """Episodes of the closed loop of `verify`."""

    def __post_init__(self) -> None:
        """Check every name and value."""
        check_name(self.name)
        _one_of("--format", self.format, OUTPUTS)
        _one_of("--weights", self.weights, (AUTO, *FORMATS))
        _one_of("--optimize", self.optimize, OPTIMIZE)
        _one_of("--tanh", self.tanh, TANHS)
        _one_of("--target", self.target, TARGETS)
        for option in ("max_flash", "max_ram", "max_stack"):
            value = getattr(self, option)
            if value is not None and value < 1:
                raise InputError(f"--{option.replace('_', '-')} {value}: expected a number of bytes, at least 1")
        if self.episodes < 2:
            raise InputError(f"--episodes {self.episodes}: expected at least 2, for an interval")
        if self.format == "onnx":
            self._refuse_for_onnx()

    def _refuse_for_onnx(self) -> None:
        """Raise InputError where an option of the C is given for an ONNX file."""
        given = {field.name for field in fields(self) if getattr(self, field.name) != field.default}
        for option in sorted(given - {"format", "name", "verify"}):
            raise InputError(f"--{option.replace('_', '-')} is for --format c: an ONNX file has plain float32 weights")


def options_of(given: dict[str, Any]) -> ExportOptions:
    """Return the options by name.

    Raises:
        InputError: an unknown name or a wrong value.
    """
    known = [field.name for field in fields(ExportOptions)]
    for name in given:
        if name not in known:
            raise InputError(f"unknown option '{name}' of an export.{did_you_mean(name, known)}")
    return ExportOptions(**given)


def _one_of(option: str, value: str, known: Iterable[str]) -> None:
    names = list(known)
    if value not in names:
        raise InputError(f"unknown {option} '{value}'.{did_you_mean(value, names)} There are: {', '.join(names)}")
