"""`python -m experiments.bench NAME`: throughput, controller, scaling, families, sac and others; see `--help`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from experiments.bench.report import cores

app = typer.Typer(help="Measure speed; results go to experiments/results/bench-NAME.json.", add_completion=False)
ROBOTS = ["HalfCheetah-v5", "Walker2d-v5", "Hopper-v5", "Ant-v5"]

Repeats = Annotated[int, typer.Option(min=1, help="Repetitions, after one that only warms up.")]
Count = Annotated[int, typer.Option(min=2, help="Policies of a generation, an episode and a lane each.")]
Threads = Annotated[int, typer.Option(min=0, help="Threads that step environments; 0 for every core.")]
Actors = Annotated[int, typer.Option(min=1, help="Ray actors of EvoTorch.")]
Out = Annotated[Path | None, typer.Option(help="Folder for the JSON, experiments/results by default.")]


@app.command()
def throughput(
    env: Annotated[list[str], typer.Option(help="Environment, may be repeated.")] = ROBOTS,
    population: Count = 320,
    threads: Threads = 0,
    repeats: Repeats = 5,
    blocks: Annotated[
        str, typer.Option(help="Other layouts of the evaluator: blocks or blocks×threads, as in 1,3,2x1.")
    ] = "",
    policies: Annotated[str, typer.Option(help="untrained, or the folder of a run.")] = "untrained",
    evotorch: Annotated[bool, typer.Option(help="Measure EvoTorch beside it, on HalfCheetah-v5.")] = True,
    evotorch_env: Annotated[list[str], typer.Option(help="Where EvoTorch is measured.")] = ["HalfCheetah-v5"],  # noqa: B006
    actors: Actors = 2,
    out: Out = None,
) -> None:
    """Steps a second of one generation beside mujoco.rollout, EnvPool alone and EvoTorch."""
    from experiments.bench import throughput as bench

    bench.run(
        env, population, threads or cores(), repeats, blocks, policies, evotorch_env if evotorch else [], actors, out
    )


@app.command()
def controller(
    population: Count = 320,
    threads: Threads = 0,
    repeats: Repeats = 5,
    generations: Annotated[int, typer.Option(min=1, help="Generations of each search that count.")] = 5,
    out: Out = None,
) -> None:
    """Share of a generation spent outside its evaluations."""
    from experiments.bench import controller as bench

    bench.run(population, threads or cores(), repeats, generations, out)


@app.command()
def evotorch(
    steps: Annotated[float, typer.Option(min=1, help="Environment steps of each training.")] = 12e6,
    marks: Annotated[
        str, typer.Option(help="Environment steps where the centre is evaluated; the end always is.")
    ] = "5e6,10e6",
    seeds: Annotated[str, typer.Option(help="Seeds, separated by commas.")] = "0",
    threads: Threads = 0,
    actors: Actors = 2,
    out: Out = None,
) -> None:
    """Learning curves of EvoTorch's PGPE and compactrl's, on the clock; what is in the results is not repeated."""
    from experiments.bench import curves as bench

    at = sorted({int(steps), *(int(float(mark)) for mark in filter(None, marks.split(",")) if float(mark) < steps)})
    bench.run(at, [int(seed) for seed in seeds.split(",")], threads or cores(), actors, out)


@app.command()
def scaling(
    repeats: Repeats = 5,
    generations: Annotated[int, typer.Option(min=1, help="Generations of each simulated search.")] = 4,
    out: Out = None,
) -> None:
    """Ray workers beside threads, and the driver's share of a generation with up to 1000 simulated workers."""
    from experiments.bench import scaling as bench

    bench.run(repeats, generations, out)


@app.command()
def faults(
    kills: Annotated[int, typer.Option(min=1, help="Workers to kill at random moments.")] = 100,
    workers: Annotated[int, typer.Option(min=1, help="Ray workers.")] = 2,
    steps: Annotated[float, typer.Option(min=1, help="Environment steps of the search.")] = 4e6,
    out: Out = None,
) -> None:
    """Kill workers during a search and compare its policy with that of an undisturbed one."""
    from experiments.bench import faults as bench

    bench.run(kills, workers, int(steps), out)


@app.command()
def compare(
    runs: Annotated[int, typer.Option(min=1, help="Made-up runs.")] = 500,
    iterations: Annotated[int, typer.Option(min=1, help="Iterations of each.")] = 1000,
    repeats: Annotated[int, typer.Option(min=1, help="Repetitions.")] = 3,
    out: Out = None,
) -> None:
    """Seconds and memory of comparing many runs, and of a page of 30 of them."""
    from experiments.bench import comparing as bench

    bench.run(runs, iterations, repeats, out)


@app.command()
def ghp(
    updates: Annotated[int, typer.Option(min=1, help="Updates of a repetition.")] = 480,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of 32 architectures to evaluate, of all sizes.")] = 5,
    threads: Threads = 0,
    repeats: Repeats = 5,
    dense: Annotated[bool, typer.Option(help="Time the paper's decoder, too, which takes long.")] = False,
    out: Out = None,
) -> None:
    """Updates a second of graph hyper policies and plain networks, weights, memory, evaluation."""
    from experiments.bench import ghp as bench

    bench.run(updates, rounds, threads or cores(), repeats, dense, out)


@app.command()
def critics(
    updates: Annotated[int, typer.Option(min=8, help="Updates of a repetition.")] = 160,
    threads: Annotated[int, typer.Option(min=2, help="Threads beside one.")] = 2,
    repeats: Repeats = 5,
    only: Annotated[list[str], typer.Option(help="Part of a system's name, may be repeated.")] = [],  # noqa: B006
    out: Out = None,
) -> None:
    """Time of an update of every critic, on one thread and on several."""
    from experiments.bench import critics as bench

    bench.run(updates, threads, repeats, only, out)


@app.command()
def ppo(threads: Threads = 0, repeats: Repeats = 5, out: Out = None) -> None:
    """Steps a second of PPO beside Stable-Baselines3 and a CleanRL-like loop; HyperPPO's iteration beside PPO's."""
    from experiments.bench import ppo as bench

    bench.run(threads or cores(), repeats, out)


@app.command()
def sac(
    env: Annotated[str, typer.Option(help="Environment.")] = "HalfCheetah-v5",
    peer_python: Annotated[str, typer.Option(help="Python that has the peers; else this one.")] = sys.executable,
    on: Annotated[list[int], typer.Option("--cores", min=1, help="Cores that each system gets, may be repeated.")] = [  # noqa: B006
        1,
        2,
    ],
    repeats: Repeats = 5,
    warm: Annotated[int, typer.Option(min=1, help="Steps before the first repetition.")] = 2000,
    steps: Annotated[int, typer.Option(min=1, help="Steps of a repetition.")] = 1000,
    out: Out = None,
) -> None:
    """Steps a second of plain SAC, an update each, beside Stable-Baselines3, SBX and RLtools where they are."""
    from experiments.bench import sac as bench

    if max(on) > cores():
        raise typer.BadParameter(f"--cores {max(on)}: this process may use {cores()}")
    bench.run(env, peer_python, on, repeats, warm, steps, out)


@app.command()
def families(
    family: Annotated[list[str], typer.Option(help="Part of a family's id, may be repeated; all without.")] = [],  # noqa: B006
    population: Count = 320,
    threads: Threads = 0,
    repeats: Repeats = 5,
    out: Out = None,
) -> None:
    """Environment steps a second in families of tasks over the plain environments."""
    from experiments.bench import families as bench

    bench.run(family, population, threads or cores(), repeats, out)


if __name__ == "__main__":
    app()
