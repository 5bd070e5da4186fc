"""The loop of every search: a controller proposes designs, a learner makes policies of them, an evaluator runs them.

Methods differ only in the parts that `prepare` puts together from the method's row.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from compactrl.encodings.storage import stored_bytes
from compactrl.evaluation import Borrowed, Evaluator, run_trials
from compactrl.evaluation.local import LocalEvaluator
from compactrl.learners.base import NO_DESIGN
from compactrl.policies.files import save_policy
from compactrl.policies.policy import Policy
from compactrl.runs.history import DesignHistory
from compactrl.runs.writer import RunWriter
from compactrl.searches.metrics import Clock, metrics_of
from compactrl.searches.prepare import Prepared
from compactrl.searches.shipping import Leaders, Shipping, deployed, mean_of
from compactrl.searches.soundness import Failures, warn_of_chance, warn_of_short_episodes
from compactrl.searches.stopping import CALLBACK, STEPS, Stopping, standard_error
from compactrl.storage.files import write_json
from compactrl.types import Design, Designs, Floats, Metrics, Outcomes, Size, State
from controllers import CONTROLLERS, Ahead, Controller, Space, controller_of

if TYPE_CHECKING:
    from compactrl.evaluation.ray.workers import Workers

OnIteration = Callable[[dict[str, float], "Search"], object]
"""Called after every iteration with its metrics and the search, which ends where False is returned."""
Callback = Callable[[dict[str, float]], object]
"""The same of a user: called with the metrics, see `Search.known_so_far`."""


class Search:
    """A search: its parts, its counters, and the loop.

    Args:
        prepared: its parts.
        writer: of the run's directory; the search closes it.
        workers: that evaluate in place of this process; the search closes them.
    """

    def __init__(self, prepared: Prepared, writer: RunWriter, workers: Workers | None = None) -> None:
        self.settings, self.spec, self.learner = prepared.settings, prepared.spec, prepared.learner
        self.options, self.writer, self.workers = prepared.settings.search, writer, workers
        warn_of_chance(self.spec)
        self._sizes, self._settled_seed = prepared.compression.sizes, prepared.seeds.settled
        self.controller = _controller(prepared)
        alike = self.settings.learner.lanes_alike
        self.evaluator = self._evaluator(self.settings.lanes, prepared.seeds.training, "training", alike)
        selector: Evaluator = Borrowed(self.evaluator)
        if not self.spec.environments:
            selector = self._evaluator(self.options.reevaluation_episodes, prepared.seeds.selecting, "selecting")
        self.shipping = Shipping(
            selector, self.options.reevaluation_episodes, self.options.reevaluations, self.controller.space.length
        )
        self.stopping = Stopping(self.options.stop_at, self.options.patience, self.options.steps)
        self.history = DesignHistory()
        self.iteration = self.env_steps = 0
        self.seconds = 0.0
        self.settled = self._called_off = False
        self._failures = Failures(writer.path)

    def _evaluator(self, lanes: int, seed: np.random.SeedSequence, group: str, alike: int = 1) -> Evaluator:
        if self.workers is not None:
            from compactrl.evaluation.ray.evaluator import RayEvaluator

            return RayEvaluator(self.spec, lanes, seed, self.workers, group, alike)
        return LocalEvaluator(self.spec, lanes, seed, self.options.threads or None, alike=alike)

    @property
    def environments(self) -> int:
        """How many environments it steps: its lanes, and those of re-evaluations where they have some of their own."""
        return self.settings.lanes + (0 if self.spec.environments else self.options.reevaluation_episodes)

    @property
    def progress(self) -> float:
        """Share of the budget that is spent."""
        return min(1.0, self.env_steps / self.options.steps)

    @property
    def stopped_by(self) -> str:
        """Why the search has ended; empty while it has not, or was interrupted."""
        if self._called_off:
            return CALLBACK
        if self.stopping.met and not self._will_settle:
            return self.stopping.met
        return STEPS if self.progress >= 1 else ""

    @property
    def underway(self) -> int:
        """Environment steps so far that are not in `env_steps` yet, about; may be asked by another thread."""
        return self.evaluator.underway + self.shipping.evaluator.underway

    def run(self, on_iteration: OnIteration | None = None, should_stop: Callable[[], bool] = lambda: False) -> None:
        """Search until it has ended or `should_stop`; saves at intervals and at the end.

        Raises:
            CompactrlError: a whole generation failed.
        """
        began, saved = time.perf_counter() - self.seconds, time.perf_counter()
        while not self.stopped_by and not should_stop():
            clock = Clock()
            self._settle_if_due()
            outcomes, leader, metrics = self._iterate(clock)
            metrics = {**metrics_of(outcomes), **metrics}
            if self.shipping.due(self.progress) or self.stopping.asks(metrics["return_max"], self.env_steps):
                metrics |= self._select()
                clock.lap("seconds_select")
            self.seconds = time.perf_counter() - began
            record = self._record(metrics, clock, len(outcomes.failures))
            self.writer.append_metrics(record)
            self.writer.append_pictures(self.env_steps, outcomes.returns, leader, self._sizes)
            if time.perf_counter() - saved >= self.options.checkpoint_seconds:
                self.save()
                saved = time.perf_counter()
            said = None if on_iteration is None else on_iteration(record, self)
            self._called_off = isinstance(said, bool | np.bool_) and not said  # numpy's comparisons give the second
        self.save()
        if self._called_off:
            self._choose_now()

    def _iterate(self, clock: Clock) -> tuple[Outcomes, Design, Metrics]:
        """Propose, evaluate and learn once; return the outcomes, the leading design (D,), and metrics.

        Raises:
            CompactrlError: every evaluation failed.
        """
        designs = self.controller.propose(self.learner.num_designs)
        clock.lap("seconds_controller")
        trials = self.learner.ask(designs)
        clock.lap("seconds_strategy")
        outcomes = run_trials(self.evaluator, trials)
        clock.lap("seconds_evaluate")
        self._failures.check(outcomes)
        warn_of_short_episodes(self.spec, outcomes)
        metrics = self.learner.tell(trials, outcomes, self.progress)
        judgement = self.learner.judge(outcomes)
        clock.lap("seconds_strategy")
        metrics |= self.controller.feedback(designs, judgement.rewards)
        clock.lap("seconds_controller")
        self._note_leaders(designs, judgement.scores)
        self.iteration += 1
        self.env_steps += int(outcomes.steps.sum())
        leader = self.history.note(self.iteration, self.env_steps, designs, judgement.scores, self.learner.design)
        return outcomes, leader, metrics

    def _note_leaders(self, designs: Designs, scores: Floats) -> None:
        """Note the scores (n,) of designs (n, D) as they would ship; one in another task comes after all others."""
        shipped = self.learner.compression.as_shipped(designs)
        compared = (shipped == designs).all(axis=1) | np.isnan(scores)
        self.shipping.leaders.note(shipped, np.where(compared, scores, -np.inf))

    def _record(self, metrics: Metrics, clock: Clock, failed: int) -> dict[str, float]:
        """Return an iteration's line of metrics.jsonl."""
        return {
            "iteration": self.iteration,
            "env_steps": self.env_steps,
            "seconds": self.seconds,
            **metrics,
            "failed": failed,
            "settled": float(self.settled),
            **clock.laps,
        }

    def known_so_far(self, record: dict[str, float]) -> dict[str, float]:
        """Return an iteration's line of metrics.jsonl, with the mean return of what would ship in every one.

        It is NaN before the first re-evaluation.
        """
        mean = mean_of(self.shipping.returns)
        return {"shipped_return_mean": mean if np.isfinite(mean) else float("nan"), **record}

    @property
    def _will_settle(self) -> bool:
        """Whether a design is still to be settled."""
        return bool(self.options.fine_tune_share and not self.settled and self.learner.compression.design_space.length)

    def _settle_if_due(self) -> None:
        """Once it is time or a rule is met, freeze the best design: the rest of the budget is for its weights."""
        if self._will_settle and (self.stopping.met or self.progress >= 1 - self.options.fine_tune_share):
            self._settle()

    def _settle(self) -> None:
        leader = NO_DESIGN
        if self.controller.space.length:
            leader, steps = self.shipping.lead(self._candidates())
            self.env_steps += steps
        self.learner.settle(leader)
        self.settled = True
        self.shipping.drop_larger(self.learner.ship(NO_DESIGN).size.weights)
        self._drop_controller()
        self.stopping.begin_again(self.env_steps)

    def _drop_controller(self) -> None:
        """Replace the controller by one that has nothing to choose."""
        kind = CONTROLLERS["none"]
        self.controller = kind(Space(0, 1), kind.Options(), self._settled_seed)
        self.shipping.leaders = Leaders(0)

    def _candidates(self) -> list[Policy]:
        """Return the policies that race for what ships, with the current weights."""
        designs = self.shipping.candidates(self.controller.space.length, self._unled)
        return [self.policy(design) for design in designs]

    def _unled(self, n: int) -> Designs:
        """Return designs (at most n, D) that race where nothing leads yet."""
        first = self.learner.compression.shipped_design
        return self.learner.compression.as_shipped(self.controller.propose(n)) if first is None else first[None]

    def _select(self) -> Metrics:
        """Let the leading designs race for what ships, and show the rules of stopping what came of it."""
        metrics, steps = self.shipping.select(self._candidates(), self.progress)
        mean = metrics["shipped_return_mean"]
        if self.stopping.reached(mean):  # it may have been chosen for its luck in these episodes
            mean, confirming_steps = self.shipping.confirm()
            metrics["shipped_return_mean"] = mean_of(self.shipping.returns)
            steps += confirming_steps
        self.env_steps += steps
        self.stopping.note(mean, standard_error(self.shipping.returns), self.env_steps, steps)
        return metrics

    def _choose_now(self) -> None:
        """Choose what ships as at the end of the budget, after the checkpoint: who resumes goes on from before this."""
        if self._will_settle:
            self._settle()
        self._select()
        self._save_result()

    def policy(self, proposed: Design) -> Policy:
        """Return the noise-free policy of theta with this design (D,), as it would ship."""
        shipped, compression = self.learner.ship(proposed), self.learner.compression
        context = compression.task_of(shipped.design)
        method, container = self.options.method, compression.container
        return deployed(shipped, self.learner.normalizer, self.spec, method, container, context)

    def save(self) -> None:
        """Write checkpoint, policy and summary."""
        self.writer.save_checkpoint(self.iteration, self.state_dict())
        self._save_result()

    def _save_result(self) -> None:
        policy = self._current_policy()
        if policy is not None:
            save_policy(self.writer.path / "policy", policy)
        self.history.save(self.writer.path)
        write_json(self.writer.path / "summary.json", self.summary())

    def _current_policy(self) -> Policy | None:
        """Return what ships if the search ends here: the winner of the last race; before the first, the leader."""
        leaders = self.shipping.leaders.designs
        if self.shipping.shipped is not None:
            return self.shipping.shipped
        if not self.controller.space.length:
            return self.policy(NO_DESIGN)
        first = self.learner.compression.shipped_design if not len(leaders) else leaders[0]
        return None if first is None else self.policy(first)

    def summary(self) -> dict[str, Any]:
        """Return result, sizes and progress so far, as JSON values; `api.finish` sets `finished`."""
        shipped = self.shipping.shipped
        valid = self.shipping.returns[np.isfinite(self.shipping.returns)]
        sizes = shipped.size._asdict() if shipped else dict.fromkeys(Size._fields)
        return {
            "method": self.options.method,
            "controller": self.options.controller,
            "env": self.options.env,
            "seed": self.options.seed,
            "env_steps": self.env_steps,
            "seconds": self.seconds,
            "iterations": self.iteration,
            "finished": False,
            "stopped_by": self.stopped_by or None,
            **sizes,
            "bytes": stored_bytes(shipped) if shipped else None,
            "return_mean": float(valid.mean()) if len(valid) else None,
            "return_std": float(valid.std(ddof=1)) if len(valid) > 1 else None,
            "episodes": len(valid),
        }

    def state_dict(self) -> State:
        """Everything needed to continue bit for bit."""
        return {
            "options": json.dumps(self.settings.flat()),
            "iteration": self.iteration,
            "env_steps": self.env_steps,
            "seconds": self.seconds,
            "settled": self.settled,
            "controller": self.controller.state_dict(),
            "learner": self.learner.state_dict(),
            "evaluator": self.evaluator.state_dict(),
            "history": self.history.state_dict(),
            "stopping": self.stopping.state_dict(),
            **self.shipping.state_dict(),
        }

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned."""
        self.iteration, self.env_steps = int(state["iteration"]), int(state["env_steps"])
        self.seconds, self.settled = float(state["seconds"]), bool(state["settled"])
        if self.settled:
            self._drop_controller()
        self.learner.load_state_dict(state["learner"])
        self.controller.load_state_dict(state["controller"])
        self.evaluator.load_state_dict(state["evaluator"])
        self.shipping.load_state_dict(state)
        leaders = self.shipping.leaders.designs
        if len(leaders) and not np.array_equal(self.learner.compression.as_shipped(leaders), leaders):
            self.shipping.leaders.clear()  # an earlier version's, of tasks whose policies do not ship
        if "history" in state:  # earlier versions had no traces
            self.history.load_state_dict(state["history"])
        if "stopping" in state:  # earlier versions had no rules
            self.stopping.load_state_dict(state["stopping"])

    def close_environments(self) -> None:
        """Close environments and workers: then others may be made in their place."""
        self.evaluator.close()
        self.shipping.evaluator.close()
        if self.workers is not None:
            self.workers.close()

    def close(self) -> None:
        """Close environments, workers and the run's directory."""
        self.close_environments()
        self.writer.close()


def _controller(prepared: Prepared) -> Controller | Ahead:
    """Return the controller; one that learns nothing samples the next designs while the current ones are evaluated."""
    settings, space = prepared.settings, prepared.compression.space
    kind = CONTROLLERS[settings.choice.controller]
    controller = controller_of(kind, space, settings.controller, prepared.seeds.controller)
    return Ahead(controller) if space.length and not kind.learns else controller
