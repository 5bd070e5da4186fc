"""Graph hyper policies: updates beside a plain network's, weights, memory, evaluation of many architectures."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch

from compactrl.catalogs.evaluation import EPISODES, LANES, in_turn
from compactrl.compressions import Hypernet, HypernetOptions
from compactrl.envs.registry import describe
from compactrl.evaluation.local import LocalEvaluator
from compactrl.learners.gradient import Means
from compactrl.learners.sac import SacLearner
from compactrl.networks.perceptrons import single_threaded_torch
from compactrl.policies.architectures import designs_of, parameters
from compactrl.policies.batches import copies
from compactrl.policies.policy import Policy
from compactrl.policies.skeleton import Skeleton
from compactrl.searches.prepare import prepare
from compactrl.types import Normalizer, Transitions, Trials
from controllers import CONTROLLERS, Controller
from experiments.bench.openloop import OpenLoop
from experiments.bench.recording import record, repeat_commands
from experiments.bench.report import ratio, show, timing, write

ENV = "HalfCheetah-v5"
AT_ONCE = LANES // EPISODES
"""Architectures that are evaluated side by side."""
STORED = 50_000
"""Transitions in the buffer that updates are timed with."""


def transitions(steps: int, lanes: int, observation: int, action: int) -> Transitions:
    """Return transitions of numbers that mean nothing."""
    generator = np.random.default_rng(0)
    no = np.zeros((steps, lanes), bool)

    def draw(*shape: int) -> Any:
        return generator.standard_normal((steps, lanes, *shape))

    achieved = np.zeros((steps, lanes, 0))
    return Transitions(draw(observation), np.tanh(draw(action)), draw(), draw(observation), no, no, ~no, achieved)


def learner(options: dict[str, Any]) -> tuple[SacLearner, Controller]:
    """Return a learner of these options with a buffer to learn from, and what chooses its designs."""
    prepared = prepare({"env": ENV, **options})
    made, spec, settings = prepared.learner, prepared.spec, prepared.settings
    if not isinstance(made, SacLearner):
        raise TypeError(f"expected a learner of SAC, got {type(made).__name__}")
    made.buffer.add(transitions(STORED // made.lanes, made.lanes, spec.observation_size, made.actions))
    space = prepared.compression.space
    return made, CONTROLLERS[settings.choice.controller](space, settings.controller, np.random.SeedSequence(0))


def updates(systems: dict[str, dict[str, Any]], repeats: int, count: int) -> dict[str, list[float]]:
    """Return seconds for `count` updates of each system, taken in turn."""
    made = {name: learner(options) for name, options in systems.items()}
    seconds: dict[str, list[float]] = {name: [] for name in systems}
    for repetition in range(-1, repeats):  # the first one only warms up
        for name, (sac, controller) in made.items():
            done, elapsed = 0, 0.0
            while done < count:
                parts = sac.parts(controller.propose(sac.num_designs))
                for designs in parts[: -(-(count - done) // sac.updates_per_part)]:
                    began = time.perf_counter()
                    with single_threaded_torch():
                        sac._learn(designs, Means())
                    elapsed += time.perf_counter() - began
                    done += sac.updates_per_part
            if repetition >= 0:
                seconds[name].append(elapsed / done * count)
    return seconds


def peer(repeats: int, count: int) -> list[float]:
    """Return seconds for `count` updates of Stable-Baselines3's SAC, [256, 256], on as many threads."""
    import gymnasium
    from stable_baselines3 import SAC
    from stable_baselines3.common.logger import configure

    torch.set_num_threads(1)
    env = gymnasium.make(ENV)
    model = SAC("MlpPolicy", env, device="cpu", buffer_size=STORED, ent_coef=0.2, seed=0)
    model.set_logger(configure(None, []))
    seen = transitions(STORED, 1, env.observation_space.shape[0], env.action_space.shape[0])
    buffer = model.replay_buffer
    assert buffer is not None
    buffer.observations[:], buffer.next_observations[:] = seen.observation, seen.next_observation
    buffer.actions[:], buffer.rewards[:] = seen.action, seen.reward
    buffer.pos, buffer.full = 0, True
    seconds = []
    for repetition in range(-1, repeats):
        began = time.perf_counter()
        model.train(count, batch_size=256)
        if repetition >= 0:
            seconds.append(time.perf_counter() - began)
    return seconds


def policies(rounds: int) -> list[Policy]:
    """Return freshly drawn policies: rounds of architectures that run at once, spread over the whole space."""
    spec = describe(ENV)
    hypernet = Hypernet(Skeleton.relu((spec.observation_size, spec.action.size)), HypernetOptions())
    theta = hypernet.initial(np.random.default_rng(0)).astype(np.float32)
    size = spec.observation_size, spec.action.size
    in_order = in_turn(hypernet.architectures, lambda widths: parameters(size[0], widths, size[1]))
    middles = (np.arange(rounds) + 0.5) / rounds  # of parts of equal length
    starts = (middles * (len(in_order) // AT_ONCE)).astype(int) * AT_ONCE
    chosen = designs_of(
        [widths for start in starts for widths in in_order[start : start + AT_ONCE]],
        hypernet.widths,
        hypernet.max_layers,
    )
    normalizer = Normalizer(np.zeros(spec.observation_size), np.ones(spec.observation_size))
    return [
        Policy.of_layers(layers, normalizer, spec.action, "relu", "mixed", env=ENV, method="ghp")
        for layers in hypernet.expand_each(theta, chosen)
    ]


def weights() -> float:
    """Return the seconds that the weights of every architecture take."""
    spec = describe(ENV)
    hypernet = Hypernet(Skeleton.relu((spec.observation_size, 2 * spec.action.size)), HypernetOptions())
    theta = hypernet.initial(np.random.default_rng(0)).astype(np.float32)
    rows = hypernet.space.rows
    if rows is None:
        raise RuntimeError("a hypernetwork's space lists its rows")
    began = time.perf_counter()
    for start in range(0, len(rows), 128):
        hypernet.expand_each(theta, rows[start : start + 128])
    return time.perf_counter() - began


def evaluation(rounds: int, threads: int, repeats: int, engine: str) -> dict[str, Any]:
    """Time the evaluation of many architectures on an engine beside `mujoco.rollout`, with the same episodes.

    Beside EnvPool stands what it does alone, with recorded actions.
    """
    spec = describe(ENV, engine)
    some = policies(rounds)
    count, episodes, lanes = len(some), EPISODES, LANES
    trials = Trials(copies(some, episodes), some[0].normalizer, np.zeros((count * episodes, 0), np.int64))

    def evaluator() -> LocalEvaluator:
        made = LocalEvaluator(spec, lanes, np.random.SeedSequence(0), threads)
        made.load_state_dict({"resets": np.ones(lanes, np.int64)})
        return made

    made = evaluator()
    outcomes, recorders = record(made, trials)
    made.close()
    limit = OpenLoop(ENV, [episode for recorder in recorders for episode in recorder.episodes()], threads)
    commands = [recorder.commands for recorder in recorders]
    del recorders
    alone = engine == "envpool"
    seconds: dict[str, list[float]] = {"mujoco.rollout": [], "compactrl": [], **({"EnvPool": []} if alone else {})}
    for repetition in range(-1, repeats):
        times = {"mujoco.rollout": min(limit.pool(), limit.queue())}
        made = evaluator()
        began = time.perf_counter()
        made.evaluate(trials)
        times["compactrl"] = time.perf_counter() - began
        made.close()
        if alone:
            made = evaluator()
            engines = [block.engine for block in made._blocks]
            began = time.perf_counter()
            repeat_commands(engines, commands)
            times["EnvPool"] = time.perf_counter() - began
            made.close()
        if repetition >= 0:
            for name, time_taken in times.items():
                seconds[name].append(time_taken)
    steps = int(outcomes.steps.sum())
    return {
        "architectures": count,
        "episodes": episodes,
        "share_of_limit": ratio(seconds["mujoco.rollout"], seconds["compactrl"]),
        **({"share_of_limit_of_envpool": ratio(seconds["mujoco.rollout"], seconds["EnvPool"])} if alone else {}),
        **{name: timing(times, steps) for name, times in seconds.items()},
    }


def memory() -> dict[str, float]:
    """Return the peak resident memory, in MB, of a process with a million transitions that has made an update."""
    program = f"from experiments.bench import ghp; ghp.fill({10**6})"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    peak: dict[str, float] = json.loads(answer.stdout.splitlines()[-1])
    return peak


def fill(count: int) -> None:
    """Fill a learner's buffer, make some updates, print this process's peak memory."""
    made, controller = learner({"method": "ghp"})
    spec = describe(ENV)
    some = transitions(1000, made.lanes, spec.observation_size, made.actions)
    while len(made.buffer) < count:
        made.buffer.add(some)
    made._learn(made.parts(controller.propose(made.num_designs))[0], Means())
    print(
        json.dumps(
            {"transitions": len(made.buffer), "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
        )
    )


def run(count: int, rounds: int, threads: int, repeats: int, dense: bool, folder: Path | None) -> None:
    """Measure, show the tables, write the figures."""
    systems: dict[str, dict[str, Any]] = {
        "plain [256, 256]": {"method": "sac"},
        "a meta-batch of 8, bilinear": {"method": "ghp"},
    }
    if dense:
        systems["a meta-batch of 8, dense"] = {"method": "ghp", "preset": "paper", "iteration_steps": 1000}
    seconds = updates(systems, repeats, count)
    if find_spec("stable_baselines3"):
        seconds["Stable-Baselines3"] = peer(repeats, count)
    plain = seconds["plain [256, 256]"]
    rows = {name: {**timing(times, count), "over_plain": 1 / ratio(plain, times)} for name, times in seconds.items()}
    note = "targets: a meta-batch at most 1.5 times a plain update; plain at least 1.5 times Stable-Baselines3's rate"
    show(
        "Updates of SAC, batches of 256, one thread",
        ["system", "ms an update", "updates/s", "over plain"],
        [
            [name, 1000 * row["median_seconds"] / count, row["median_steps_per_second"], row["over_plain"]]
            for name, row in rows.items()
        ],
        note,
    )
    evaluated = evaluation(rounds, threads, repeats, "envpool")
    on_mujoco = evaluation(rounds, threads, repeats, "mujoco")
    others = {"weights_of_all_seconds": weights(), "memory": memory()}
    show(
        "The rest",
        ["what", "measured", "target"],
        [
            ["weights of all 4680 architectures, seconds", others["weights_of_all_seconds"], "≤ 20"],
            ["peak memory with 1 M transitions, MB", others["memory"]["megabytes"], "≤ 2000"],
            [
                f"evaluating {evaluated['architectures']} architectures: share of mujoco.rollout",
                evaluated["share_of_limit"],
                "",
            ],
            ["the same on the engine mujoco", on_mujoco["share_of_limit"], "≥ 0.75"],
            [
                "the same of EnvPool, which steps for us, with recorded actions",
                evaluated["share_of_limit_of_envpool"],
                "",
            ],
        ],
    )
    write(
        "ghp",
        {
            "updates": count,
            "repeats": repeats,
            "systems": rows,
            "evaluation": evaluated,
            "evaluation_mujoco": on_mujoco,
            **others,
        },
        folder,
    )
