"""The table of graph hyper policies, of the results that `experiments/hypernets.py` writes."""

from __future__ import annotations

import json
from pathlib import Path

from compactrl.quantities import a_return, mean_and_spread
from experiments.markdown import markdown

RESULTS = Path(__file__).parent / "results"

LABELS = {
    "ghp": "`ghp`",
    "ghp-not-told": "`ghp --no-tell-critics`",
    "ghp-no-anchor": "`ghp --anchor-share 0`",
    "ghp-constant-rate": "`ghp --actor-final-rate-share 1`",
    "ghp-squared": "`ghp --weight-averaging 0 --critic-huber-delta 0`",
    "ghp-uniform": "`ghp --sampling uniform`",
    "ghp-pointer": "`ghp --sampling pointer`",
    "ghp-raw": "`ghp --width-features raw`",
    "ghp-dense": "`ghp --decoder dense`",
    "ghp-paper": "`ghp --preset paper`",
    "ghp-64": "`ghp --widths 4,8,16,32,64`",
    "ghp-64-dense": "`ghp --widths 4,8,16,32,64 --decoder dense --actor-learning-rate 0.001`",
    "ghp-64-dense-slow": "`ghp --widths 4,8,16,32,64 --decoder dense --actor-learning-rate 0.0003`",
    "sac": "`sac`, [256, 256]",
    "sac-64-4-4-32": "`sac`, [64, 4, 4, 32]",
    "sac-16-8-32-8": "`sac`, [16, 8, 32, 8]",
    "distill-64-4-4-32": "`distill` of that `sac`, [64, 4, 4, 32]",
    "reach-ghp": "FetchReach-v4: `ghp`",
    "reach-ghp-squared": "FetchReach-v4: `ghp --weight-averaging 0 --critic-huber-delta 0`",
    "reach-ddpg": "FetchReach-v4: `ddpg`, [256, 256]",
}


def hypernets_table() -> str:
    """Return the Markdown table of graph hyper policies and what they are compared with."""
    body, near = [], "90% of the maximum"
    for name, label in LABELS.items():
        for path in sorted((RESULTS / "hypernets").glob(f"{name}-*M.json")):
            steps = path.stem.removeprefix(f"{name}-")
            if "-" in steps:
                continue  # of a setting whose name only begins alike
            for row in json.loads(path.read_text())["seeds"]:
                brief = row.get("architectures", {})
                chosen = brief.get("fresh", brief.get("chosen", {}))
                cells = [
                    f"{a_return(best['return_mean'])} ({best['parameters']:,})" if best else "–"
                    for best in (chosen.get("max"), chosen.get(near) or brief.get("chosen", {}).get(near))
                ]
                quartiles, share = brief.get("return_quartiles"), brief.get("success_share")
                cells.append(", ".join(map(a_return, quartiles)) if quartiles else "–")
                cells.append("–" if share is None else f"{100 * share:.1f} %")
                ships = mean_and_spread(row)
                body.append([label, f"{steps}, seed {row['seed']}", ships, *cells])
    headings = (
        "",
        "steps",
        "return of what ships",
        "best of all (parameters)",
        "smallest with 90 % of it",
        "quartiles of all",
        "success ≥ 0.95",
    )
    return markdown(headings, body) if body else "No results yet: `python -m experiments.hypernets`."
