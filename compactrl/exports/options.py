"""The options of an export, checked before anything is written. `compactrl export` has the same ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, NamedTuple, get_args, get_type_hints

from compactrl.encodings.formats import AUTO, FORMATS
from compactrl.errors import InputError, did_you_mean, flag_of
from compactrl.exports.c import check_name
from compactrl.exports.cortex_m import OPTIMIZE
from compactrl.exports.crazyflie_flight import check_firmware
from compactrl.exports.tanh import TANHS
from compactrl.exports.targets import TARGETS
from compactrl.quantities import read_count, read_size

BETWEEN = ("interpolate", "nearest")
OUTPUTS = ("c", "onnx")
SETPOINTS = ("full", "position")
"""What a Crazyflie's ground station sends of its goal."""


def _option(default: Any, metavar: str, text: str) -> Any:
    """Return a field with what the command line shows of it: what stands for its value, and its help."""
    return field(default=default, metadata={"metavar": metavar, "help": text})


@dataclass(frozen=True)
class ExportOptions:
    """Options of `compactrl export`, in the order of its help.

    Raises:
        InputError: a name that is not there, or a limit below zero.
    """

    format: str = _option(AUTO, "NAME", "c, onnx, or auto: onnx where --out ends with .onnx.")
    weights: str = _option(AUTO, "NAME", "auto (the smallest without loss), float32, codebook or int8.")
    optimize: str = _option("size", "NAME", "size or speed.")
    tanh: str = _option("libm", "NAME", "libm, or rational: no C library is needed.")
    name: str = _option("policy", "NAME", "Prefix of the functions, a C identifier.")
    target: str = _option("generic", "NAME", "generic, cortex-m4, crazyflie or arduino.")
    architecture: str | None = _option(
        None, "WIDTHS", "Of a graph hypernetwork, such as 16,8; by default the one selected."
    )
    context: str | None = _option(None, "NUMBER", "Task of the policy, of a run with a family of tasks: such as 1.5.")
    context_grid: str | None = _option(
        None, "GRID", "Lowest and highest task and how many networks in one file: such as 0,3,16."
    )
    context_between: str = _option("interpolate", "NAME", "Between networks of a grid: interpolate, or nearest.")
    extrapolate: bool = _option(False, "", "Allow a context outside of the family's range.")
    max_flash: int | None = _option(None, "BYTES", "Fail over so much flash, the C library included.")
    max_ram: int | None = _option(None, "BYTES", "Fail over so much RAM, the stack included.")
    max_stack: int | None = _option(None, "BYTES", "Fail over so much stack.")
    verify: bool = _option(False, "", "Compile, compare with Python, drive the environment, measure in QEMU.")
    episodes: int = _option(100, "COUNT", "Episodes of the verification.")
    setpoints: str = _option("full", "NAME", "What a Crazyflie is told: position, or full (the goal's velocity too).")
    firmware: str = _option("", "FOLDER", "Checkout of crazyflie-firmware to verify a Crazyflie's controller against.")

    def __post_init__(self) -> None:
        """Check every name and value."""
        check_name(self.name)
        _one_of("--format", self.format, (*OUTPUTS, AUTO))
        _one_of("--weights", self.weights, (AUTO, *FORMATS))
        _one_of("--optimize", self.optimize, OPTIMIZE)
        _one_of("--tanh", self.tanh, TANHS)
        _one_of("--target", self.target, TARGETS)
        for option in ("max_flash", "max_ram", "max_stack"):
            value = getattr(self, option)
            if value is not None and value < 1:
                raise InputError(f"{flag_of(option)} {value}: expected a number of bytes, at least 1")
        if self.episodes < 2:
            raise InputError(f"--episodes {self.episodes}: expected at least 2, for an interval")
        if self.format == "onnx":
            self._refuse_for_onnx()
        _one_of("--setpoints", self.setpoints, SETPOINTS)
        if self.setpoints != SETPOINTS[0] and self.target != "crazyflie":
            raise InputError(f"--setpoints {self.setpoints} is for --target crazyflie")
        self._check_contexts()
        if self.firmware and not (self.target == "crazyflie" and self.verify):
            raise InputError(f"--firmware {self.firmware} is for --target crazyflie --verify")
        check_firmware(self.firmware)

    def _check_contexts(self) -> None:
        """Raise InputError where what is asked of tasks does not fit together."""
        _one_of("--context-between", self.context_between, BETWEEN)
        given = [flag_of(option) for option in ("context", "context_grid") if getattr(self, option) is not None]
        if len(given) > 1:
            raise InputError(f"give one of {' and '.join(given)}")
        if self.extrapolate and not given:
            raise InputError("--extrapolate is for --context and --context-grid: give one")
        if self.context_grid is None:
            if self.context_between != BETWEEN[0]:
                raise InputError(f"--context-between {self.context_between} is for --context-grid")
            return
        if self.target == "crazyflie":
            raise InputError("--context-grid is not for --target crazyflie, whose controller has one policy")
        if self.weights not in (AUTO, "float32"):
            raise InputError(f"--weights {self.weights}: the networks of --context-grid are float32")
        if self.optimize != "size":
            raise InputError(f"--optimize {self.optimize}: the networks of --context-grid share the code of size")

    def _refuse_for_onnx(self) -> None:
        """Raise InputError where an option of the C is given for an ONNX file."""
        given = {option.name for option in fields(self) if getattr(self, option.name) != option.default}
        for option in sorted(given - {"format", "name", "verify"}):
            raise InputError(f"{flag_of(option)} is for --format c: an ONNX file has plain float32 weights")


class OptionHelp(NamedTuple):
    """What the command line shows of an option."""

    name: str
    kind: type
    """`str`, `int` or `bool`; without a default it may also be None."""
    default: Any
    metavar: str
    """What stands for its value; empty for a flag."""
    help: str


def describe_options() -> list[OptionHelp]:
    """Return every option of an export."""
    hints = get_type_hints(ExportOptions)
    return [
        OptionHelp(option.name, _kind(hints[option.name]), option.default, **option.metadata)
        for option in fields(ExportOptions)
    ]


def _kind(hint: Any) -> type:
    """Return the type in a hint that may allow None as well."""
    kinds: list[type] = [kind for kind in get_args(hint) or (hint,) if kind is not type(None)]
    return kinds[0]


def options_of(given: dict[str, Any], out: Path) -> ExportOptions:
    """Return the options by name.

    Args:
        given: options; numbers may be text such as 64KiB.
        out: where the export goes; its ending decides on the format where that is not given.

    Raises:
        InputError: an unknown name or a wrong value.
    """
    known = {option.name: option for option in describe_options()}
    for name in given:
        if name not in known:
            raise InputError(f"unknown option '{name}' of an export.{did_you_mean(name, known)}")
    options = ExportOptions(**{name: _read(known[name], value) for name, value in given.items()})
    return options if options.format != AUTO else replace(options, format="onnx" if out.suffix == ".onnx" else "c")


def _read(option: OptionHelp, value: Any) -> Any:
    """Return the number that a text stands for, where the option is one; other values as they are."""
    if option.kind is not int or not isinstance(value, str):
        return value
    try:
        return read_size(value) if option.metavar == "BYTES" else read_count(value)
    except ValueError as error:
        raise InputError(f"{flag_of(option.name)} {value}: {error}") from error


def _one_of(option: str, value: str, known: Iterable[str]) -> None:
    names = list(known)
    if value not in names:
        raise InputError(f"unknown {option} '{value}'.{did_you_mean(value, names)} There are: {', '.join(names)}")
