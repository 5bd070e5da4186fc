"""SAC's steps with an update each, of one library, in a process of its own that waits to be asked.

    PYTHON experiments/bench/peers.py SYSTEM ENV THREADS WARM STEPS

`sac.py` starts it with any Python that has the library, and with environment variables for that many threads. So this
file imports no more than its library needs. It keeps to as many cores; takes WARM steps, in which what is compiled is
compiled; and says `ready`. For each line that it reads it then takes STEPS steps and prints `seconds` and how many.

All have networks [256, 256], batches of 256, a replay buffer that holds all steps, and an update of both critics, the
policy and the temperature a step. All have one environment but compactrl, which has its usual eight lanes and collects
and learns by turns. RLtools evaluates nothing.
"""

import os
import sys
import time

HIDDEN, BATCH, STARTS = 256, 256, 500


def compactrl(env, threads, steps):
    """Return a function that takes this many steps or more, and how many it takes."""
    import numpy as np

    from compactrl.evaluation.local import LocalEvaluator
    from compactrl.searches.prepare import prepare

    options = {"method": "sac", "env": env, "automatic_alpha": True, "learning_starts": STARTS, "threads": threads}
    prepared = prepare({**options, "iteration_steps": min(1000, steps)})
    learner, lanes = prepared.learner, prepared.settings.lanes
    evaluator = LocalEvaluator(prepared.spec, lanes, np.random.SeedSequence(0), threads)
    designs = np.zeros((learner.num_designs, 0), np.int64)

    def take():
        taken = 0
        while taken < steps:
            trials = learner.ask(designs)
            outcomes = evaluator.collect(trials)
            learner.tell(trials, outcomes, 0.0)
            taken += int(outcomes.steps.sum())
        return taken

    return take


def _like_stable_baselines3(kind, env, steps):
    model = kind(
        "MlpPolicy", env, learning_starts=STARTS, batch_size=BATCH, buffer_size=200_000, ent_coef="auto", seed=0,
        train_freq=1, gradient_steps=1, policy_kwargs={"net_arch": [HIDDEN, HIDDEN]},
    )  # fmt: skip

    def take():
        model.learn(steps, reset_num_timesteps=False)
        return steps

    return take


def stable_baselines3(env, threads, steps):
    """Return a function that takes this many steps."""
    import torch
    from stable_baselines3 import SAC

    torch.set_num_threads(threads)
    return _like_stable_baselines3(SAC, env, steps)


def sbx(env, threads, steps):  # noqa: ARG001  (JAX takes as many threads as there are cores to run on)
    """Return a function that takes this many steps."""
    from sbx import SAC

    return _like_stable_baselines3(SAC, env, steps)


def rltools(env, threads, steps):  # noqa: ARG001  (it has one)
    """Return a function that takes this many steps."""
    import gymnasium
    from gymnasium.wrappers import RescaleAction
    from rltools import SAC

    def make():
        return RescaleAction(gymnasium.make(env), -1, 1)

    kind = SAC(
        make, enable_evaluation=False, interface_name=f"compactrl_{env.replace('-', '_')}", STEP_LIMIT=200_000,
        ACTOR_BATCH_SIZE=BATCH, CRITIC_BATCH_SIZE=BATCH, ACTOR_HIDDEN_DIM=HIDDEN, CRITIC_HIDDEN_DIM=HIDDEN,
        ACTOR_NUM_LAYERS=3, CRITIC_NUM_LAYERS=3, N_WARMUP_STEPS=STARTS, EPISODE_STEP_LIMIT=1000, OPTIMIZER_ALPHA=3e-4,
    )  # fmt: skip
    state = kind.State(0)

    def take():
        for _ in range(steps):
            state.step()
        return steps

    return take


SYSTEMS = {"compactrl": compactrl, "stable_baselines3": stable_baselines3, "sbx": sbx, "rltools": rltools}
"""Module that must be there → what makes its steps."""


def main():
    """Take steps when asked."""
    system, env, threads, warm, steps = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    take = SYSTEMS[system](env, threads, steps)
    taken = 0
    while taken < warm:
        taken += take()
    print("ready", flush=True)
    for _ in sys.stdin:
        began = time.perf_counter()
        taken = take()
        print(f"seconds {(time.perf_counter() - began) / taken * steps}", flush=True)


if __name__ == "__main__":
    main()
