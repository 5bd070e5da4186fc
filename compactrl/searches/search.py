"""The one loop: a controller proposes designs, a learner makes policies of them, an evaluator runs them.

Every method goes through `Search.run`; what differs between methods is in the parts that `_build` puts
together from the method's row.
"""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from compactrl.compressions import COMPRESSIONS
from compactrl.envs.engines import ENGINES
from compactrl.envs.registry import environment_of
from compactrl.envs.spec import EnvironmentSpec
from compactrl.errors import CompactrlError
from compactrl.evaluation import Evaluator, run
from compactrl.evaluation.local import LocalEvaluator
from compactrl.learners import LEARNERS
from compactrl.methods.settings import Settings
from compactrl.policies.files import policy_of, policy_state, save_policy
from compactrl.policies.policy import Policy
from compactrl.runs.history import DesignHistory
from compactrl.runs.writer import RunWriter
from compactrl.searches.shipping import Leaders, race, score
from compactrl.storage.files import write_json
from compactrl.types import Floats, Integers, Metrics, Outcomes, Size, State
from controllers import CONTROLLERS, Ahead, Controller, Space

if TYPE_CHECKING:
    from compactrl.evaluation.ray.workers import Workers

OnIteration = Callable[[dict[str, float], "Search"], None]


class Search:
    """A search: its parts, its counters, and the loop.

    Args:
        settings: resolved options.
        writer: where the run goes.
        workers: who evaluates, in place of this process; the search closes them.
    """

    def __init__(self, settings: Settings, writer: RunWriter, workers: Workers | None = None) -> None:
        self.settings, self.options, self.writer, self.workers = settings, settings.search, writer, workers
        self.spec = environment_of(settings.flat())
        if not self.spec.resumes_exactly:
            warnings.warn(
                f"{self.spec.id} draws random numbers in its steps on {self.spec.engine}: an interrupted search goes "
                f"on with other episodes than it would have had (--engine {ENGINES[self.spec.engine].twin}: with the "
                "same, and slower)",
                stacklevel=2,
            )
        self._build(np.random.SeedSequence(self.options.seed))
        self.leaders = Leaders(self.controller.space.length)
        self.history = DesignHistory()
        self.shipped: Policy | None = None
        self.shipped_returns: Floats = np.zeros(0)
        self.iteration = self.env_steps = self.selections = 0
        self.seconds = 0.0
        self.settled = self._warned = False

    def _build(self, seed: np.random.SeedSequence) -> None:
        options, choice = self.options, self.settings.choice
        controlling, learning, training, selecting, self._settled_controlling = seed.spawn(5)
        compression = COMPRESSIONS[choice.compression](
            network_sizes(self.settings, self.spec), self.settings.compression
        )
        self.learner = LEARNERS[options.learner].load().build(self.settings, compression, self.spec, learning)
        controller = CONTROLLERS[choice.controller](compression.space, self.settings.controller, controlling)
        ahead = compression.space.length and not controller.learns
        self.controller: Controller | Ahead = Ahead(controller) if ahead else controller
        self.evaluator = self._evaluator(self.settings.lanes, training, "training")
        self.selector = self._evaluator(options.selection_episodes, selecting, "selecting")

    def _evaluator(self, lanes: int, seed: np.random.SeedSequence, group: str) -> Evaluator:
        if self.workers is not None:
            from compactrl.evaluation.ray.evaluator import RayEvaluator

            return RayEvaluator(self.spec, lanes, seed, self.workers, group)
        return LocalEvaluator(self.spec, lanes, seed, self.options.threads or None)

    @property
    def progress(self) -> float:
        """Share of the budget that is spent."""
        return min(1.0, self.env_steps / self.options.steps)

    def run(self, on_iteration: OnIteration | None = None, should_stop: Callable[[], bool] = lambda: False) -> None:
        """Search until the budget is spent or `should_stop`; saves at intervals and at the end.

        Raises:
            CompactrlError: a whole generation failed.
        """
        began, saved = time.perf_counter() - self.seconds, time.perf_counter()
        while self.progress < 1 and not should_stop():
            clock = _Clock()
            self._settle_if_due()
            designs = self.controller.propose(self.learner.num_designs)
            clock.lap("seconds_controller")
            trials = self.learner.ask(designs)
            clock.lap("seconds_strategy")
            outcomes = run(self.evaluator, trials)
            clock.lap("seconds_evaluate")
            self._check_failures(outcomes)
            metrics = self.learner.tell(trials, outcomes, self.progress)
            judged = self.learner.judge(outcomes)
            clock.lap("seconds_strategy")
            metrics |= self.controller.feedback(designs, judged.rewards)
            clock.lap("seconds_controller")
            self.leaders.note(designs, judged.scores)
            self.iteration += 1
            self.env_steps += int(outcomes.steps.sum())
            design = self.history.note(self.iteration, self.env_steps, designs, judged.scores, self.learner.design)
            if self.progress >= min(1.0, (self.selections + 1) / self.options.selections):
                metrics |= self._select()
                clock.lap("seconds_select")
            self.seconds = time.perf_counter() - began
            record: dict[str, float] = {
                "iteration": self.iteration,
                "env_steps": self.env_steps,
                "seconds": self.seconds,
                **_returns(outcomes.returns),
                **_lengths(outcomes),
                **_measures(outcomes),
                "failed": len(outcomes.failures),
                "settled": float(self.settled),
                **clock.laps,
                **metrics,
            }
            self.writer.append_metrics(record)
            self.writer.append_pictures(
                self.env_steps, outcomes.returns, design, network_sizes(self.settings, self.spec)
            )
            if time.perf_counter() - saved >= self.options.checkpoint_seconds:
                self.save()
                saved = time.perf_counter()
            if on_iteration is not None:
                on_iteration(record, self)
        self.save()

    def _check_failures(self, outcomes: Outcomes) -> None:
        """Warn of the first failed evaluations; a generation of nothing else ends the search."""
        failures, evaluations, seen = outcomes.failures, len(outcomes.returns), outcomes.transitions
        if not failures:
            return
        reason = next(iter(failures.values()))
        # Where steps are collected, a lane that failed goes on: what counts is whether there is anything to learn from.
        if len(failures) == evaluations and (seen is None or not seen.valid.any()):
            raise CompactrlError(
                f"every evaluation of a generation failed: {reason}. Put the environment right, then go on with: "
                f"compactrl resume {self.writer.path}"
            )
        if not self._warned:
            warnings.warn(
                f"{len(failures)} of {evaluations} evaluations failed and are left out: {reason}. Later ones are "
                "counted in metrics.jsonl (`failed`)",
                stacklevel=3,
            )
        self._warned = True

    def _settle_if_due(self) -> None:
        """Give what is left of the budget to the weights of one design, once it is time."""
        due = self.options.settle and self.progress >= 1 - self.options.settle
        if self.settled or not due or not self.learner.compression.design_space.length:
            return
        leader = self._lead() if self.controller.space.length else np.zeros(0, np.int64)
        self.learner.settle(leader)
        self.settled = True
        left = self.learner.ship(np.zeros(0, np.int64)).size.weights
        if self.shipped is not None and self.shipped.size.weights > left:
            self.shipped, self.shipped_returns = None, np.zeros(0)  # a mask larger than was asked for
        self._drop_choice()

    def _drop_choice(self) -> None:
        empty = Space(0, 1)
        self.controller = CONTROLLERS["random"](empty, CONTROLLERS["random"].Options(), self._settled_controlling)
        self.leaders = Leaders(0)

    def _lead(self) -> Integers:
        """Return the design (D,) that wins a race of the leading ones."""
        won = race(self._candidates(), self.selector, self.options.selection_episodes)
        self.env_steps += won.steps
        return won.policy.design

    def _candidates(self) -> list[Policy]:
        """Return the policies of the leading designs, and of the one that would ship, with the weights of now."""
        designs = list(self.leaders.designs)
        if self.shipped is not None and self.shipped.design.shape == (self.controller.space.length,):
            designs.insert(0, self.shipped.design)  # first: a race has room for so many
        different = {design.tobytes(): design for design in designs or self.controller.propose(1)}
        return [self.policy(design) for design in different.values()]

    def policy(self, proposed: Integers) -> Policy:
        """Return the noise-free policy of theta with this design (D,), as it would ship."""
        shipped = self.learner.ship(proposed)
        return Policy(
            layers=shipped.layers,
            normalizer=self.learner.normalizer,
            action=self.spec.action,
            env=self.spec.id,
            method=self.options.method,
            size=shipped.size,
            design=shipped.design,
            theta=shipped.theta,
            activation=self.learner.compression.activation,
        )

    def _select(self) -> Metrics:
        """Re-evaluate the leading designs; the winner ships if it beats what would have shipped on fresh episodes."""
        self.selections = int(self.progress * self.options.selections + 1e-9)
        won = race(self._candidates(), self.selector, self.options.selection_episodes)
        self.env_steps += won.steps
        self.leaders.clear()
        if self.shipped is not None:
            # The one before is run again too: what was picked for its score has been lucky with it.
            again, taken = score([self.shipped], self.selector, self.options.selection_episodes)
            self.env_steps += taken
            self.shipped_returns = np.concatenate([self.shipped_returns, again[0]])
        before = self.shipped
        if self.shipped is None or won.mean_return > _mean(self.shipped_returns):
            self.shipped, self.shipped_returns = won.policy, won.returns
        changed = before is None or not np.array_equal(before.design, self.shipped.design)
        return {
            "policy_return_mean": won.mean_return,
            "shipped_return_mean": _mean(self.shipped_returns),
            "shipped_design_changed": float(changed),
        }

    def save(self) -> None:
        """Write checkpoint, policy and summary."""
        self.writer.save_checkpoint(self.iteration, self.state_dict())
        policy = self._of_now()
        if policy is not None:
            save_policy(self.writer.path / "policy", policy)
        self.history.save(self.writer.path)
        write_json(self.writer.path / "summary.json", self.summary())

    def _of_now(self) -> Policy | None:
        """Return what a search that ends here leaves: what won the last race, or before the first what leads."""
        if self.shipped is not None:
            return self.shipped
        if not self.controller.space.length:
            return self.policy(np.zeros(0, np.int64))
        return self.policy(self.leaders.designs[0]) if len(self.leaders.designs) else None

    def summary(self) -> dict[str, Any]:
        """Return what the search has come to, as JSON values; `finish` says when it is finished."""
        shipped = self.shipped
        valid = self.shipped_returns[np.isfinite(self.shipped_returns)]
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
            **sizes,
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
            "selections": self.selections,
            "seconds": self.seconds,
            "settled": self.settled,
            "controller": self.controller.state_dict(),
            "learner": self.learner.state_dict(),
            "evaluator": self.evaluator.state_dict(),
            "selector": self.selector.state_dict(),
            "leaders": self.leaders.state_dict(),
            "history": self.history.state_dict(),
            "shipped_returns": self.shipped_returns,
            "shipped": None if self.shipped is None else policy_state(self.shipped),
        }

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned."""
        self.iteration, self.env_steps = int(state["iteration"]), int(state["env_steps"])
        self.selections, self.seconds = int(state["selections"]), float(state["seconds"])
        self.settled = bool(state["settled"])
        if self.settled:
            self._drop_choice()
        self.learner.load_state_dict(state["learner"])
        self.controller.load_state_dict(state["controller"])
        self.evaluator.load_state_dict(state["evaluator"])
        self.selector.load_state_dict(state["selector"])
        self.leaders.load_state_dict(state["leaders"])
        if "history" in state:  # not in checkpoints from before there were traces
            self.history.load_state_dict(state["history"])
        self.shipped = None if state["shipped"] is None else policy_of(state["shipped"])
        self.shipped_returns = np.asarray(state["shipped_returns"])

    def close(self) -> None:
        """Give environments and directory back."""
        self.evaluator.close()
        self.selector.close()
        if self.workers is not None:
            self.workers.close()
        self.writer.close()


class _Clock:
    """Seconds by name."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        """Put the time since the last lap to a name."""
        now = time.perf_counter()
        self.laps[name] = self.laps.get(name, 0.0) + now - self._last
        self._last = now


def _lengths(outcomes: Outcomes) -> dict[str, float]:
    """Return how long episodes are, where trials are whole episodes."""
    return {"episode_steps": float(outcomes.steps.mean())} if outcomes.transitions is None else {}


def _measures(outcomes: Outcomes) -> Metrics:
    """Return the means of what the environment reports of its episodes, where any has ended."""
    known = {name: values[np.isfinite(values)] for name, values in outcomes.measures.items()}
    return {f"{name}_mean": float(values.mean()) for name, values in known.items() if len(values)}


def _returns(returns: Floats) -> Metrics:
    """Return mean, largest and deviation of returns (N,) that are known; NaN where none is."""
    known = returns[np.isfinite(returns)]
    if not len(known):
        return dict.fromkeys(("return_mean", "return_max", "return_std"), float("nan"))
    return {"return_mean": float(known.mean()), "return_max": float(known.max()), "return_std": float(known.std())}


def _mean(returns: Floats) -> float:
    valid = returns[np.isfinite(returns)]
    return float(valid.mean()) if len(valid) else -np.inf


def network_sizes(settings: Settings, spec: EnvironmentSpec) -> tuple[int, ...]:
    """Return the sizes that a compression is told: observation, hidden layers, outputs while training."""
    heads = LEARNERS[settings.search.learner].heads
    return (spec.observation_size, *settings.search.hidden, heads * spec.action.size)
