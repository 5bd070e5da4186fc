"""What exported policies take on a Cortex-M4F, and whether they are the policies: the README's table of exports.

    python -m experiments.export figures [--runs runs] [--seed 0]
    python -m experiments.export sharing
    python -m experiments.export tanh

`figures` exports runs of `experiments.returns` (chromatic-17 at 20 M steps, the others at 5 M), each verified; it needs
gcc-arm-none-eabi, libnewlib-arm-none-eabi and qemu-system-arm, as does `sharing`, which counts instructions of policies
that ship in the package and whose edges share weights, beside the same networks with a weight of its own an edge, and
of both with ReLU in place of tanh. `tanh` repeats the fit of the rational tanh.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer

import compactrl
from compactrl.exports import cortex_m
from compactrl.exports.api import source_of
from compactrl.exports.assemble import write
from compactrl.exports.options import options_of
from compactrl.exports.tanh import BOUND, CLAMP, DENOMINATOR, NUMERATOR
from compactrl.machine.needs import CROSS_PACKAGES
from compactrl.policies.policy import Policy
from compactrl.runs.run import Run
from compactrl.storage.files import write_json
from compactrl.versions import versions

RESULTS = Path(__file__).parent / "results" / "export.json"
SHARING_RESULTS = RESULTS.with_name("export-sharing.json")
REPEATS = 5
FEW_EPISODES = 20

SHARING = ("HalfCheetah-v5/256B", "HalfCheetah-v5/512B", "HalfCheetah-v5/1kB", "Hopper-v5/1kB", "Walker2d-v5/1kB")
"""Of the policies that ship, those of robots with shared weights."""

app = typer.Typer(help="Measure exports; results go to experiments/results/export*.json.", add_completion=False)


class Row(NamedTuple):
    """One line of the table."""

    run: str
    """Folder under runs/, SEED left open."""
    options: dict[str, Any]
    episodes: int = FEW_EPISODES


CHROMATIC, DENSE = "chromatic-17-seed{seed}-20000000", "unstructured-seed{seed}-5000000"
LINEAR = "chromatic-17-linear-raw-seed{seed}"
ROWS = {
    "chromatic": Row(CHROMATIC, {}, 100),
    "chromatic, rational": Row(CHROMATIC, {"tanh": "rational"}),
    "chromatic, float32": Row(CHROMATIC, {"weights": "float32"}),
    "chromatic, speed": Row(CHROMATIC, {"optimize": "speed"}),
    "chromatic, speed, rational": Row(CHROMATIC, {"optimize": "speed", "tanh": "rational"}),
    "dense": Row(DENSE, {}),
    "dense, speed": Row(DENSE, {"optimize": "speed"}),
    "dense, speed, rational": Row(DENSE, {"optimize": "speed", "tanh": "rational"}),
    "dense, int8": Row(DENSE, {"weights": "int8"}, 100),
    "masked": Row("masked-seed{seed}-5000000", {}),
    "toeplitz": Row("toeplitz-seed{seed}-5000000", {}),
    "circulant": Row("circulant-seed{seed}-5000000", {}),
    "linear": Row(LINEAR, {}),
}


@app.command()
def figures(
    runs: Annotated[Path, typer.Option(help="Folder of the runs.")] = Path("runs"),
    seed: Annotated[int, typer.Option(help="Seed of the runs.")] = 0,
) -> None:
    """Export and verify the runs of the table, and time an export."""
    if not cortex_m.can_run():
        raise SystemExit(f"install the cross-compiler and the emulator first: apt-get install {CROSS_PACKAGES}")
    _linear_run(runs / LINEAR.format(seed=seed), seed)
    measured: dict[str, Any] = {}
    for name, row in ROWS.items():
        with tempfile.TemporaryDirectory() as temporary:
            out = Path(temporary) / "out"
            exported = compactrl.export(
                runs / row.run.format(seed=seed), out, verify=True, episodes=row.episodes, **row.options
            )
        kept = (
            "shape",
            "weight_format",
            "optimize",
            "tanh",
            "normalizer",
            "tolerance",
            "tables",
            "sizes",
            "verification",
        )
        measured[name] = {key: exported.manifest[key] for key in kept}
        sizes = exported.manifest["sizes"]
        print(f"{name:28} {sizes['flash']:6} bytes  {sizes['instructions_per_step']:6} instructions", file=sys.stderr)
    write_json(
        RESULTS,
        {
            "command": f"python -m experiments.export figures --seed {seed}",
            "versions": {**versions(), **cortex_m.tool_versions()},
            "seconds_of_an_export": _seconds(runs / CHROMATIC.format(seed=seed)),
            "rows": measured,
        },
    )


def _linear_run(path: Path, seed: int) -> None:
    """Search the linear policy without a normaliser, whose size is asked for and not its return."""
    if not (path / "policy.json").exists():
        options = {"partitions": 17, "hidden": "none", "normalize_observations": False, "steps": 200_000}
        compactrl.search(method="chromatic", env="HalfCheetah-v5", engine="envpool", seed=seed, out=path, **options)


def _seconds(run: Path) -> dict[str, Any]:
    """Time `compactrl export` without verification as a user calls it, from the start of Python to its end."""
    program = "from compactrl.cli import main; main()"
    seconds, processor_seconds = [], []
    for _ in range(REPEATS):
        with tempfile.TemporaryDirectory() as temporary:
            command = [sys.executable, "-c", program, "export", str(run), "--out", f"{temporary}/out"]
            began, before = time.perf_counter(), os.times()
            subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PYTHONPATH": os.getcwd()})
            seconds.append(round(time.perf_counter() - began, 3))
            after = os.times()
            used = after.children_user + after.children_system - before.children_user - before.children_system
            processor_seconds.append(round(used, 3))
    return {
        "median": statistics.median(seconds),
        "each": seconds,
        "median_processor_seconds": statistics.median(processor_seconds),
    }


@app.command()
def sharing() -> None:
    """Count instructions of policies that share weights, and of the same policies with a weight of its own an edge."""
    if not cortex_m.can_run():
        raise SystemExit(f"install the cross-compiler and the emulator first: apt-get install {CROSS_PACKAGES}")
    measured: dict[str, dict[str, Any]] = {}
    for name in SHARING:
        run = compactrl.load(f"zoo:{name}")
        policies = {"shared": run.policy, "dense": run.policy.with_layers(run.policy.layers)}
        measured[name] = {"shape": list(run.policy.shape), "weights": len(run.policy.weights)}
        for activation in ("tanh", "relu"):
            others = {
                kind: replace(policy, skeleton=replace(policy.skeleton, activation=activation))
                for kind, policy in policies.items()
            }
            measured[name][activation] = {kind: _instructions(run, policy) for kind, policy in others.items()}
        print(name, measured[name], file=sys.stderr)
    tools = {**versions(), **cortex_m.tool_versions()}
    write_json(
        SHARING_RESULTS, {"command": "python -m experiments.export sharing", "versions": tools, "rows": measured}
    )


def _instructions(run: Run, policy: Policy) -> dict[str, int]:
    """Return bytes of flash and instructions of a step of a policy of this run, with `--optimize speed`."""
    with tempfile.TemporaryDirectory() as temporary:
        options = options_of({"optimize": "speed", "verify": True, "episodes": FEW_EPISODES}, Path(temporary) / "out")
        exported = write(replace(source_of(run, options), policy=policy), Path(temporary) / "out", options)
    sizes = exported.manifest["sizes"]
    return {key: sizes[key] for key in ("flash", "instructions_per_step")}


@app.command()
def tanh(iterations: Annotated[int, typer.Option(min=1)] = 600) -> None:
    """Repeat the fit of the rational tanh, and print it beside the coefficients in use."""
    error, numerator, denominator = fit(len(NUMERATOR) - 1, len(DENOMINATOR) - 1, CLAMP, iterations)
    print(f"largest error in exact arithmetic {error:.3g}; with single precision at most {BOUND:.1g}")
    for name, fitted, used in (("numerator", numerator, NUMERATOR), ("denominator", denominator, DENOMINATOR)):
        print(name, *(f"{value:.9g} (in use: {other:.9g})" for value, other in zip(fitted, used, strict=True)))


def fit(numerator: int, denominator: int, clamp: float, iterations: int) -> tuple[float, np.ndarray, np.ndarray]:
    """Return the largest error and the coefficients of x P(x²) / Q(x²) nearest to tanh on [0, clamp], Q(0) = 1.

    Lawson's iteration: least squares of P x - tanh(x) Q, divided by the last Q, with weights that grow where the error
    is large.
    """
    x = clamp * (0.5 - 0.5 * np.cos(np.pi * (np.arange(4001) + 0.5) / 4001))
    z, target = (x / clamp) ** 2, np.tanh(x)
    basis = [x / clamp * z**power for power in range(numerator + 1)]
    basis += [-target * z**power for power in range(1, denominator + 1)]
    columns, weight, divisor = np.stack(basis, axis=1), np.ones_like(x), np.ones_like(x)
    best = (np.inf, np.zeros(0), np.zeros(0))
    for _ in range(iterations):
        scale = np.sqrt(weight) / divisor
        solution = np.linalg.lstsq(columns * scale[:, None], target * scale, rcond=None)[0]
        above, below = solution[: numerator + 1], np.concatenate([[1.0], solution[numerator + 1 :]])
        divisor = np.polynomial.polynomial.polyval(z, below)
        error = np.abs(x / clamp * np.polynomial.polynomial.polyval(z, above) / divisor - target)
        if error.max() < best[0]:
            best = (float(error.max()), above, below)
        weight *= (error / error.max() + 1e-3) ** 0.7
        weight /= weight.sum()
    error_, above, below = best
    return (
        error_,
        above / clamp ** (2 * np.arange(numerator + 1) + 1),
        below / clamp ** (2 * np.arange(denominator + 1)),
    )


if __name__ == "__main__":
    app()
