"""Lanes: which environment runs which trial, fixed in advance.

A lane is one environment with its own seed and its own queue of trials: trial k of a call runs in lane
k mod L. What a lane does depends only on its seed and on how many resets came before, never on threads,
workers or the order in which environments answer. An engine steps a block of lanes; a `Block` runs their
queues: whole episodes, only steps that count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compactrl.envs.engines.base import lends
from compactrl.evaluation.failures import HUGE, NO_ACTION, reasons_of
from compactrl.evaluation.results import Results
from compactrl.evaluation.sharing import Requests, Share
from compactrl.evaluation.sums import Sums, moments_of
from compactrl.networks.batched import normalize_into
from compactrl.networks.forward import network
from compactrl.policies.actions import ActionSpec
from compactrl.types import Floats, Integers, Trials

if TYPE_CHECKING:
    from compactrl.envs.engines.base import Answer, Engine


def check_tasks(trials: Trials) -> None:
    """Raise ValueError where trials have tasks, but not one each."""
    if trials.tasks is not None and (trials.tasks.ndim != 2 or len(trials.tasks) != len(trials.designs)):
        raise ValueError(f"expected tasks ({len(trials.designs)}, C), one a trial: got shape {trials.tasks.shape}")


class Block:
    """Runs the queues of the lanes `offset … offset + count - 1` of L on one engine.

    Args:
        engine: steps this block's lanes, which it numbers from 0.
        offset: the block's first lane.
        count: how many lanes it has.
        num_lanes: L, lanes of all blocks together.
        action: how outputs become actions.
    """

    def __init__(self, engine: Engine, offset: int, count: int, num_lanes: int, action: ActionSpec) -> None:
        self.engine = engine
        self.offset, self.count, self.num_lanes = offset, count, num_lanes
        self.action = action
        self.resets = np.zeros(count, np.int64)
        self.stopped = False
        """Set from another thread to end `run` early, its results left unfinished."""
        self.requests = Requests()
        """Of other threads, for a share of what is left to do."""
        self._steps: Integers = np.zeros(0, np.int64)
        self._sent: Integers = np.zeros(0, np.int64)

    @property
    def underway(self) -> int:
        """Steps so far of the episodes that are running; may be asked by another thread."""
        return int(self._steps.sum())

    def fast_forward(self, resets: Integers) -> None:
        """Bring the lanes to the given counts of resets (count,), from fewer."""
        while len(behind := np.flatnonzero(self.resets < resets)):
            self.engine.send(behind, None, np.ones(len(behind), bool))
            self.engine.receive()
            self.resets[behind] += 1

    def start(self, trials: Trials, results: Results) -> bool:
        """Give each lane its queue and command the first resets; False where there is nothing to do."""
        num_trials, size = results.seen.mean.shape
        self._networks, self._normalizer, self._tasks = trials.networks, trials.normalizer, trials.tasks
        self._given, self._results = trials.actions, results
        first = np.arange(self.offset, min(self.offset + self.count, num_trials))  # trial k < L is lane k's first
        if not len(first):
            return False
        # One entry a slot of the batch of policies; a slot is a lane that is still running.
        self._lane = first - self.offset
        self._trial = first.copy()
        self._running = np.ones(len(first), bool)
        self._fresh = np.ones(len(first), bool)  # commanded to begin an episode
        self._return = np.zeros(len(first))
        self._steps = np.zeros(len(first), np.int64)
        self._sums = Sums(len(first), size)
        self._network = network(self._networks, first)
        self._choose(np.arange(len(first)))
        self.resets[self._lane] += 1
        self._send(None)
        return True

    @np.errstate(over="ignore", invalid="ignore")  # what is not finite is found below and kept with its reason
    def run(self, trials: Trials, results: Results) -> None:
        """Run this block's share of the trials to their ends."""
        self._go_on(self.start(trials, results))

    @np.errstate(over="ignore", invalid="ignore")
    def help(self, other: Block) -> bool:
        """Take over a share of what another block has to do, and run it to its end; False where it gives none."""
        share = other.requests.ask(self.count)
        if share is None:
            return False
        self._take(share)
        self._go_on(True)
        return True

    def _go_on(self, more: bool) -> None:
        self.requests.begin()
        try:
            while more and not self.stopped:
                while self.requests:
                    self._answer_request()
                more = self.advance()
        finally:
            self.requests.end()

    @property
    def busy(self) -> int:
        """How many lanes are running that could be given away; may be asked by another thread."""
        return len(self._sent) if self.requests.at_work and lends(self.engine) else 0

    def _answer_request(self) -> None:
        """Give half of the lanes that are in their last episode to who has asked first."""
        most, answer = self.requests.next()
        last = ~self._restart & (self._trial[self._sent] + self.num_lanes >= len(self._results.returns))
        chosen = np.flatnonzero(last)[: min(len(self._sent) // 2, most)]
        if not len(chosen) or self._actions is None:
            answer.put(None)
            return
        slots, actions = self._sent[chosen], self._actions
        lent = self.engine.lend(self._lane[slots])  # type: ignore[attr-defined]
        share = Share(
            self._trial[slots], self._return[slots], self._steps[slots], self._sums.of(slots), actions[chosen], lent
        )
        self._running[slots] = False
        self._steps[slots] = 0
        self._go_on_without_retired()
        self._send(
            np.delete(actions, chosen, axis=0)
        )  # in place of the command that has been sent and not yet carried out
        answer.put(share)

    def _take(self, share: Share) -> None:
        """Go on with what another block has given, in lanes that are done."""
        count = len(share.trial)
        self._lane, self._trial = np.arange(count), share.trial
        self._running, self._fresh = np.ones(count, bool), np.zeros(count, bool)
        self._return, self._steps = share.returns, share.steps
        self._sums = Sums.resumed(*share.sums)
        self._network = network(self._networks, share.trial)
        self._choose(np.arange(count))
        self.engine.borrow(self._lane, share.lent)  # type: ignore[attr-defined]
        self._send(share.actions)

    def advance(self) -> bool:
        """Take the answer of every lane that is running and send the next command; False at the end."""
        answer = self.engine.receive()
        first, begins = self._restart, self._begins
        shifted = self._sums.shifted(answer.observation, self._slots, first if begins else None)
        squared = shifted * shifted
        over = self._score(answer, squared, first, begins)
        ended = over.any()
        if ended:
            on = ~over
            self._observe(self._sent[on], answer.observation[on], shifted[on], squared[on])
            if not self._end_episodes(answer, over):
                return False
        else:
            self._observe(self._slots, answer.observation, shifted, squared)
        return self._act()

    def _choose(self, slots: Integers) -> None:
        """Command these slots (n,) from now on."""
        self._sent, self._everyone = slots, len(slots) == len(self._running)
        self._slots: Integers | slice = slice(None) if self._everyone else slots
        """The same, by a slice where it is all of them, which is faster by far."""
        self._lanes = self._lane[slots]

    def _score(self, answer: Answer, squared: Floats, first: NDArray[np.bool_], begins: bool) -> NDArray[np.bool_]:
        """Add rewards and steps; return whose episodes are over, (n,), failed ones included.

        Args:
            answer: of n lanes.
            squared: (n, O) squares of what observations differ from their episode's first.
            first: (n,) whose observation is that one.
            begins: whether there is any.
        """
        reward, done, huge = answer.reward, answer.done, False
        if begins:
            huge = not np.abs(answer.observation[first]).max(initial=0.0) < HUGE
            stepped = ~first
            reward, done = np.where(stepped, reward, 0.0), done & stepped
            self._steps[self._slots] += stepped
            self._fresh[self._slots] = False
        else:
            self._steps[self._slots] += 1
        self._return[self._slots] += reward
        # Two sums tell whether any number is NaN, infinite or huge; only then look closer.
        if answer.errors or huge or not (squared.sum() < HUGE and abs(reward.sum()) < HUGE):
            done = done | self._note_failures(answer.observation, reward, answer.errors)
        return done

    def _note_failures(self, observation: Floats, reward: NDArray[Any], errors: dict[int, str]) -> NDArray[np.bool_]:
        """Record why lanes failed; returns which of the answers did, shape (n,)."""
        failed = np.zeros(len(reward), bool)
        for position, reason in (reasons_of(observation, reward) | errors).items():
            failed[position] = True
            self._results.failures[int(self._trial[self._sent[position]])] = reason
        return failed

    def _observe(self, slots: Integers | slice, observation: Floats, shifted: Floats, squared: Floats) -> None:
        """Show the policies in these slots (n,), which are to act, their observations (n, O)."""
        self._sums.add(shifted, squared, slots)
        count, size = observation.shape
        if isinstance(slots, slice):  # all of them; the batch may be wider
            normalize_into(self._network.input[:, :count], observation, self._normalizer)
        else:
            normalized = np.empty((size, count), np.float32)
            normalize_into(normalized, observation, self._normalizer)
            self._network.input[:, slots] = normalized

    def _end_episodes(self, answer: Answer, over: NDArray[np.bool_]) -> bool:
        """Write what came of the episodes that are over, (n,), and begin the next; False where no lane is left."""
        slots = self._sent[over]
        trials = self._trial[slots]
        if answer.achieved is not None:
            self._results.achieved[trials] = answer.achieved[over]
            self._results.desired[trials] = answer.observation[over, -answer.achieved.shape[1] :]
        for name, values in answer.measures.items():
            self._results.measures[name][trials] = values[over]
        self._finish(slots)
        if not self._running.any():
            return False
        self._go_on_without_retired()
        return True

    def _act(self) -> bool:
        """Ask the policies, and send what they say; False where no lane is left."""
        outputs = self._network.forward()
        if not np.isfinite(outputs.sum()) and not self._drop_broken(outputs):
            return False
        actions = self.action.act(outputs)
        chosen = actions[: len(self._sent)] if self._everyone else actions[self._sent]
        if self._given is not None:
            chosen = self._given[self._trial[self._sent], self._steps[self._sent] % self._given.shape[1]]
        self._send(chosen)
        return True

    def _send(self, actions: NDArray[Any] | None) -> None:
        """Command the slots that are chosen, to begin an episode or to take their action."""
        self._restart = np.array(self._fresh[self._slots])
        self._begins = bool(self._restart.any())
        self._actions = actions
        tasks = None if self._tasks is None else self._tasks[self._trial[self._sent]]
        self.engine.send(self._lanes, actions, self._restart, tasks)

    def _drop_broken(self, outputs: NDArray[np.float32]) -> bool:
        """End the trials of policies whose outputs (A, width) are not finite: no such action reaches an environment.

        Returns False where no lane is left.
        """
        acting = self._sent[~self._fresh[self._sent]]
        broken = acting[~np.isfinite(outputs[:, acting]).all(axis=0)]
        for slot in broken:
            self._results.failures[int(self._trial[slot])] = NO_ACTION
        self._finish(broken)
        self._choose(np.flatnonzero(self._running))
        return len(self._sent) > 0

    def _finish(self, over: Integers) -> None:
        """Write the results of ended episodes; start each lane's next trial, or retire the lane."""
        results = self._results
        finished = self._trial[over]
        results.returns[finished] = self._return[over]
        results.steps[finished] = self._steps[over]
        results.observed(finished, moments_of(self._steps[over].astype(np.float64), *self._sums.of(over)))
        self._steps[over] = 0
        following = finished + self.num_lanes
        self._running[over] = more = following < len(results.returns)
        again = over[more]
        self._trial[again] = following[more]
        self._return[again] = 0.0
        self._fresh[again] = True
        self.resets[self._lane[again]] += 1
        for slot, trial in zip(again, following[more], strict=True):
            self._network.replace(int(slot), self._networks, int(trial))

    def _go_on_without_retired(self) -> None:
        """Command the lanes that are running; drop the slots of the others once these are half of all."""
        kept = np.flatnonzero(self._running)
        if 2 * len(kept) > len(self._running):
            self._choose(kept)
            return
        self._network.compact(kept)
        self._lane, self._trial, self._running = self._lane[kept], self._trial[kept], self._running[kept]
        self._fresh, self._return, self._steps = self._fresh[kept], self._return[kept], self._steps[kept]
        self._sums.keep(kept)
        self._choose(np.arange(len(kept)))
