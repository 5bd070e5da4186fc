"""On-policy learning: environment steps a second, learning included, beside what else there is.

Plain PPO, [64, 64], as many lanes, steps, epochs and batches of all: beside Stable-Baselines3 where it is installed
(environments in this process, and in processes of their own: the faster one counts), and beside a loop in the manner of
CleanRL's `ppo_continuous_action.py` on EnvPool's vectorised environments, which is in this file. HyperPPO's iteration
beside that of plain PPO [256, 256, 256]. All are given all cores, take turns, and an iteration counts once. What an
iteration collects, by Ray workers and by as many threads.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from compactrl.evaluation import Evaluator
from compactrl.evaluation.local import LocalEvaluator
from compactrl.evaluation.ray.evaluator import RayEvaluator
from compactrl.evaluation.ray.workers import Workers
from compactrl.searches.prepare import prepare
from compactrl.types import Outcomes
from controllers import CONTROLLERS
from experiments.bench.report import cores, ratio, show, timing, write

ENV = "HalfCheetah-v5"
WIDE = "256,256,256"
Iterate = Callable[[], object]


def ours(threads: int, **options: Any) -> tuple[Iterate, int]:
    """Return an iteration of compactrl, and its steps."""
    prepared = prepare({"env": ENV, **options})
    learner, settings = prepared.learner, prepared.settings
    space, choice = prepared.compression.space, settings.choice.controller
    controller = CONTROLLERS[choice](space, settings.controller, np.random.SeedSequence(0))
    evaluator = LocalEvaluator(prepared.spec, settings.lanes, np.random.SeedSequence(0), threads)

    def iterate() -> None:
        trials = learner.ask(controller.propose(learner.num_designs))
        learner.tell(trials, evaluator.collect(trials), 0.0)

    flat = settings.flat()
    return iterate, flat["n_steps"] * settings.lanes


def stable_baselines3(options: dict[str, Any], processes: bool) -> Iterate:
    """Return an iteration of Stable-Baselines3's PPO."""
    from stable_baselines3 import PPO
    from stable_baselines3.common.env_util import make_vec_env
    from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecNormalize

    kind = SubprocVecEnv if processes else DummyVecEnv
    env = VecNormalize(make_vec_env(ENV, options["num_envs"], vec_env_cls=kind))
    shape = {name: options[name] for name in ("n_steps", "batch_size", "n_epochs")}
    policy = {"net_arch": {"pi": [64, 64], "vf": [64, 64]}}
    model = PPO("MlpPolicy", env, policy_kwargs=policy, device="cpu", seed=0, **shape)
    steps = options["n_steps"] * options["num_envs"]
    return lambda: model.learn(steps, reset_num_timesteps=False)


def cleanrl_like(options: dict[str, Any], threads: int) -> Iterate:
    """Return an iteration of a loop as CleanRL has it, on EnvPool's environments."""
    import envpool

    lanes, steps, batch = options["num_envs"], options["n_steps"], options["batch_size"]
    env = envpool.make(ENV.replace("-v5", "-v4"), env_type="gym", num_envs=lanes, num_threads=threads, seed=0)
    size, actions = env.observation_space.shape[0], env.action_space.shape[0]

    def layer(inputs: int, outputs: int, gain: float = 2**0.5) -> nn.Linear:
        made = nn.Linear(inputs, outputs)
        nn.init.orthogonal_(made.weight, gain)
        nn.init.zeros_(made.bias)
        return made

    def network(outputs: int, gain: float) -> nn.Module:
        return nn.Sequential(layer(size, 64), nn.Tanh(), layer(64, 64), nn.Tanh(), layer(64, outputs, gain))

    actor, critic, log_std = network(actions, 0.01), network(1, 1.0), nn.Parameter(torch.zeros(1, actions))
    parameters = [*actor.parameters(), *critic.parameters(), log_std]
    optimizer = torch.optim.Adam(parameters, lr=3e-4, eps=1e-5)
    moments = {"count": 1e-4, "mean": np.zeros(size), "variance": np.ones(size)}
    scale = {"count": 1e-4, "mean": 0.0, "variance": 1.0, "returns": np.zeros(lanes)}

    def update(into: dict[str, Any], values: Any) -> None:
        count, mean, variance = len(values), values.mean(0), values.var(0)
        delta, total = mean - into["mean"], into["count"] + count
        between = np.square(delta) * into["count"] * count / total
        into["variance"] = (into["variance"] * into["count"] + variance * count + between) / total
        into["mean"], into["count"] = into["mean"] + delta * count / total, total

    def normalized(observation: Any) -> Tensor:
        update(moments, observation)
        scaled = (observation - moments["mean"]) / np.sqrt(moments["variance"] + 1e-8)
        return torch.as_tensor(np.clip(scaled, -10, 10), dtype=torch.float32)

    def density(observation: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        normal = torch.distributions.Normal(actor(observation), log_std.exp())
        return normal.log_prob(action).sum(1), normal.entropy().sum(1)

    begun = env.reset()
    state = {"observation": normalized(begun[0] if isinstance(begun, tuple) else begun), "done": torch.zeros(lanes)}

    def iterate() -> None:
        seen, acted = torch.zeros(steps, lanes, size), torch.zeros(steps, lanes, actions)
        log_probabilities, rewards, dones, values = torch.zeros(4, steps, lanes)
        for step in range(steps):
            seen[step], dones[step] = state["observation"], state["done"]
            with torch.no_grad():
                normal = torch.distributions.Normal(actor(seen[step]), log_std.exp())
                acted[step] = normal.sample()
                log_probabilities[step] = normal.log_prob(acted[step]).sum(1)
                values[step] = critic(seen[step]).flatten()
            answer = env.step(np.clip(acted[step].numpy(), -1, 1).astype(np.float64))
            observation, reward, done = answer[0], answer[1], answer[2] | answer[3] if len(answer) == 5 else answer[2]
            scale["returns"] = scale["returns"] * 0.99 * (1 - done) + reward
            update(scale, scale["returns"])
            rewards[step] = torch.as_tensor(np.clip(reward / np.sqrt(scale["variance"] + 1e-8), -10, 10))
            state["observation"], state["done"] = normalized(observation), torch.as_tensor(done, dtype=torch.float32)
        with torch.no_grad():
            following, advantages, later = critic(state["observation"]).flatten(), torch.zeros(steps, lanes), 0.0
            for step in reversed(range(steps)):
                last = step == steps - 1
                goes_on = 1 - (state["done"] if last else dones[step + 1])
                value = following if last else values[step + 1]
                later = rewards[step] + 0.99 * value * goes_on - values[step] + 0.99 * 0.95 * goes_on * later
                advantages[step] = later
        flat = [
            part.flatten(0, 1) for part in (seen, acted, log_probabilities, advantages, advantages + values, values)
        ]
        for _ in range(options["n_epochs"]):
            for places in torch.randperm(steps * lanes).split(batch):
                observation, action, before, advantage, target, value = (part[places] for part in flat)
                log_probability, entropy = density(observation, action)
                ratio_of = (log_probability - before).exp()
                advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
                gain = torch.max(-advantage * ratio_of, -advantage * ratio_of.clamp(0.8, 1.2)).mean()
                found = critic(observation).flatten()
                clipped = value + (found - value).clamp(-0.2, 0.2)
                errors = 0.5 * torch.max((found - target) ** 2, (clipped - target) ** 2).mean()
                optimizer.zero_grad()
                (gain - 0.0 * entropy.mean() + 0.5 * errors).backward()
                nn.utils.clip_grad_norm_(parameters, 0.5)
                optimizer.step()

    return iterate


def workers_and_threads(count: int, repeats: int) -> dict[str, Any]:
    """Time what plain PPO collects in an iteration, by Ray workers and by as many threads in turn."""
    prepared = prepare({"env": ENV, "method": "ppo"})
    learner, spec, lanes = prepared.learner, prepared.spec, prepared.settings.lanes
    trials = learner.ask(np.zeros((learner.num_designs, 0), np.int64))
    seed = np.random.SeedSequence(0)
    environment = {"env": ENV, "engine": spec.engine, "max_episode_steps": spec.max_episode_steps, "env_options": {}}
    made, local = Workers(environment, count), LocalEvaluator(spec, lanes, seed, count)
    remote = RayEvaluator(spec, lanes, seed, made, "training")
    found: dict[str, Outcomes] = {}

    def collecting(name: str, evaluator: Evaluator) -> Iterate:
        def collect() -> None:
            found[name] = evaluator.collect(trials)

        return collect

    try:
        systems = {"threads": collecting("threads", local), "workers": collecting("workers", remote)}
        seconds = in_turn(systems, repeats)
    finally:
        made.close()
        local.close()
    seen, expected = (outcomes.transitions or () for outcomes in (found["workers"], found["threads"]))
    steps = int(found["threads"].steps.sum())
    return {
        "workers": count,
        "lanes": lanes,
        "systems": {name: timing(times, steps) for name, times in seconds.items()},
        "workers_by_threads": ratio(seconds["threads"], seconds["workers"]),
        "equal": all(map(np.array_equal, seen, expected)),
    }


def in_turn(systems: dict[str, Iterate], repeats: int) -> dict[str, list[float]]:
    """Return the seconds of an iteration of each system, taken in turn; the first one only warms up."""
    seconds: dict[str, list[float]] = {name: [] for name in systems}
    for repetition in range(-1, repeats):
        for name, iterate in systems.items():
            began = time.perf_counter()
            iterate()
            if repetition >= 0:
                seconds[name].append(time.perf_counter() - began)
    return seconds


def run(threads: int, repeats: int, folder: Path | None) -> None:
    """Measure, show the tables, write the figures."""
    plain, steps = ours(threads, method="ppo")
    flat = prepare({"env": ENV, "method": "ppo"}).settings.flat()
    systems: dict[str, Iterate] = {"compactrl": plain, "CleanRL-like, EnvPool": cleanrl_like(flat, threads)}
    if find_spec("stable_baselines3"):
        systems["Stable-Baselines3"] = stable_baselines3(flat, processes=False)
        systems["Stable-Baselines3, processes"] = stable_baselines3(flat, processes=True)
    else:
        print("Stable-Baselines3 is not installed, and left out: pip install stable-baselines3")
    torch.set_num_threads(threads)
    seconds = in_turn(systems, repeats)
    rows = {
        name: {**timing(times, steps), "compactrl_over_it": ratio(times, seconds["compactrl"])}
        for name, times in seconds.items()
    }
    hyper = prepare({"env": ENV, "method": "hyperppo"}).settings.flat()
    same = ("num_envs", "n_steps", "batch_size", "n_epochs", "critic_activation")
    alike = {name: hyper[name] for name in same} | {"critic_hidden": ",".join(map(str, hyper["critic_hidden"]))}
    many, many_steps = ours(threads, method="hyperppo")
    wide, _ = ours(threads, method="ppo", hidden=WIDE, activation="relu", **alike)
    of_hyper = in_turn({"hyperppo": many, f"ppo [{WIDE}]": wide}, repeats)
    over = 1 / ratio(of_hyper[f"ppo [{WIDE}]"], of_hyper["hyperppo"])
    show(
        f"PPO of [64, 64] on {ENV}, learning included",
        ["system", "steps/s", "compactrl over it"],
        [[name, row["median_steps_per_second"], row["compactrl_over_it"]] for name, row in rows.items()],
        "targets: 3 over Stable-Baselines3, 1.5 over a CleanRL-like loop",
    )
    show(
        f"An iteration of {many_steps} steps",
        ["system", "seconds"],
        [[name, timing(times)["median_seconds"]] for name, times in of_hyper.items()],
        f"hyperppo over ppo: {over:.2f}; target: at most 1.5",
    )
    dealt = workers_and_threads(threads or cores(), repeats)
    show(
        f"Collecting {dealt['systems']['threads']['steps']} steps in {dealt['lanes']} lanes",
        ["by", "steps/s"],
        [[f"{dealt['workers']} {name}", row["median_steps_per_second"]] for name, row in dealt["systems"].items()],
        f"workers over threads: {dealt['workers_by_threads']:.2f}; target: 0.9; "
        + ("equal bit for bit" if dealt["equal"] else "NOT equal"),
    )
    content = {
        "env": ENV,
        "repeats": repeats,
        "systems": rows,
        "hyperppo": {name: timing(times, many_steps) for name, times in of_hyper.items()},
        "hyperppo_over_ppo": over,
        "ray": dealt,
    }
    write("ppo", content, folder)
