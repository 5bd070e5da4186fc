"""What the terminal says of an export, in sentences."""

from __future__ import annotations

from typing import Any

from compactrl.exports.assemble import Exported
from compactrl.exports.targets import TARGETS
from compactrl.exports.verify import ROUNDING
from compactrl.quantities import a_return

FLIGHT = ("position_rmse_mean", "crashed_mean")
"""What is told of a Crazyflie's flights beside the return."""


def describe_export(exported: Exported) -> str:
    """Say what was written, what it takes, what verification found, and what to do next."""
    manifest = exported.manifest
    shape = "-".join(map(str, manifest["shape"]))
    if "files" not in manifest:
        return "\n".join(
            (
                f"{manifest['method']} policy for {manifest['env']}, {shape}, as ONNX in {exported.path}: "
                f"{manifest['file_bytes']:,} bytes, weights expanded to float32",
                f"onnxruntime and Python differ by at most {manifest['largest_difference']:.1e}",
            )
        )
    lines = [
        f"{manifest['method']} policy for {manifest['env']}, {shape}, as C99 in {exported.path}: "
        f"{manifest['weight_format']} weights, optimised for {manifest['optimize']}",
        _sizes(manifest["sizes"]),
    ]
    if "verification" in manifest:
        lines += _verification(manifest["verification"], manifest["tolerance"])
    else:
        lines.append("not verified: --verify compiles it, compares it with Python and drives the environment with it")
    step = TARGETS[manifest["target"]].next_step
    step = step.replace("FOLDER", str(exported.path)).replace("NAME", manifest["name"])
    return "\n".join([*lines, f"next: {step}"])


def _sizes(sizes: dict[str, Any]) -> str:
    library = f" + {sizes['flash_c_library']:,} of the C library" if sizes["flash_c_library"] else ""
    stack = sizes.get("stack_with_c_library", sizes["stack"])
    instructions = (
        f", {sizes['instructions_per_step']:,} instructions per step" if "instructions_per_step" in sizes else ""
    )
    return (
        f"{sizes['target']}: flash {sizes['flash']:,} bytes (code {sizes['flash_code']:,}, tables "
        f"{sizes['flash_tables']:,}){library}, RAM {sizes['ram']}, stack {stack}{instructions} ({sizes['source']})"
    )


def _verification(result: dict[str, Any], tolerance: float | list[float]) -> list[str]:
    compilers = " and ".join([*result["compilers"], *result["cplusplus"]])
    if "discrete_disagreement" in result:
        share = result["discrete_disagreement"]
        largest = (
            f"another action in {100 * share:.2g} % of them, all next to even" if share else "Python's action in all"
        )
    elif isinstance(tolerance, list):
        pairs = zip(result["largest_difference"], tolerance, strict=True)
        share = max((found / allowed for found, allowed in pairs if allowed), default=0.0)
        largest = f"largest difference of an action {100 * share:.2g} % of what that action may differ by"
    else:
        largest = f"largest difference of an action {result['largest_difference']:.1e} (allowed {tolerance:.1e})"
    lines = [
        f"verified with {compilers}, no warnings, {' and '.join(result['sanitizers'])} sanitizers: "
        f"{result['observations']:,} observations, {largest}"
    ]
    if "bit_equal_to_float32" in result:
        lines.append("the codebook's actions are those of the same weights as float32, bit for bit")
    if "largest_difference_of_rounding" in result:
        lines.append(
            f"rounding the weights to int8 changes an action by up to {result['largest_difference_of_rounding']:.2g}"
        )
    lines.append(closed_loop(result["closed_loop"]))
    if "closed_loop_contexts" in result:
        rows = result["closed_loop_contexts"]
        told = [(row["context"], a_return(row["c"]), a_return(row["own_network"])) for row in rows]
        shown = ", ".join(f"{context:.4g}: {c} ({own})" for context, c, own in told)
        lines.append(f"return by context, and of the network of that context alone: {shown}")
    if result.get("crazyflie"):
        lines += _flights(result["crazyflie"])
    if isinstance(result["cortex_m4"], str):
        lines.append(f"Cortex-M4F: {result['cortex_m4']}")
    else:
        lines.append("Cortex-M4F: the self-test passes in QEMU")
    return lines


def _flights(result: dict[str, Any]) -> list[str]:
    """Say how the Crazyflie's controller flew beside Python."""
    python, controller = result["python"], result["c"]
    errors, crashes = ([100 * flown[name] for flown in (controller, python)] for name in FLIGHT)
    return [
        f"the controller, compiled against {result['headers']}, flew {result['episodes']} episodes: return "
        f"{controller['return_mean']:.4f} (Python {python['return_mean']:.4f}), position error {errors[0]:.2f} cm "
        f"(Python {errors[1]:.2f} cm), crashes {crashes[0]:.0f} % (Python {crashes[1]:.0f} %); thrust differs by at "
        f"most {result['largest_difference'] / 2:.1e} of full"
    ]


def closed_loop(loop: dict[str, Any]) -> str:
    """Say how the C did beside Python, by `ClosedLoop.report`."""
    low, high = loop["difference"]["interval"]
    if not loop["within_interval"]:
        judged = "MORE THAN CHANCE"
    elif low - ROUNDING <= 0 <= high + ROUNDING:
        judged = "no more than chance moves such a mean"
    else:
        below, above = loop["python"]["interval"]
        judged = f"not chance, and negligible beside the ± {(above - below) / 2:.3g} of such a mean"
    return (
        f"closed loop, {loop['episodes']} episodes: Python {_mean(loop['python'])}, C {_mean(loop['c'])}; "
        f"difference {loop['difference']['mean']:.3g}, 95 % interval {low:.3g} to {high:.3g}: {judged}"
    )


def _mean(entry: dict[str, Any]) -> str:
    mean, low, high = (a_return(value, entry["return_mean"]) for value in (entry["return_mean"], *entry["interval"]))
    return f"{mean} ({low} to {high})"
