"""Flights of the Crazyflie: policies and the controllers that pilots know, over the same goals from the same starts.

    python -m experiments.flight [SETTING …] [--seeds 0,1,2]

trains settings, one after the other (an interrupted one goes on where it was, a finished one is not repeated; what one
begins from is trained first), then flies every policy that has been trained, and the firmware's controllers, and writes
`results/flight/flights.json` and `results/flight/paths.png`. Without settings it flies what is there; rows of policies
whose runs are elsewhere stay. Returns and errors are of 100 flights without
noise; the last column is of 100 with noise, and with masses, inertias and motors drawn from their whole ranges.

    python -m experiments.flight --speed

measures control steps a second, in seconds of the processor.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from compactrl.encodings.rounding import rounded_to_int8
from compactrl.encodings.storage import stored_bytes
from compactrl.envs.robots.quadrotor import ENV, Quadrotor
from compactrl.policies.policy import Policy
from compactrl.quantities import a_return
from compactrl.runs.run import Run
from compactrl.storage.files import read_json, write_json
from compactrl.types import Floats
from experiments.pilots import OPTIONS, RATE, Cascade, Geometric, Pilot
from experiments.returns import RUNS
from experiments.searching import finished_run

RESULTS = Path(__file__).parent / "results" / "flight"
FLIGHTS = 100
SECONDS = 15.0
SEED = 1000
"""Of the first flight; no search uses these."""
SCENARIOS = ("static", "dynamic", "lissajous", "bezier", "figure-eight")
RANDOMISED = {"scenario": "mixture", "randomise": 1.0}
PILOTS: dict[str, Callable[[Quadrotor], Pilot]] = {
    "PID cascade": Cascade,
    "geometric, position": Geometric,
    "geometric, full state": lambda env: Geometric(env, full_state=True),
}
KILOBYTE = 1024
"""What takes more flies once more as int8."""
MEASURES = ("position_rmse", "settled_rmse", "crashed")

NEAR_HOVER = {"normalize_observations": False, "population": 128, "num_envs": 128}
"""Observations as they are, in metres and radians: a normaliser of what falls and tumbles is none for what flies."""
LEVEL = {**NEAR_HOVER, "population": 256, "num_envs": 256, "radius": 1.0}
"""From a small radius, that is from level flight: from a large one a search learns to be thrown up and down."""
STATIC = {"env": ENV, "env_options": {"scenario": "static", "noise": False}}
MIXTURE = {"env": ENV, "env_options": {"scenario": "mixture"}}
VELOCITY = {"env": ENV, "env_options": {"scenario": "mixture", "observe_goal_velocity": True}}
RANDOM = {"env": ENV, "env_options": {"scenario": "mixture", "randomise": 1.0}}
FOUR = {"method": "unstructured", "hidden": "4", **LEVEL}
CHROMATIC = {"method": "chromatic", "partitions": 17, "hidden": "8", **NEAR_HOVER, "radius": 1.0}
ALIKE = {"num_envs": 0, "common_starts": True, "episodes_per_candidate": 4}
"""Starts differ more than candidates do: all of a generation begin alike."""
GRADIENT = {
    "method": "ppo",
    "normalize_observations": False,
    "num_envs": 128,
    "batch_size": 2048,
    "n_epochs": 6,
    "actor_learning_rate": 3e-3,
    "critic_learning_rate": 2e-3,
    "log_std_init": -1.0,
    "ent_coef": 0.01,
    "max_episode_steps": 400,
}
"""The entropy keeps the noise at a size at which a policy still goes on; docs/trials.md has it without."""
MOVING = {**GRADIENT, "ent_coef": 0.003, "max_episode_steps": 800, "steps": 10e6}
"""Goals that move pay less for noise: with the entropy of `GRADIENT` it grows without end."""
NEARBY = {
    "method": "unstructured",
    "population": 128,
    "episodes_per_candidate": 6,
    "common_starts": True,
    "learning_rate": 0.05,
    "center_max_speed": 0.1,
    "reevaluation_episodes": 64,
}
"""Evolution that goes on with what another setting learned, `start_from`, on whole flights: from the fifth second on
some centimetres at the goal are all that tells candidates apart, and starts of their own would differ by more."""
ALL_FLIGHTS = {**NEARBY, "episodes_per_candidate": 12, "steps": 60e6, "max_episode_steps": 1501}
"""The same over all scenarios, of which a candidate sees more."""
HYPERPPO = {"method": "hyperppo", "deviation": "common", "steps": 100e6}
SETTINGS: dict[str, dict[str, Any]] = {
    "four-static": {**STATIC, **FOUR, "steps": 60e6, "max_episode_steps": 300},
    "chromatic-static": {**STATIC, **CHROMATIC, **ALIKE, "steps": 50e6, "max_episode_steps": 300},
    "four-mixture": {**MIXTURE, **FOUR, "steps": 200e6, "max_episode_steps": 800},
    "four-velocity": {**VELOCITY, **FOUR, "steps": 200e6, "max_episode_steps": 800},
    "four-random": {**RANDOM, **FOUR, "steps": 200e6, "max_episode_steps": 800},
    "chromatic-random": {**RANDOM, **CHROMATIC, "steps": 200e6, "max_episode_steps": 800},
    "toeplitz-random": {**RANDOM, "method": "toeplitz", "hidden": "8", "steps": 200e6, "max_episode_steps": 800},
    "linear-random": {**RANDOM, "method": "linear", "steps": 200e6, "max_episode_steps": 800},
    "ppo-four-static": {**STATIC, **GRADIENT, "hidden": "4", "steps": 8e6},
    "ppo-four-static-evolved": {**NEARBY, "start_from": "ppo-four-static", "steps": 40e6, "max_episode_steps": 1501},
    "ppo-four-static-mixture": {**MIXTURE, **ALL_FLIGHTS, "start_from": "ppo-four-static-evolved"},
    "ppo-eight-velocity": {**VELOCITY, **MOVING, "hidden": "8"},
    "ppo-eight-velocity-evolved": {**ALL_FLIGHTS, "start_from": "ppo-eight-velocity"},
    "ppo-sixteen-velocity": {**VELOCITY, **MOVING, "hidden": "16", "steps": 20e6},
    "ppo-sixteen-velocity-evolved": {**ALL_FLIGHTS, "start_from": "ppo-sixteen-velocity", "steps": 200e6},
    "ppo-twenty-four-velocity": {**VELOCITY, **MOVING, "hidden": "24", "steps": 40e6},
    "ppo-twenty-four-velocity-evolved": {**ALL_FLIGHTS, "start_from": "ppo-twenty-four-velocity"},
    "ppo-sixteen-random": {**RANDOM, **MOVING, "hidden": "16", "steps": 20e6},
    "ppo-sixteen-random-evolved": {**ALL_FLIGHTS, "start_from": "ppo-sixteen-random"},
    "ppo-baseline": {**MIXTURE, "method": "ppo", "hidden": "512,512", "steps": 100e6},
    "hyperppo-static": {**STATIC, **HYPERPPO},
    "hyperppo-mixture": {**MIXTURE, **HYPERPPO},
    "hyperppo-velocity": {**VELOCITY, **HYPERPPO},
    "hyperppo-random": {**RANDOM, **HYPERPPO},
}
"""Options of a search by name. Evolution trains on short flights: the way to the goal is what is hard to learn."""


def train(name: str, seed: int, threads: int) -> Run:
    """Return the finished run of a setting, and of what it begins from before it."""
    options = {**SETTINGS[name], "steps": int(SETTINGS[name]["steps"]), "seed": seed, "threads": threads}
    if "start_from" in options:
        options["start_from"] = str(train(options["start_from"], seed, threads).path)
    return finished_run(RUNS / "flight" / f"{name}-{seed}", options)


def fly(env: Quadrotor, act: Callable[[Floats], Floats], seconds: float = SECONDS) -> tuple[dict[str, Floats], Floats]:
    """Fly a flight in each lane; returns returns and measures by name, (L,), and paths (T, 2, 3, L), flown and wanted.

    Args:
        env: is flown.
        act: observations (L, O) → actions (L, 4).
        seconds: of a flight.
    """
    count = env.state.shape[1]
    lanes = np.arange(count)
    seen, total, paths = env.reset(lanes, SEED + lanes, None), np.zeros(count), []
    steps = round(seconds * env.options.control_rate) + 1
    every = max(1, round(env.options.control_rate / 20))
    for step in range(steps):
        seen, reward, _, measures = env.step(lanes, act(seen))
        total += reward
        if step % every == 0:
            paths.append(np.stack([env.state[:3], env.goals.position]))
    return {"return": total, **measures}, np.array(paths)


def told(flown: dict[str, Floats]) -> dict[str, float]:
    """Return the means, and the deviation of the return, as JSON values."""
    means = {f"{name}_mean": float(values.mean()) for name, values in flown.items()}
    return {**means, "return_std": float(flown["return"].std(ddof=1))}


def fly_pilot(name: str, flights: int = FLIGHTS, seconds: float = SECONDS) -> tuple[dict[str, Any], dict[str, Floats]]:
    """Fly one of the firmware's controllers over every scenario; returns a row, and paths of the first flight."""
    row: dict[str, Any] = {"name": name, "kind": "pilot", "rate": RATE, "scenarios": {}}
    paths = {}
    for scenario in SCENARIOS:
        env = Quadrotor(flights, **OPTIONS, scenario=scenario)
        pilot = PILOTS[name](env)
        flown, way = fly(env, lambda _, pilot=pilot: pilot(), seconds)
        row["scenarios"][scenario], paths[scenario] = told(flown), way[:, :, :, 0]
    env = Quadrotor(flights, **{**OPTIONS, **RANDOMISED, "noise": True})
    pilot = PILOTS[name](env)
    row["randomised"] = told(fly(env, lambda _: pilot(), seconds)[0])
    return row, paths


def fly_run(
    run: Run, name: str, flights: int = FLIGHTS, policy: Policy | None = None
) -> tuple[dict[str, Any], dict[str, Floats]]:
    """Fly a run's policy, or what was made of it, over every scenario; as `fly_pilot`."""
    policy = run.policy if policy is None else policy
    given = {key: value for key, value in run.config["env_options"].items() if key == "observe_goal_velocity"}
    summary = run.summary
    row: dict[str, Any] = {
        "name": name,
        "kind": "policy",
        "seed": run.config["seed"],
        "trained_on": run.config["env_options"].get("scenario", "mixture"),
        "observations": policy.shape[0],
        **{key: summary[key] for key in ("method", "env_steps", "seconds")},
        "parameters": policy.size.parameters,
        "bytes": stored_bytes(policy),
        "scenarios": {},
    }
    paths = {}
    for scenario in SCENARIOS:
        flown, way = fly(Quadrotor(flights, **given, scenario=scenario, noise=False), policy)
        row["scenarios"][scenario], paths[scenario] = told(flown), way[:, :, :, 0]
    row["randomised"] = told(fly(Quadrotor(flights, **given, **RANDOMISED), policy)[0])
    return row, paths


def speed(lanes: int = 512, steps: int = 300, repeats: int = 5) -> dict[str, Any]:
    """Return control steps a second of the processor: of dynamics and reward alone, and with noise; the best of all."""
    rates = {}
    for name, noise in (("dynamics and reward", False), ("with noise", True)):
        env, every = Quadrotor(lanes, scenario="static", noise=noise), np.arange(lanes)
        best = np.inf
        for _ in range(repeats):
            env.reset(every, every, None)
            begun = time.process_time()
            for _ in range(steps):
                env.step(every, np.full((lanes, 4), 2 / 1.9 - 1))
            best = min(best, time.process_time() - begun)
        rates[name] = lanes * steps / best
    return {"lanes": lanes, "steps_per_cpu_second": rates, "with a policy": policy_speed(lanes, steps, repeats)}


def policy_speed(lanes: int, steps: int, repeats: int) -> float:
    """Return the same of policies with four neurons, a lane each, as a search evaluates them, without noise."""
    from compactrl.envs.registry import describe
    from compactrl.evaluation.local import LocalEvaluator
    from compactrl.types import Layer, Normalizer, Stacked, Trials

    spec = describe(ENV, max_episode_steps=steps, kwargs={"scenario": "static", "noise": False})
    normal = np.random.default_rng(0).standard_normal
    layers = tuple(
        Layer(0.05 * normal((lanes, *shape)).astype(np.float32), np.zeros((lanes, shape[0]), np.float32))
        for shape in ((4, 18), (4, 4))
    )
    trials = Trials(Stacked(layers), Normalizer(np.zeros(18), np.ones(18)), np.zeros((lanes, 0), np.int64))
    evaluator, best = LocalEvaluator(spec, lanes, np.random.SeedSequence(0), 1), np.inf
    try:
        for _ in range(repeats):
            begun = time.process_time()
            evaluator.evaluate(trials)
            best = min(best, time.process_time() - begun)
    finally:
        evaluator.close()
    return lanes * steps / best


def draw(paths: dict[str, dict[str, Floats]], place: Path) -> None:
    """Draw the first flight of each scenario: how far from a goal that stands, and paths as seen from above."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 10), layout="constrained")
    (still, *moving) = figure.subplots(2, 2).flat
    for name, ways in paths.items():
        away = np.sqrt(((ways["static"][:, 0] - ways["static"][:, 1]) ** 2).sum(axis=1))
        still.plot(np.linspace(0, SECONDS, len(away)), away, linewidth=1.2, label=name)
    still.set(title="static", xlabel="time [s]", ylabel="distance to the goal [m]", yscale="log")
    still.legend(fontsize=8)
    for axes, scenario in zip(moving, ("lissajous", "bezier", "figure-eight"), strict=True):
        wanted = next(iter(paths.values()))[scenario][:, 1]
        axes.plot(wanted[:, 0], wanted[:, 1], color="black", linewidth=3, alpha=0.3)
        for ways in paths.values():
            axes.plot(ways[scenario][:, 0, 0], ways[scenario][:, 0, 1], linewidth=1.2)
        axes.set(title=f"{scenario} (wanted in grey)", xlabel="x [m]", ylabel="y [m]", aspect="equal")
    figure.savefig(place, dpi=110)


def main(
    settings: Annotated[list[str] | None, typer.Argument(help="What is trained; without any, nothing is.")] = None,
    seeds: Annotated[str, typer.Option(help="Seeds, separated by commas.")] = "0",
    threads: Annotated[int, typer.Option(min=0, help="Threads of a search; 0 for every core.")] = 0,
    flights: Annotated[int, typer.Option(min=2, help="Flights of each, over each scenario.")] = FLIGHTS,
    keep_pilots: Annotated[bool, typer.Option("--keep-pilots", help="Fly policies alone; draw nothing anew.")] = False,
    only_train: Annotated[bool, typer.Option("--only-train", help="Fly nothing.")] = False,
    measure_speed: Annotated[bool, typer.Option("--speed", help="Measure steps a second, and do no more.")] = False,
) -> None:
    """Train settings, fly everything, and write tables and plots."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    if measure_speed:
        measured = speed()
        write_json(RESULTS / "speed.json", measured)
        print(json.dumps(measured, indent=2))
        return
    for name in settings or []:
        if name not in SETTINGS:
            raise SystemExit(f"no setting '{name}': there are {', '.join(SETTINGS)}")
        for seed in map(int, seeds.split(",")):
            train(name, seed, threads)
    if only_train:
        return
    rows, paths, before = [], {}, _before()
    if keep_pilots:
        rows = [row for row in before if row["kind"] == "pilot"]
    for name in () if keep_pilots else PILOTS:
        row, paths[name] = fly_pilot(name, flights)
        rows.append(row)
        print(_line(row))
    for place in sorted((RUNS / "flight").glob("*/summary.json")):
        run = Run(place.parent)
        name = place.parent.name
        setting = name.rpartition("-")[0]
        row, paths[name] = fly_run(run, setting, flights)
        rows.append(row)
        print(_line(row))
        if row["bytes"] > KILOBYTE and run.policy.sharing.own:
            rows.append(fly_run(run, f"{setting}, int8", flights, rounded_to_int8(run.policy))[0])
            print(_line(rows[-1]))
    flown = {(row["name"], row.get("seed")) for row in rows}
    kept = [row for row in before if row["kind"] == "policy" and (row["name"], row["seed"]) not in flown]
    write_json(RESULTS / "flights.json", {"flights": flights, "rows": rows + kept})
    if not keep_pilots:
        draw(paths, RESULTS / "paths.png")


def _before() -> list[dict[str, Any]]:
    """Return the rows of the last flights."""
    place = RESULTS / "flights.json"
    return read_json(place)["rows"] if place.exists() else []


def _line(row: dict[str, Any]) -> str:
    parts = [
        f"{scenario} {a_return(values['return_mean'])} ({100 * values['position_rmse_mean']:.0f} cm)"
        for scenario, values in row["scenarios"].items()
    ]
    return f"{row['name']}: {', '.join(parts)}; randomised: {100 * row['randomised']['crashed_mean']:.0f} % crash"


if __name__ == "__main__":
    typer.run(main)
