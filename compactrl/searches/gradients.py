"""The study of critics' action gradients: is what a policy climbs the way up?

Keynan et al. 2021, section 3 and appendix B; the estimate is `learners/critics/local_linear.py`. A state is one on the
path of the policy without noise. N lanes with equal seeds go there together, so that they are in exactly that state,
take an action each, and go on with the policy. The study has environments and random numbers of its own: a search has
the same numbers with it and without, and its steps are not the search's.

Departures:

1. N = 64 trajectories by default. With the paper's 15 (`--preset paper`) the estimate is so rough that a perfect
   critic would score 0.4 to 0.7, and what is measured is mostly that.
2. Returns are cut once a reward counts a hundredth of the first. States are those that far from the limit of steps,
   where that leaves any.
3. The policy goes on without noise, and without the entropy that SAC's critics value.
4. Of a meta-batch of architectures the anchor's policy is studied (`OffPolicyLearner.studied`).

Beside a search, and afterwards on its checkpoints: `studying.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from compactrl.envs.engines import make_engine
from compactrl.envs.engines.base import Answer, Engine
from compactrl.envs.spec import EnvironmentSpec
from compactrl.errors import InputError
from compactrl.evaluation.failures import diverged
from compactrl.learners.base import Learner
from compactrl.learners.critics.local_linear import cosine, enough, estimate
from compactrl.learners.off_policy import OffPolicyLearner
from compactrl.machine.hardware import cores
from compactrl.networks.batched import normalize_into
from compactrl.networks.forward import network, single_threaded_blas
from compactrl.searches.studies import Study, check
from compactrl.types import Floats, Mixed

FADED = 0.01
"""Returns are cut once a reward counts this share of the first."""


class Sample(NamedTuple):
    """What came of the trajectories from one state."""

    observation: Floats
    """(O,)"""
    action: Floats
    """(A,) of the policy, in -1 … 1."""
    actions: Floats
    """(n, A) that the trajectories began with; those that failed are left out."""
    returns: Floats
    """(n,) discounted."""


def of_learner(
    learner: Learner, spec: EnvironmentSpec, study: Study, seed: np.random.SeedSequence, threads: int = 0
) -> dict[str, Any]:
    """Study a learner's critics as they are; return the result as JSON values, without where it was in the search.

    Raises:
        InputError: the learner has no critics, or the environment's starts cannot be repeated.
    """
    if not isinstance(learner, OffPolicyLearner):
        raise InputError(f"--method {learner.compression.name} has no critics to be studied")
    check(study, spec)
    samples = list(_samples(learner, spec, study, seed, threads or cores()))
    cosines, explained, halves = [], [], []
    for sample in samples:
        (own,) = learner.action_gradient(sample.observation[None], sample.action[None])
        if len(sample.returns) < enough(len(own)):
            continue
        found = estimate(sample.actions, sample.returns)
        cosines.append(cosine(own, found.gradient))
        explained.append(found.r_squared)
        halves.append(found.split_half)
    return {
        **vars(study),
        "cosines": _rounded(cosines),
        "r_squared": _rounded(explained),
        "split_half": _rounded(halves),
    }


def _rounded(values: list[float]) -> list[float | None]:
    return [round(value, 6) if np.isfinite(value) else None for value in values]


def _samples(
    learner: OffPolicyLearner, spec: EnvironmentSpec, study: Study, seed: np.random.SeedSequence, threads: int
) -> Iterator[Sample]:
    """Go to each state with all trajectories, and on from there with different actions."""
    lane_seed, drawing = seed.spawn(2)
    generator = np.random.default_rng(drawing)
    lane = int(lane_seed.generate_state(1)[0] >> 1)
    gamma = learner.options.gamma
    horizon = int(np.ceil(np.log(FADED) / np.log(gamma))) if gamma else 1
    with single_threaded_blas():
        one, many = (Lanes(learner, spec, lane, count, threads) for count in (1, study.trajectories))
        try:
            for _ in range(study.states):
                length = one.episode()
                last = max(1, min(length, spec.max_episode_steps - horizon))
                steps = int(generator.integers(last))
                noise = study.noise * generator.standard_normal((study.trajectories, spec.action.size))
                yield many.sample(steps, noise, gamma, horizon)
        finally:
            one.close()
            many.close()


class Lanes:
    """Lanes with one seed, in which the policy acts without noise: they are in one state until they act otherwise.

    Args:
        learner: whose policy acts.
        spec: the environment.
        seed: of every lane.
        count: of lanes.
        threads: that step them.
    """

    def __init__(self, learner: OffPolicyLearner, spec: EnvironmentSpec, seed: int, count: int, threads: int) -> None:
        self._id, self._limit, self._action_spec = spec.id, spec.max_episode_steps, spec.action
        self._engine: Engine = make_engine(spec, [seed] * count, threads)
        self._every = np.arange(count)
        self._network = network(Mixed((learner.acting(),), np.zeros(count, np.int64)))
        self._normalizer, self._distribution = learner.normalizer, learner.distribution
        self._tasks = learner.compression.tasks(np.repeat(learner.studied, count, axis=0))

    def close(self) -> None:
        """Give the environments back."""
        self._engine.close()

    def episode(self) -> int:
        """Run an episode to its end, in all lanes alike; return its steps."""
        observation = self._begin()
        for step in range(self._limit):
            answer = self._step(self._every, self._act(observation))
            if answer.done.any() or answer.errors:
                return step + 1
            observation = answer.observation
        return self._limit

    def sample(self, steps: int, noise: Floats, gamma: float, horizon: int) -> Sample:
        """Begin an episode, go on for some steps, and then deviate by noise (N, A), once, in each lane.

        Raises:
            InputError: the lanes are not in one state then.
        """
        observation = self._begin()
        for _ in range(steps):
            observation = self._step(self._every, self._act(observation)).observation
        if not (observation == observation[0]).all():
            raise InputError(
                f"{self._id} does not do the same for the same seed and actions: its critics "
                "cannot be studied, since trajectories cannot begin in one state"
            )
        start, action = observation[0].copy(), self._act(observation)
        actions = np.clip(action + noise, -1, 1)
        returns, running, given = np.zeros(len(noise)), self._every, actions
        for step in range(horizon):
            answer = self._step(running, given)
            wrong = diverged(answer.observation, answer.reward)
            wrong[list(answer.errors)] = True
            returns[running] += gamma**step * np.where(wrong, np.nan, answer.reward)
            goes_on = ~(answer.done | wrong)
            running = running[goes_on]
            if not len(running):
                break
            observation[running] = answer.observation[goes_on]
            given = self._act(observation)[running]
        known = np.isfinite(returns)
        return Sample(start, action[0], actions[known], returns[known])

    def _begin(self) -> Floats:
        self._engine.send(self._every, None, np.ones(len(self._every), bool), self._tasks)
        return np.array(self._engine.receive().observation)

    def _act(self, observation: Floats) -> Floats:
        """Return the policy's actions (N, A) in -1 … 1 at observations (N, O)."""
        normalize_into(self._network.input[:, : len(observation)], observation, self._normalizer)
        outputs = self._network.forward()[:, : len(observation)].T.astype(np.float64)
        return self._distribution.act(outputs, np.zeros((len(observation), self._action_spec.size)))

    def _step(self, lanes: NDArray[np.int64], actions: Floats) -> Answer:
        self._engine.send(lanes, self._action_spec.scaled(actions), np.zeros(len(lanes), bool))
        return self._engine.receive()
