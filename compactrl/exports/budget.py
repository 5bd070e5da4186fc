"""What an export takes, measured or estimated, and whether it fits: `--max-flash`, `--max-ram`, `--max-stack`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

from compactrl.encodings.formats import FORMATS, exact_formats, faster
from compactrl.encodings.unrolled import Unrolled
from compactrl.errors import CompactrlError
from compactrl.exports.c import Program, action_tables
from compactrl.exports.cortex_m import Footprint
from compactrl.exports.options import ExportOptions
from compactrl.policies.sharing import Sharing

LIBM_TANH = 960
"""Flash of newlib's tanhf with all that it needs on a Cortex-M4F."""
RATIONAL_TANH = 150
FRAME = 48
"""Stack of saved registers."""


def estimate(program: Program) -> Footprint:
    """Return what a policy takes on a Cortex-M4F by arithmetic: tables exactly, code as others of its kind took."""
    plan = program.plan
    tables = plan.table_bytes + sum(table.bytes for table in action_tables(plan))
    hidden = len(plan.shape) > 2 and plan.policy.activation == "tanh"
    squashes = hidden or bool(plan.action.squashed.any())
    own = RATIONAL_TANH if squashes and program.tanh.name == "rational" else 0
    library = LIBM_TANH if squashes and program.tanh.name == "libm" else 0
    stack = 4 * sum(plan.shape) + FRAME
    return Footprint(plan.encoding.code_estimate + own, tables, library, 0, stack)


def report(footprint: Footprint, measured: bool) -> dict[str, Any]:
    """Return a footprint as JSON values that say where they are from."""
    sizes: dict[str, Any] = {
        "target": "Cortex-M4F",
        "source": "measured: compiled with arm-none-eabi-gcc" if measured else "estimate: tables exactly, code roughly",
        "flash": footprint.flash,
        "flash_code": footprint.code,
        "flash_tables": footprint.tables,
        "flash_c_library": footprint.library,
        "ram": footprint.ram,
        "stack": footprint.stack,
    }
    if footprint.instructions is not None:
        sizes["source"] = "measured: compiled with arm-none-eabi-gcc, run in QEMU (mps2-an386)"
        sizes["stack_with_c_library"] = footprint.stack_measured
        sizes["instructions_per_step"] = footprint.instructions
    return sizes


def limits(options: ExportOptions, footprint: Footprint) -> list[tuple[str, int, int]]:
    """Return (name, bytes, limit) for each limit that was given."""
    stack = max(footprint.stack, footprint.stack_measured or 0)
    all_limits = (
        ("flash", footprint.flash + footprint.library, options.max_flash),
        ("ram", footprint.ram + stack, options.max_ram),
        ("stack", stack, options.max_stack),
    )
    return [(name, taken, limit) for name, taken, limit in all_limits if limit is not None]


def check_budget(
    options: ExportOptions, footprint: Footprint, measured: bool, others: Iterable[tuple[str, Callable[[], Footprint]]]
) -> None:
    """Raise CompactrlError where a limit is exceeded, with the number and what would fit.

    Args:
        options: the limits.
        footprint: what the export takes.
        measured: whether that is measured, not estimated.
        others: what else could be asked for, the options and what it would take, the nearest first.
    """
    over = [(name, taken, limit) for name, taken, limit in limits(options, footprint) if taken > limit]
    if not over:
        return
    how = "takes" if measured else "would take about"
    library = f" ({footprint.library} of them the C library's)" if footprint.library else ""
    excess = " and ".join(
        f"{taken} bytes of {name}{library if name == 'flash' else ''}, {taken - limit} over --max-{name} {limit}"
        for name, taken, limit in over
    )
    fitting = list(islice(_fitting(options, over[0][0], others), 2))
    advice = f"what would fit: {' or '.join(fitting)}"
    if not fitting:
        advice = (
            "no other format fits: search with fewer weights, fewer hidden neurons, or another method; of a graph "
            "hyper policy, `compactrl select` a smaller architecture"
        )
    raise CompactrlError(f"the policy {how} {excess}; {advice}")


def _fitting(options: ExportOptions, kind: str, others: Iterable[tuple[str, Callable[[], Footprint]]]) -> Iterator[str]:
    """Yield the flags of what fits all limits, with what it takes of this kind."""
    for flags, make in others:
        needs = limits(options, make())
        if all(taken <= limit for _, taken, limit in needs):
            taken = next(taken for name, taken, _ in needs if name == kind)
            yield f"{flags} ({taken} bytes of {kind})"


def alternatives(sharing: Sharing, options: ExportOptions) -> list[tuple[str, ExportOptions]]:
    """Return what else could be asked for this policy, without loss first: its flags, and its options."""
    others = []
    exact = exact_formats(sharing)
    lossy = [FORMATS["int8"]] if sharing.own and FORMATS["int8"] not in exact else []
    for weights in [*exact, *lossy]:
        for optimize in ("size", "speed"):
            for tanh in (options.tanh, *({"libm", "rational"} - {options.tanh})):
                other = replace(options, weights=weights.name, optimize=optimize, tanh=tanh)
                if (other.optimize, other.tanh, other.weights) != (options.optimize, options.tanh, options.weights):
                    flags = f"--weights {weights.name} --optimize {optimize} --tanh {tanh}"
                    others.append((flags, other))
    return others


def optimized(program: Program, options: ExportOptions) -> Program:
    """Return the program with the encoding for what is asked to be optimised."""
    if options.optimize == "size" or isinstance(program.plan.encoding, Unrolled):
        return program
    return replace(program, plan=replace(program.plan, encoding=faster(program.plan.encoding)))
