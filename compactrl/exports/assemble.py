"""An export from its beginning to its end, of a policy and the states that it visits; no run is needed.

policy → plan → C files → what they take → verification → a folder with a manifest. Nothing is left at the place asked
for unless all of it went well.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from compactrl.encodings.formats import choose
from compactrl.encodings.grid import GridPlan
from compactrl.encodings.plan import Plan, make_plan
from compactrl.errors import CompactrlError, InputError
from compactrl.exports import cortex_m
from compactrl.exports.budget import alternatives, check_budget, estimate, optimized, report
from compactrl.exports.c import Program
from compactrl.exports.cortex_m import Footprint
from compactrl.exports.folder import being_written, check_free, sha256, write_files, write_manifest
from compactrl.exports.grid import GridSource, golden_of_grid, verify_grid
from compactrl.exports.options import ExportOptions
from compactrl.exports.origin import Origin
from compactrl.exports.rollouts import Starts
from compactrl.exports.tanh import choose_tanh
from compactrl.exports.targets import TARGETS
from compactrl.exports.vectors import Vectors, before_rounding, golden, one_or_each, tolerances
from compactrl.machine.needs import COMPILER, EMULATOR, NEEDS
from compactrl.policies.policy import Policy
from compactrl.policies.sharing import Singles
from compactrl.storage.files import write_atomically, writing
from compactrl.versions import VERSION

COARSEST = 0.01
"""Most of an action's half-width, or of an observation's deviation, that single precision may lose."""


class Exported(NamedTuple):
    """What an export left behind."""

    path: Path
    manifest: dict[str, Any]
    """What is in it and what it takes; also MANIFEST.json."""


@dataclass(frozen=True)
class Source:
    """What is exported, and what an export must know of it."""

    policy: Policy
    visited: Singles
    """(B, O) states that the policy visits."""
    origin: Origin
    starts: Starts | None = None
    """Where its episodes begin, for `--verify`."""
    environment: Mapping[str, Any] = field(default_factory=dict)
    """Options that its environment was made with."""
    grid: GridSource | None = None
    """The networks of a grid of contexts, of which the policy is the middle one's."""

    def plan(self, weights: str) -> Plan:
        """Return the plan of the policy, or of all networks of the grid, in a weight format."""
        return make_plan(self.policy, choose(weights, self.policy.sharing)) if self.grid is None else self.grid.plan()

    def vectors(self, plan: Plan) -> Vectors:
        """Return golden vectors."""
        return golden_of_grid(plan, self.visited) if isinstance(plan, GridPlan) else golden(plan, self.visited)


class Measured(NamedTuple):
    """What a program takes, and whether that was measured or is an estimate."""

    footprint: Footprint
    measured: bool


def check_place(out: Path, options: ExportOptions) -> None:
    """Raise InputError where an export cannot be written to this place."""
    if options.format != "onnx":
        check_free(out)
    elif out.is_dir() or out.suffix != ".onnx":
        raise InputError(f"--out {out}: expected a file that ends with .onnx")


def write(source: Source, out: Path, options: ExportOptions) -> Exported:
    """Write an export.

    Raises:
        InputError: an option or the place will not do.
        CompactrlError: over a limit, not equal to the policy, or a tool fails; nothing is left behind.
    """
    check_place(out, options)
    return write_onnx(source, out, options) if options.format == "onnx" else write_c(source, out, options)


def write_c(source: Source, out: Path, options: ExportOptions) -> Exported:
    """Write a folder with the C files of a policy; see `write`."""
    check_observed(source.policy)
    plan = source.plan(options.weights)
    program = program_of(plan, source, options)
    check_decided(program)
    files = TARGETS[options.target].files(program, options.optimize)
    with being_written(out) as folder:
        write_files(folder, files)
        size = size_of(program, options)
        check_budget(options, *size, _others(source, options))
        verification: dict[str, Any] = {}
        if options.verify:
            verification, size = verified(program, source, options, size)
            check_budget(options, *size, _others(source, options))
        manifest = {**identity(source, options.name), **_contents(plan, program, options, size), **verification}
        return Exported(out, write_manifest(folder, files, manifest))


def program_of(plan: Plan, source: Source, options: ExportOptions) -> Program:
    """Return what the C files say of a plan."""
    tanh, vectors = choose_tanh(options.tanh), source.vectors(plan)
    provenance = source.origin.provenance(source.policy)
    program = Program(
        plan, tanh, vectors, source.visited, options.name, provenance, environment=source.environment,
        setpoints=options.setpoints,
    )  # fmt: skip
    return optimized(program, options)


def check_observed(policy: Policy) -> None:
    """Raise CompactrlError where single precision does not tell the numbers of an observation apart.

    Python normalises in double precision; what an export observes has been rounded before that. Numbers that no weight
    looks at do not matter.
    """
    mean, std = policy.normalizer
    with np.errstate(over="ignore"):
        step = np.spacing((np.abs(mean) + std).astype(np.float32)).astype(np.float64)
    seen = (policy.layers[0].weight != 0).any(axis=0)
    coarse = np.flatnonzero(seen & ~(step / 2 <= COARSEST * std))
    if len(coarse):
        place = int(coarse[0])
        name = f" ({policy.names[place]})" if policy.names else ""
        raise CompactrlError(
            f"number {place} of the observation{name} lies at {mean[place]:.9g} and varies by {std[place]:.2g}, and "
            f"single precision, which C and ONNX observe in, has steps of {step[place]:.1g} there: let the environment "
            f"subtract {mean[place]:.9g} from it, and train with that"
        )


def check_decided(program: Program) -> None:
    """Raise CompactrlError where single precision does not decide any action, so that no C can equal the policy."""
    if not len(program.vectors.observations):
        raise CompactrlError(
            "single precision does not decide this policy's actions in any visited state, so that C cannot equal it: "
            "its weights are too large for its observations"
        )
    action = program.plan.action
    for place in np.flatnonzero(action.squashed).tolist():
        half, allowed = action.scaling[1][place], before_rounding(action)[place]
        if 0 < half * COARSEST < allowed:
            raise CompactrlError(
                f"action {place} goes from {action.low[place]:.9g} to {action.high[place]:.9g}, which single precision "
                "has hardly a number between: count it from its middle in the environment, and add the middle after"
            )


def size_of(program: Program, options: ExportOptions) -> Measured:
    """Return what a program takes on a Cortex-M4F.

    It is measured where it matters, for a limit or a verification, and the compiler is there; else it is an estimate.
    """
    limited = any(value is not None for value in (options.max_flash, options.max_ram, options.max_stack))
    if not (limited or options.verify) or not cortex_m.can_compile():
        return Measured(estimate(program), False)
    with tempfile.TemporaryDirectory() as temporary:
        write_files(Path(temporary), program.files())
        return Measured(cortex_m.compile_only(Path(temporary), program.name, options.optimize), True)


def _others(source: Source, options: ExportOptions) -> Iterator[tuple[str, Callable[[], Footprint]]]:
    """Yield what else could be asked for: its flags, and what tells the size of it."""

    def footprint(other: ExportOptions) -> Footprint:
        plan = source.plan(other.weights)
        return size_of(program_of(plan, source, other), other).footprint

    for flags, other in () if source.grid else alternatives(source.policy.sharing, options):
        yield flags, partial(footprint, other)


def verified(
    program: Program, source: Source, options: ExportOptions, size: Measured
) -> tuple[dict[str, Any], Measured]:
    """Return what a verification came to, for the manifest, and the size with what QEMU adds to it.

    Raises:
        InputError: nobody said where episodes begin.
        CompactrlError: the C is not the policy, or a tool fails.
    """
    from compactrl.exports import crazyflie_flight
    from compactrl.exports.verify import verify

    if source.starts is None:
        raise InputError("--verify drives the environment: it needs to know where the policy's episodes begin")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_files(folder, TARGETS["cortex-m4"].files(program, options.optimize))
        if source.grid is not None:
            result = verify_grid(program, source.grid, folder, source.starts, options.episodes)
        else:
            result = verify(program, folder, source.starts, options.episodes)
        if options.target == "crazyflie":
            place = folder / "crazyflie"
            write_files(place, TARGETS["crazyflie"].files(program, options.optimize))
            firmware = crazyflie_flight.check_firmware(options.firmware)
            result["crazyflie"] = crazyflie_flight.verify(program, place, source.starts, options.episodes, firmware)
        if cortex_m.can_run():
            footprint = cortex_m.measure(folder, program.name, options.optimize)
            size = size._replace(footprint=footprint)
            result["cortex_m4"] = cortex_m.tool_versions()
        else:
            missing = f"{COMPILER} or {EMULATOR} is not installed"
            result["cortex_m4"] = f"not run: {missing} (`{NEEDS[COMPILER].install}`)"
    return {"verification": result}, size


def identity(source: Source, name: str) -> dict[str, Any]:
    """Return which policy an export is of, what versions made it and its paper's sizes, as JSON values."""
    policy, origin = source.policy, source.origin
    return {
        "compactrl": VERSION,
        "name": name,
        "env": policy.env,
        "method": policy.method,
        "shape": list(policy.shape),
        "policy_sha256": origin.hashes,
        **origin.manifest,
        **policy.size._asdict(),
    }


def _contents(plan: Plan, program: Program, options: ExportOptions, size: Measured) -> dict[str, Any]:
    """Return what the C files hold and take, as JSON values.

    `bytes` are those of the plan's tables, also where `--optimize speed` has put their numbers into the code; `tables`
    are those that are in the files.
    """
    return {
        "bytes": plan.table_bytes,
        "target": options.target,
        "weight_format": plan.format.name,
        "optimize": options.optimize,
        "tanh": options.tanh,
        "normalizer": _normalizer_note(plan),
        "tolerance": one_or_each(tolerances(plan.action)),
        "golden_vectors": len(program.vectors.observations),
        "tables": {table.name: table.bytes for table in program.plan.tables()},
        "sizes": report(*size),
    }


def _normalizer_note(plan: Plan) -> str:
    left = [name for name in ("mean", "scale") if getattr(plan.inputs, name) is not None]
    folded = plan.policy.normalizer.mean.any() or (plan.policy.normalizer.std != 1).any()
    if not left:
        return "in the first layer's weights and biases" if folded else "none"
    return f"kept: {' and '.join(left)}" + ("" if "mean" in left else "; the mean is in the first layer's biases")


def write_onnx(source: Source, out: Path, options: ExportOptions) -> Exported:
    """Write an ONNX file of a policy; see `write`."""
    from compactrl.exports.onnx_file import check_onnx, onnx_bytes, onnx_model
    from compactrl.exports.verify import mixture

    policy = source.policy
    check_observed(policy)
    model = onnx_model(policy, options.name, source.origin.provenance(policy))
    content = model.SerializeToString(deterministic=True)
    largest = check_onnx(content, policy, mixture(policy, source.visited))
    with writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(out, content)
    contents = {
        "bytes": onnx_bytes(policy),
        "file_bytes": len(content),
        "sha256": sha256(content),
        "largest_difference": largest,
    }
    return Exported(out, {**identity(source, options.name), **contents})
