"""What a fit leaves behind: for each budget a folder that opens as a run, and the front of all that was tried.

DIR/                 the policy of the largest budget; `compactrl export | evaluate | play DIR` take it
DIR/budgets/512/     the same of each budget, where there are several
DIR/front.json       all candidates: size and return; front.svg shows it
DIR/fit.json         options, decisions, what was spent
DIR/stages/NAME/     the runs of the candidates; DIR/best/NAME.* the best policy of each
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from compactrl.encodings.storage import stored_bytes
from compactrl.envs.spec import EnvironmentSpec
from compactrl.fits.budgets import UNMEASURED, Kind
from compactrl.fits.candidate import Candidate
from compactrl.policies.files import save_policy
from compactrl.runs.evaluation import SUMMARY_EPISODES
from compactrl.runs.run import Run
from compactrl.searches.baselines import comparisons
from compactrl.storage.files import read_json, write_json
from compactrl.versions import versions

FINAL_EPISODES = SUMMARY_EPISODES
"""Fresh episodes behind the return that is quoted."""
BUDGETS = "budgets"


def ship(
    folder: Path,
    candidate: Candidate,
    spec: EnvironmentSpec,
    kind: Kind,
    env_steps: int,
    seconds: float,
    threads: int,
) -> dict[str, Any]:
    """Write a candidate's best policy as a run, with its return over fresh episodes that no choice was based on.

    Args:
        folder: of the run.
        candidate: that was chosen.
        spec: the environment.
        kind: of budget; what the policy takes of it is in the summary, under its name.
        env_steps: of the whole fit.
        seconds: of the whole fit.
        threads: of the fit; its searches had their parts of them.

    Returns:
        The run's summary.
    """
    folder.mkdir(parents=True, exist_ok=True)
    policy, source = candidate.best, Run(candidate.source)
    save_policy(folder / "policy", policy)
    write_json(folder / "versions.json", versions())
    shutil.copyfile(candidate.source / "metrics.jsonl", folder / "metrics.jsonl")
    config = read_json(candidate.source / "config.json")
    write_json(folder / "config.json", {**config, "options": {**config["options"], "threads": threads}})
    begun = {
        "method": policy.method, "controller": source.config["controller"], "env": policy.env,
        "seed": source.config["seed"], "env_steps": env_steps, "seconds": seconds,
        "iterations": 0, "finished": False, "stopped_by": "fit",
    }  # fmt: skip
    write_json(folder / "summary.json", {**begun, **policy.size._asdict(), "bytes": stored_bytes(policy)})
    run = Run(folder)
    report = run.report(run.evaluate_for_summary(FINAL_EPISODES, threads))
    compared = comparisons(spec, spec.environments == 1, int(source.config["seed"]), threads, policy.context)
    summary = {**begun, **report, **compared, kind.name: candidate.size, "candidate": candidate.name}
    summary["finished"] = True
    write_json(folder / "summary.json", summary)
    return summary


def front_of(candidates: Mapping[str, Candidate], shipped: Mapping[int, dict[str, Any]], kind: Kind) -> dict[str, Any]:
    """Return all that was tried and what ships, as JSON values; the smallest first.

    Args:
        candidates: by name.
        shipped: budget → summary of what ships.
        kind: of budget; what a policy takes of it is in its row under the kind's name, None where nothing measures it.
    """
    tried = [one for one in candidates.values() if math.isfinite(one.mean)]
    rows: list[dict[str, Any]] = []
    for one in sorted(tried, key=lambda one: (one.size, -one.mean)):
        policy = one.best
        row = {"name": one.name, "method": policy.method, "bytes": stored_bytes(policy), "return_mean": one.mean}
        rows.append({**row, kind.name: one.size if one.size < UNMEASURED else None})
    fields = ("candidate", "bytes", "parameters", "return_mean", "return_std", "return_interval", "episodes", kind.name)
    chosen = [
        {f"max_{kind.name}": most, **{name: summary[name] for name in fields}}
        for most, summary in sorted(shipped.items())
    ]
    return {"limit": kind.name, "candidates": rows, "shipped": chosen}


def kind_of(front: Mapping[str, Any]) -> str:
    """Return the name of the kind of budget of a front; those of before are all of bytes."""
    return str(front.get("limit", "bytes"))
