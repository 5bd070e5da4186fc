"""An export from its beginning to its end: `compactrl export`, and `compactrl.export` from Python.

run → policy → what its edges share → plan → C files → what they take → verification → a folder with a manifest. Nothing
is left at the place asked for unless all of it went well.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from compactrl.encodings.formats import WeightFormat, choose
from compactrl.encodings.plan import make_plan
from compactrl.errors import CompactrlError, InputError
from compactrl.exports import cortex_m
from compactrl.exports.budget import alternatives, check_budget, estimate, optimized, report
from compactrl.exports.c import Program
from compactrl.exports.folder import being_written, check_free, sha256, write_files, write_manifest
from compactrl.exports.options import ExportOptions, options_of
from compactrl.exports.rollouts import environment_of_run, roll_out
from compactrl.exports.tanh import choose_tanh
from compactrl.exports.targets import TARGETS
from compactrl.exports.vectors import golden, tolerance
from compactrl.policies.policy import Policy
from compactrl.policies.sharing import Singles
from compactrl.runs.run import Run
from compactrl.storage.files import read_json, write_atomically
from compactrl.versions import VERSION

VISITED = (4, 500)
"""Episodes, and steps of each at most, from which golden vectors and the ranges of observations are taken."""
FOLDED_ON = 256
"""Visited states on which the ways to fold the normaliser are compared."""


class Exported(NamedTuple):
    """What an export left behind."""

    path: Path
    manifest: dict[str, Any]
    """What is in it and what it takes; also MANIFEST.json."""


def export(run: Run | str | Path, out: str | Path, **options: Any) -> Exported:
    """Write a run's policy as C for a robot, or as an ONNX file.

    Args:
        run: a run, or its folder.
        out: a folder that is new, empty, or holds an earlier export; for ONNX a file.
        options: fields of `ExportOptions`, as on the command line with underscores.

    Raises:
        InputError: an option, the run or the place will not do.
        CompactrlError: over a limit, not equal to the policy, or a tool fails; nothing is left behind.
    """
    chosen = options_of(options)
    opened = run if isinstance(run, Run) else Run(run)
    write = _export_onnx if chosen.format == "onnx" else _export_c
    return write(opened, Path(out), chosen)


def policy_of_run(run: Run, architecture: str = "") -> Policy:
    """Return the policy of a run that is to be exported: the one that ships, or that of one of its architectures.

    Raises:
        InputError: no such architecture in this run.
    """
    if not architecture:
        return run.policy
    from compactrl.catalogs.catalog import open_catalog

    return open_catalog(run).policy(architecture)


def _export_c(run: Run, out: Path, options: ExportOptions) -> Exported:
    check_free(out)
    policy = policy_of_run(run, options.architecture)
    sharing = policy.sharing
    visited = visited_states(run, policy)
    weights = choose(options.weights, sharing)

    def program_for(weights: WeightFormat, options: ExportOptions) -> Program:
        plan = make_plan(policy, weights)
        tanh = choose_tanh(options.tanh)
        program = Program(plan, tanh, golden(plan, visited), visited, options.name, provenance(run, policy))
        return optimized(program, options)

    program = program_for(weights, options)
    if not len(program.vectors.observations):
        raise CompactrlError(
            "single precision does not decide this policy's actions in any visited state, so that C cannot equal it: "
            "its weights are too large for its observations"
        )
    target = TARGETS[options.target]
    files = target.files(program, options.optimize)

    def others() -> Iterator[tuple[str, Callable[[], Any]]]:
        for flags, other_weights, other in alternatives(sharing, options):
            yield flags, lambda w=other_weights, o=other: size_of(program_for(w, o), o)[0]  # type: ignore[misc]

    with being_written(out) as folder:
        write_files(folder, files)
        footprint, measured = size_of(program, options)
        verification: dict[str, Any] = {}
        check_budget(options, footprint, measured, others())
        if options.verify:
            verification, footprint = _verified(program, run, options, footprint)
            check_budget(options, footprint, measured, others())
        manifest = write_manifest(
            folder,
            files,
            {
                **_identity(run, policy, options.name),
                "target": options.target,
                "weight_format": program.plan.format.name,
                "optimize": options.optimize,
                "tanh": options.tanh,
                "normalizer": _normalizer_note(program),
                "tolerance": tolerance(program.plan),
                "golden_vectors": len(program.vectors.observations),
                "tables": {table.name: table.bytes for table in program.plan.tables()},
                "sizes": report(footprint, measured),
                **verification,
            },
        )
    return Exported(out, manifest)


def size_of(program: Program, options: ExportOptions) -> tuple[cortex_m.Footprint, bool]:
    """Return what a program takes on a Cortex-M4F, and whether that was measured.

    It is where it matters, for a limit or a verification, and the compiler is there; else it is an estimate.
    """
    limited = any(value is not None for value in (options.max_flash, options.max_ram, options.max_stack))
    if not (limited or options.verify) or not cortex_m.can_compile():
        return estimate(program), False
    with tempfile.TemporaryDirectory() as temporary:
        write_files(Path(temporary), program.files())
        return cortex_m.compile_only(Path(temporary), program.name, options.optimize), True


def _verified(
    program: Program, run: Run, options: ExportOptions, footprint: cortex_m.Footprint
) -> tuple[dict[str, Any], cortex_m.Footprint]:
    """Return what verification found, and the footprint with what QEMU adds to it."""
    from compactrl.exports.verify import verify

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_files(folder, TARGETS["cortex-m4"].files(program, options.optimize))
        found = verify(program, folder, run, options.episodes)
        if not cortex_m.can_run():
            missing = f"not run: {cortex_m.COMPILER} or {cortex_m.EMULATOR} is not installed ({cortex_m.PACKAGES})"
            return {"verification": {**found, "cortex_m4": missing}}, footprint
        measured = cortex_m.measure(folder, program.name, options.optimize)
    return {"verification": {**found, "cortex_m4": cortex_m.tool_versions()}}, measured


def visited_states(run: Run, policy: Policy) -> Singles:
    """Return states that the policy visits, (B, O), in single precision."""
    episodes, steps = VISITED
    seen = roll_out(environment_of_run(run, quick=True), run, policy, episodes, steps).observations
    return seen.astype(np.float32)


def _evenly(rows: Singles, count: int) -> Singles:
    return rows[np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(int)] if len(rows) else rows


def provenance(run: Run, policy: Policy) -> str:
    """Return which policy an export is of, in words."""
    digest = sha256((run.path / "policy.safetensors").read_bytes())
    return f"--method {policy.method}, {policy.size.weights} weights, {policy.size.biases} biases; sha256 {digest}"


def _identity(run: Run, policy: Policy, name: str) -> dict[str, Any]:
    """Return which policy this is, of what versions, as JSON values."""
    return {
        "compactrl": VERSION,
        "name": name,
        "env": policy.env,
        "method": policy.method,
        "shape": list(policy.shape),
        "policy_sha256": {
            file: sha256((run.path / file).read_bytes()) for file in ("policy.safetensors", "policy.json")
        },
        "run_versions": read_json(run.path / "versions.json") if (run.path / "versions.json").exists() else {},
        **policy.size._asdict(),
    }


def _normalizer_note(program: Program) -> str:
    plan = program.plan
    left = [name for name in ("mean", "scale") if getattr(plan.inputs, name) is not None]
    folded = plan.policy.normalizer.mean.any() or (plan.policy.normalizer.std != 1).any()
    if not left:
        return "in the first layer's weights and biases" if folded else "none"
    return f"kept: {' and '.join(left)}" + ("" if "mean" in left else "; the mean is in the first layer's biases")


def _export_onnx(run: Run, out: Path, options: ExportOptions) -> Exported:
    from compactrl.exports.onnx_file import check_onnx, onnx_model
    from compactrl.exports.verify import mixture

    if out.is_dir() or out.suffix != ".onnx":
        raise InputError(f"--out {out}: expected a file that ends with .onnx")
    policy = policy_of_run(run, options.architecture)
    content = onnx_model(policy, options.name, provenance(run, policy)).SerializeToString(deterministic=True)
    visited = visited_states(run, policy)
    largest = check_onnx(content, policy, mixture(policy, visited))
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(out, content)
    found = {"bytes": len(content), "sha256": sha256(content), "largest_difference": largest}
    return Exported(out, {**_identity(run, policy, options.name), **found})
