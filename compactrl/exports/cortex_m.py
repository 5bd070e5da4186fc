"""What a policy takes on a Cortex-M4F: cross-compiled, and run in QEMU, which counts instructions exactly.

QEMU's board mps2-an386 with `-icount shift=0` takes 1 ns for every instruction, and SysTick ticks at 25 MHz: a tick is
40 instructions. Hundreds of calls make the count exact to less than one; it is the same in every run. QEMU knows
nothing of cycles, so neither do these figures.

Flash is what the policy's object holds (code and constants) and, apart, what it brings in of the C library, found by
linking it alone (with newlib-nano). RAM that is always taken is zero: there is no writable data; the C library has its
`errno`, which a firmware with any of it has. Stack is what the compiler says of the
policy's own functions (`-fstack-usage`), and what one call was seen to write in QEMU, tanhf included.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import NamedTuple

from compactrl.errors import CompactrlError
from compactrl.exports.tools import available, run, text, version
from compactrl.machine.needs import COMPILER, EMULATOR

SIZE = "arm-none-eabi-size"
MACHINE = ("-mcpu=cortex-m4", "-mthumb", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard")
LINK = ("-nostartfiles", "-T", "mps2_an386.ld", "--specs=nosys.specs", "-Wl,--gc-sections")
RUN = (
    EMULATOR,
    *("-M", "mps2-an386", "-display", "none", "-monitor", "none", "-serial", "none"),
    *("-chardev", "stdio,id=console", "-semihosting-config", "enable=on,target=native,chardev=console"),
    *("-icount", "shift=0", "-kernel"),
)
OPTIMIZE = {"size": "-Os", "speed": "-O2"}


class Footprint(NamedTuple):
    """What a policy takes, in bytes and instructions."""

    code: int
    """Flash: instructions, and constants in them."""
    tables: int
    """Flash: constant tables."""
    library: int
    """Flash: what it brings in of the C library."""
    ram: int
    """RAM that the policy always takes."""
    stack: int
    """Most stack at once, as the compiler says, the C library's apart."""
    stack_measured: int | None = None
    """The same as seen in QEMU, the C library's included."""
    instructions: int | None = None
    """A step, the mean over the golden vectors."""

    @property
    def flash(self) -> int:
        """Code and tables of the policy itself."""
        return self.code + self.tables


def flags(optimize: str) -> list[str]:
    """Return the compiler's flags; products and sums are not fused, so that they round as on the host."""
    return [
        *MACHINE,
        "-std=c99",
        OPTIMIZE[optimize],
        "-ffp-contract=off",
        "-Wall",
        "-Wextra",
        "-Wconversion",
        "-Werror",
    ]


def can_compile() -> bool:
    """Return whether the cross-compiler is installed."""
    return len(available(COMPILER, SIZE)) == 2


def can_run() -> bool:
    """Return whether the emulator is installed, too."""
    return can_compile() and bool(available(EMULATOR))


def compile_only(folder: Path, name: str, optimize: str) -> Footprint:
    """Return what the policy.c in a folder takes, without running it.

    Raises:
        CompactrlError: the compiler fails.
    """
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        source, header = str(folder.resolve() / "policy.c"), f"-I{folder.resolve()}"
        run(
            [COMPILER, *flags(optimize), header, "-fstack-usage", "-c", source, "-o", "policy.o"],
            place,
            "compiling for Cortex-M4F",
        )
        sections = _sections(text([SIZE, "-A", "policy.o"], place, "measuring the object"))
        alone = ["-nostartfiles", "--specs=nano.specs", "--specs=nosys.specs", f"-Wl,-e,{name}_step,--gc-sections"]
        run([COMPILER, *flags(optimize), *alone, "policy.o", "-lm", "-o", "alone.elf"], place, "linking for Cortex-M4F")
        linked = _sections(text([SIZE, "-A", "alone.elf"], place, "measuring the program"))
        stack = _stack((place / "policy.su").read_text(encoding="utf-8"))
    code, tables = sections.get(".text", 0), sections.get(".rodata", 0)
    whole = linked.get(".text", 0) + linked.get(".rodata", 0)
    ram = sections.get(".data", 0) + sections.get(".bss", 0)
    return Footprint(code, tables, max(0, whole - code - tables), ram, stack)


def measure(folder: Path, name: str, optimize: str) -> Footprint:
    """Run the harness of a folder with `cortex_m4/` in QEMU, and return all that a policy takes.

    Raises:
        CompactrlError: a tool fails, or the self-test does on the emulated machine.
    """
    footprint = compile_only(folder, name, optimize)
    with tempfile.TemporaryDirectory() as temporary:
        place, harness = Path(temporary), folder.resolve() / "cortex_m4"
        sources = [str(harness / "main.c"), str(harness / "startup.c")]
        sources += [str(folder.resolve() / file) for file in ("policy.c", "policy_test.c")]
        link = [part if part != "mps2_an386.ld" else str(harness / part) for part in LINK]
        run(
            [COMPILER, *flags(optimize), f"-D{name.upper()}_NO_MAIN", *link, *sources, "-lm", "-o", "test.elf"],
            place,
            "linking the self-test for Cortex-M4F",
        )
        printed = text([*RUN, "test.elf"], place, "running the self-test in QEMU")
    values = {key: int(value) for key, value in re.findall(r"^(\w+) (\d+)$", printed, re.MULTILINE)}
    if values.get("selftest") != 0:
        raise CompactrlError(f"the self-test fails on a Cortex-M4F in QEMU, at vector {values.get('selftest', '?')}")
    return footprint._replace(stack_measured=values["stack"], instructions=values["instructions"])


def tool_versions() -> dict[str, str]:
    """Return the versions of what is installed of compiler and emulator."""
    return {name: version(name) for name in available(COMPILER, EMULATOR)}


def _sections(printed: str) -> dict[str, int]:
    """Return bytes by section, of `size -A`."""
    return {name: int(size) for name, size in re.findall(r"^(\.\S+)\s+(\d+)", printed, re.MULTILINE)}


def _stack(usage: str) -> int:
    """Return the most stack at once, in bytes, of gcc's stack usage file; a step calls its helpers one at a time."""
    frames = {line.split("\t")[0].rsplit(":", 1)[-1]: int(line.split("\t")[1]) for line in usage.splitlines()}
    step = max((size for name, size in frames.items() if name.endswith("_step")), default=0)
    return step + max((size for name, size in frames.items() if not name.endswith("_step")), default=0)
