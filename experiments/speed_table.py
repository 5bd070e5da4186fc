"""The tables of speeds (docs/benchmarks.md), of what `python -m experiments.bench` measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from compactrl.quantities import a_return
from experiments.markdown import markdown

RESULTS = Path(__file__).parent / "results"


def _throughput(content: dict[str, Any]) -> list[list[str]]:
    body = []
    for result in content["results"]:
        ours, env = {"envpool": result["systems"]["compactrl"]}, result["env"]
        mujoco = result.get("mujoco_engine", {"systems": {}})
        for name, row in mujoco["systems"].items():
            if name.startswith("compactrl"):
                ours["mujoco"] = row
        for engine, row in ours.items():
            what = f"{env}, {content['trials']} untrained policies, engine `{engine}`: share of what `mujoco.rollout`"
            share = f"{row['rollout_by_system']:.2f} ({row['median_steps_per_second'] / 1000:.1f} k steps/s)"
            body.append([f"{what} reaches open loop", share])
        other = result["systems"].get("EvoTorch GymNE")
        if other:
            what = f"{env}: times as fast as EvoTorch's `GymNE` with {content['actors']} actors"
            factors = {"envpool": other["compactrl_by_system"], "mujoco": mujoco.get("times_evotorch")}
            said = ", ".join(f"{factor:.1f} on `{engine}`" for engine, factor in factors.items() if factor)
            body.append([what, said])
    return body


def _controller(content: dict[str, Any]) -> list[list[str]]:
    both = content["parts"]["pointer propose + feedback"]
    what = f"pointer, {content['trials']} designs of 943 edges: propose and learn; share of a generation"
    body = [[what, f"{both['median_seconds']:.2f} s; {100 * both['share']:.0f} %"]]
    for search in content["searches"]:
        options = f"`--controller pointer --es {search['es']}`"
        what = f"all outside evaluation, {options}, {search['designs']} designs a generation"
        body.append([what, f"{100 * search['share_outside_with_rest']:.0f} %"])
    return body


def _evotorch(content: dict[str, Any]) -> list[list[str]]:
    body = []
    for row in content["rows"]:
        marks = ", ".join(
            f"{a_return(mark['return_mean'])} at {mark['env_steps'] / 1e6:.1f} M ({mark['seconds']:.0f} s)"
            for mark in row["marks"]
        )
        body.append([f"`unstructured`, PGPE with 64 evaluations, {row['system']}, seed {row['seed']}", marks])
    return body


def _ghp(content: dict[str, Any]) -> list[list[str]]:
    systems, body = content["systems"], []
    for name, row in systems.items():
        rate = f"{row['median_steps_per_second']:.0f} updates/s, {row['over_plain']:.2f} times as long as a plain one"
        body.append([f"SAC, batches of 256, one thread: {name}", rate])
    memory, evaluated = content["memory"], content["evaluation"]
    rate, engine = evaluated["compactrl"]["median_steps_per_second"], evaluated["share_of_limit_of_envpool"]
    share = f"{evaluated['share_of_limit']:.2f} ({rate / 1000:.1f} k steps/s); EnvPool alone {engine:.2f}"
    what = (
        f"evaluating {evaluated['architectures']} architectures, engine `{{}}`: share of what `mujoco.rollout` reaches"
    )
    rows = [
        *body,
        ["weights of all 4680 architectures", f"{content['weights_of_all_seconds']:.1f} s"],
        ["peak memory with 1 M transitions of HalfCheetah", f"{memory['megabytes']:.0f} MB"],
        [what.format("envpool"), share],
    ]
    if mujoco := content.get("evaluation_mujoco"):
        rate = mujoco["compactrl"]["median_steps_per_second"]
        rows.append([what.format("mujoco"), f"{mujoco['share_of_limit']:.2f} ({rate / 1000:.1f} k steps/s)"])
    return rows


def _ppo(content: dict[str, Any]) -> list[list[str]]:
    ours = content["systems"]["compactrl"]["median_steps_per_second"]
    body = [[f"PPO [64, 64], {content['env']}, learning included", f"{ours / 1000:.1f} k steps/s"]]
    for name, row in content["systems"].items():
        if name != "compactrl":
            body.append([f"the same: times as fast as {name}", f"{row['compactrl_over_it']:.1f}"])
    body.append(
        [
            "an iteration of `hyperppo` over one of PPO [256, 256, 256]",
            f"{content['hyperppo_over_ppo']:.2f} of its time",
        ]
    )
    if workers := content.get("ray"):
        what = f"collecting for PPO: steps/s by {workers['workers']} Ray workers over those by as many threads"
        body.append([what, f"{workers['workers_by_threads']:.2f}"])
    return body


def _families(content: dict[str, Any]) -> list[list[str]]:
    return [
        [f"`{env}`: steps/s over those of the plain environment", f"{row['family_by_plain']:.2f}"]
        for env, row in content["families"].items()
    ]


def _critics(content: dict[str, Any]) -> list[list[str]]:
    body = []
    for name, row in content["systems"].items():
        said = f"{1000 * row['one_thread']['median_seconds']:.1f} ms"
        if "threads" in row:
            several = 1000 * row["threads"]["median_seconds"]
            said += f", {several:.1f} ms on {content['threads']} threads ({row['gain']:.2f} times as fast)"
        if row.get("over_plain"):
            said += f"; {row['over_plain']:.1f} times as long as with `mlp`"
        body.append([f"an update of {name}", said])
    return body


def speed_table() -> str:
    """Return the Markdown table of speeds."""
    body = []
    readers = {
        "throughput": _throughput,
        "controller": _controller,
        "evotorch": _evotorch,
        "ghp": _ghp,
        "ppo": _ppo,
        "families": _families,
        "critics": _critics,
    }
    for name, read in readers.items():
        path = RESULTS / f"bench-{name}.json"
        if path.exists():
            body += read(json.loads(path.read_text()))
    return markdown(("what", "measured"), body)


def scaling_table() -> str:
    """Return the Markdown table of workers, real and simulated."""
    path = RESULTS / "bench-scaling.json"
    if not path.exists():
        return ""
    content = json.loads(path.read_text())
    body = []
    for row in content["real"]:
        steps, begun = row["on_workers"]["median_steps_per_second"], row["seconds_to_begin"]
        body.append(
            [
                f"{row['workers']} worker{'s' * (row['workers'] > 1)}, {content['env']}: steps/s by those of as many "
                "threads in process",
                f"{row['workers_by_process']:.2f} ({steps / 1000:.1f} k steps/s; {begun:.1f} s to begin; "
                f"{max(row['resident_megabytes']):.0f} MB a worker with {row['lanes_of_a_worker']} lanes)",
            ]
        )
    faults = RESULTS / "bench-faults.json"
    if faults.exists():
        content_of_faults = json.loads(faults.read_text())
        same = "the same policy, byte for byte" if all(content_of_faults["same"].values()) else "another policy"
        body.append([f"{content_of_faults['kills']} workers killed at random moments of one search", same])
    body.append(["on the wire for a candidate of 943 edges, both ways", f"{content['wire']['bytes'] / 1000:.1f} kB"])
    for row in content["simulated"]:
        kind = f"{row['workers']} simulated workers, `--controller {row['controller']}`"
        what = f"{kind}, {row['population']} candidates a generation"
        body.append(
            [
                f"{what}: driver's share of a generation",
                f"{100 * row['driver_share']:.0f} % of {row['seconds_generation']:.2f} s "
                f"({row['driver_milliseconds_a_candidate']:.2f} ms a candidate)",
            ]
        )
    return markdown(("what", "measured"), body)
