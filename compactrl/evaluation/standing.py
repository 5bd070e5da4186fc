"""Standing environments: a trial for each lane acts in it for some steps, while the episodes go on.

For learners that need transitions. Trial k of a call acts in lane k for T steps; an episode that ends is followed by
the next, and so is one whose task is not its trial's. What a lane does depends only on its seed, its count of resets,
and the task and the actions of its episode so far: these are a lane's checkpoint, and are repeated when it is restored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from compactrl.evaluation.failures import DIVERGED, HUGE, NO_ACTION, reasons_of
from compactrl.evaluation.lanes import check_tasks
from compactrl.networks.batched import normalize_into
from compactrl.networks.forward import network
from compactrl.types import Exploration, Floats, Integers, Moments, Outcomes, Transitions, Trials

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from compactrl.envs.engines.base import Answer
    from compactrl.envs.goals import Goal
    from compactrl.envs.spec import EnvironmentSpec
    from compactrl.evaluation.lanes import Block


class Collected:
    """Where blocks write what their lanes went through in T steps of L lanes."""

    def __init__(self, exploration: Exploration, spec: EnvironmentSpec) -> None:
        steps, lanes, width = exploration.actions.shape

        def numbers(*shape: int) -> Floats:
            return np.zeros((steps, lanes, *shape))

        def flags() -> NDArray[np.bool_]:
            return np.zeros((steps, lanes), bool)

        self.transitions = Transitions(
            observation=numbers(spec.observation_size),
            action=numbers(width),
            reward=numbers(),
            next_observation=numbers(spec.observation_size),
            terminated=flags(),
            truncated=flags(),
            valid=flags(),
            achieved=numbers(spec.goal.size if spec.goal else 0),
            begun=flags(),
        )
        self.returns = np.full((steps, lanes), np.nan)
        """(T, L) of the episodes that ended at each step."""
        self.measures = {name: np.full((steps, lanes), np.nan) for name in spec.measures}
        """Name → (T, L) of the same episodes."""
        self.failures: dict[int, str] = {}

    def take(self, lanes: Integers, some: Collected) -> None:
        """Take in what these lanes (n,) went through elsewhere."""
        for every, part in zip(self.transitions, some.transitions, strict=True):
            if every is not None:
                every[:, lanes] = part
        self.returns[:, lanes] = some.returns
        for name, values in some.measures.items():
            self.measures[name][:, lanes] = values
        self.failures.update({int(lanes[position]): reason for position, reason in some.failures.items()})

    def outcomes(self, goal: Goal | None) -> Outcomes:
        """Return the record that evaluators give of their trials, one for each lane."""
        seen = self.transitions
        moments = _moments(seen.valid, seen.observation)
        measures = dict(self.measures)
        if goal is not None and goal.success is not None:
            measures["success"] = goal.success(seen.achieved, seen.next_observation[..., -goal.size :])
        ended = np.isfinite(self.returns)
        measures = {name: _mean(np.where(ended, values, np.nan)) for name, values in measures.items()}
        failures = dict(sorted(self.failures.items()))
        return Outcomes(_mean(self.returns), seen.valid.sum(axis=0), moments, failures, seen, measures)


def _moments(valid: NDArray[np.bool_], observation: Floats) -> Moments:
    """Return the moments of each lane's observations (T, L, O), of those that are valid, (T, L)."""
    count, known = valid.sum(axis=0, dtype=float), valid[..., None]
    mean = np.where(known, observation, 0.0).sum(axis=0) / np.maximum(count, 1.0)[:, None]
    shifted = np.where(known, observation - mean, 0.0)
    return Moments(count, mean, (shifted * shifted).sum(axis=0))


def _mean(values: Floats) -> Floats:
    """Return the mean of what is not NaN in each column, NaN where all is, of (T, L)."""
    known = np.isfinite(values)
    return np.where(
        known.any(axis=0), np.where(known, values, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1), np.nan
    )


class Episode(NamedTuple):
    """All that an episode that goes on depends on, beside its lane's seed and count of resets."""

    actions: Floats
    """(steps, A), in the environment's units."""
    task: Floats | None
    """(C,), where its trial had one."""
    earlier: int = 0
    """Steps before these, whose actions are kept elsewhere."""


def copied(episode: Episode) -> Episode:
    """Return an episode with memory of its own."""
    return episode._replace(actions=episode.actions.copy(), task=None if episode.task is None else episode.task.copy())


def joined(parts: Sequence[Episode]) -> Episode:
    """Return the episode of which these are all parts, in order."""
    return copied(Episode(np.concatenate([part.actions for part in parts]), parts[0].task))


def check_collecting(trials: Trials, lanes: int) -> Exploration:
    """Return the exploration of trials that collect.

    Raises:
        ValueError: there is not a trial for each lane, or there are no steps.
    """
    check_tasks(trials)
    exploration = trials.exploration
    steps = 0 if exploration is None else len(exploration.noise)
    if len(trials.designs) != lanes or exploration is None or not steps:
        raise ValueError(
            f"expected a trial for each of the {lanes} lanes, and steps: got {len(trials.designs)} trials and {steps} "
            "steps"
        )
    return exploration


class Standing:
    """The standing environments of a block's lanes."""

    def __init__(self, block: Block) -> None:
        self._block = block
        self._lanes = np.arange(block.count)
        self._fresh = np.ones(block.count, bool)
        """Lanes that must begin a new episode."""
        self._return = np.zeros(block.count)
        self._actions: list[list[NDArray[Any]]] = [[] for _ in range(block.count)]
        self._tasks: list[Floats | None] = [None] * block.count
        self._observation: Floats | None = None

    @np.errstate(over="ignore", invalid="ignore")  # what is not finite is found and kept with its reason
    def run(self, trials: Trials, collected: Collected) -> None:
        """Take T steps in every lane, writing what happens."""
        exploration = trials.exploration
        if exploration is None:
            raise ValueError("expected trials with an exploration: it says how many steps to collect")
        policies = network(trials.networks, self._block.offset + self._lanes)
        if trials.tasks is not None:
            self._leave_other_tasks(trials.tasks)
        for step in range(len(exploration.noise)):
            self._restart(trials.tasks, collected)
            self._step(step, policies, trials, exploration, collected)
            if self._block.stopped:
                return

    def _leave_other_tasks(self, tasks: Floats) -> None:
        """Let go of the episodes whose task is another than their lane's of now, in (N, C)."""
        for lane, task in enumerate(self._tasks):
            if task is None or not np.array_equal(task, tasks[self._block.offset + lane]):
                self._fresh[lane] = True

    def _restart(self, tasks: Floats | None, collected: Collected) -> None:
        """Begin new episodes where they are due, with tasks (N, C) if any; a lane whose reset fails stays due."""
        due = np.flatnonzero(self._fresh)
        if not len(due):
            return
        self._block.resets[due] += 1
        given = None if tasks is None else tasks[self._block.offset + due]
        self._block.engine.send(due, None, np.ones(len(due), bool), given)
        answer = self._block.engine.receive()
        if self._observation is None:
            self._observation = np.zeros((self._block.count, answer.observation.shape[1]))
        self._observation[due] = answer.observation
        self._return[due] = 0.0
        for position, lane in enumerate(due):
            self._actions[lane] = []
            self._tasks[lane] = None if given is None else given[position].copy()
        self._fresh[due] = self._failed(answer, due, collected)

    def _step(self, step: int, policies: Any, trials: Trials, exploration: Exploration, collected: Collected) -> None:
        """Take one step in every lane that stands."""
        standing = np.flatnonzero(~self._fresh)
        observation = self._observation
        if not len(standing) or observation is None:
            return
        lanes = self._block.offset + standing
        normalize_into(policies.input[:, : len(observation)], observation, trials.normalizer)
        outputs = policies.forward()[:, standing]
        actions = explored(outputs, exploration, step, lanes)
        sound = np.isfinite(actions).all(axis=1)
        for lane in standing[~sound]:
            collected.failures[int(self._block.offset + lane)] = NO_ACTION
            self._fresh[lane] = True
        standing, lanes, actions = standing[sound], lanes[sound], actions[sound]
        if not len(standing):
            return
        scaled = self._block.action.scaled(actions)
        self._block.engine.send(standing, scaled, np.zeros(len(standing), bool))
        answer = self._block.engine.receive()
        for lane, action in zip(standing, scaled, strict=True):
            self._actions[lane].append(action)
        valid = ~self._failed(answer, standing, collected)
        self._return[standing] += answer.reward
        seen = collected.transitions
        terminated = answer.done if answer.terminated is None else answer.terminated
        seen.observation[step, lanes] = observation[standing]
        seen.action[step, lanes] = actions
        seen.reward[step, lanes] = answer.reward
        seen.next_observation[step, lanes] = answer.observation
        seen.terminated[step, lanes] = terminated
        seen.truncated[step, lanes] = answer.done & ~terminated
        seen.valid[step, lanes] = valid
        if seen.begun is not None:
            seen.begun[step, lanes] = [len(self._actions[lane]) == 1 for lane in standing]
        if answer.achieved is not None:
            seen.achieved[step, lanes] = answer.achieved
        for name, values in answer.measures.items():
            collected.measures[name][step, lanes] = values
        collected.returns[step, lanes] = np.where(answer.done & valid, self._return[standing], np.nan)
        observation[standing] = answer.observation
        self._fresh[standing] = answer.done | ~valid

    def _failed(self, answer: Answer, lanes: Integers, collected: Collected) -> NDArray[np.bool_]:
        """Record why lanes failed; returns which did, (n,)."""
        failed = np.zeros(len(lanes), bool)
        reasons = reasons_of(answer.observation, answer.reward)
        if answer.achieved is not None:
            lost = np.flatnonzero(~(np.abs(answer.achieved).max(axis=1) < HUGE))
            reasons = dict.fromkeys(lost.tolist(), DIVERGED) | reasons
        for position, reason in (reasons | answer.errors).items():
            failed[position] = True
            collected.failures[int(self._block.offset + lanes[position])] = reason
        return failed

    def cut(self) -> None:
        """Let go of the episodes that stand: their lanes are wanted for something else."""
        self._fresh[:] = True

    def episodes(self, latest: int | None = None) -> dict[int, Episode]:
        """Return the episodes that stand, by lane; of each only what was done in the latest so many steps, if given."""
        return {
            self._block.offset + lane: Episode(
                np.stack(actions if latest is None else actions[-latest:]),
                task,
                0 if latest is None else max(0, len(actions) - latest),
            )
            for lane, (actions, task) in enumerate(zip(self._actions, self._tasks, strict=True))
            if actions and not self._fresh[lane]
        }

    def restore(self, resets: Integers, episodes: Mapping[int, Episode]) -> None:
        """Bring lanes that have gone less far to these counts of resets (count,) and, by lane, episodes that stand."""
        stands = np.isin(self._block.offset + self._lanes, list(episodes))  # their last reset is part of their episode
        self._block.fast_forward(resets - stands)
        self._repeat(episodes)

    def _repeat(self, episodes: Mapping[int, Episode]) -> None:
        """Begin episodes and repeat their actions, in lanes that have had every reset but the one of this episode."""
        for lane in self._lanes:
            episode = episodes.get(int(self._block.offset + lane))
            if episode is None:
                continue
            one, no = np.array([lane]), np.zeros(1, bool)
            self._block.resets[lane] += 1
            self._block.engine.send(one, None, ~no, None if episode.task is None else episode.task[None])
            self._block.engine.receive()
            for action in episode.actions:
                self._block.engine.send(one, action[None], no)
                answer = self._block.engine.receive()
                self._return[lane] += answer.reward[0]
            if self._observation is None:
                self._observation = np.zeros((self._block.count, answer.observation.shape[1]))
            self._observation[lane] = answer.observation[0]
            self._actions[lane], self._tasks[lane] = list(episode.actions), episode.task
            self._fresh[lane] = False


def explored(outputs: NDArray[np.float32], exploration: Exploration, step: int, lanes: Integers) -> Floats:
    """Return the actions (n, A) in -1 … 1 of policies with these raw outputs, (outputs, n)."""
    noise, given = exploration.noise[step, lanes], exploration.actions[step, lanes]
    acted = exploration.distribution.act(outputs.T.astype(np.float64), noise)
    return np.asarray(np.where(np.isnan(given), acted, given))
