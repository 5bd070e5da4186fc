"""The learner that improves theta by an evolution strategy, for every evolved method.

It turns the strategy's candidates and the controller's designs into plain MLPs, and outcomes into the objective that
the strategy maximises: the return, less

- the alive bonus of environments that reward not falling, as in Mania et al. 2018;
- a cost, where the compression has one (a mask's usage): Song et al. 2020, appendix D,
  `beta * R + (1 - beta) * (1 - eta)` with both terms standardised over the generation.

It also keeps the running moments of all observations; they take effect from the next generation on.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from compactrl.compressions.base import Compression
from compactrl.envs.spec import EnvironmentSpec
from compactrl.errors import InputError
from compactrl.imports.backends import any_backend
from compactrl.imports.waiting import import_evotorch
from compactrl.learners.base import Judgement, Learner, LearnerContext, Shipped, single
from compactrl.learners.moments import RunningMoments, Seen, identity, joined, seen_in
from compactrl.learners.options import EvolutionOptions
from compactrl.types import (
    Design,
    Designs,
    Floats,
    Integers,
    Layer,
    Metrics,
    Moments,
    Normalizer,
    Outcomes,
    Stacked,
    State,
    Trials,
)
from es import STRATEGIES
from es.distributions import EvoTorchStrategy
from es.strategy import EvolutionStrategy, Options


class EvolutionLearner(Learner):
    """Improves a compression's theta by an evolution strategy.

    Args:
        compression: (theta, design) → MLP.
        strategy: a name in `es.STRATEGIES`.
        settling_strategy: the same, once a design is settled.
        population: evaluations per generation.
        options: the strategy's options.
        alive_bonus: reward per step that does not count while training.
        normalize_observations: whether policies see normalised observations.
        normalize_rewards: whether returns are divided by their running standard deviation before the strategy and its
            shaping see them (Song et al. 2020, appendix A.2); centred ranks are the same either way.
        seed: of the first theta and of the strategy's noise.
        normalizer: what policies see observations through from first to last; None where it follows the moments.
        episodes: K, of each candidate, which is judged by their mean.
    """

    needs_transitions = False

    def __init__(
        self,
        compression: Compression,
        strategy: str,
        settling_strategy: str,
        population: int,
        options: Options,
        alive_bonus: float,
        normalize_observations: bool,
        normalize_rewards: bool,
        seed: np.random.SeedSequence,
        normalizer: Normalizer | None = None,
        episodes: int = 1,
    ) -> None:
        initial_seed, strategy_seed, self._settling_seed = seed.spawn(3)
        self.compression = self._searched = compression
        self._population, self._episodes = population, episodes
        self._settling_strategy = settling_strategy
        self._settling_options = options if settling_strategy == strategy else STRATEGIES[settling_strategy].Options()
        self._alive_bonus = alive_bonus
        self._given_normalizer = normalizer
        self._normalize = normalize_observations and normalizer is None
        self._normalize_rewards = normalize_rewards
        self._returns = Seen(0.0, np.zeros(1), np.zeros(1))  # of all candidates so far
        self.settled: Design | None = None
        theta = compression.initial(np.random.default_rng(initial_seed))
        self.strategy = _strategy(strategy, theta, population, options, strategy_seed)
        self._moments = RunningMoments(compression.sizes[0])

    @classmethod
    def build(cls, context: LearnerContext) -> Self:
        """Make a learner.

        Raises:
            ValueError: a strategy cannot have this population.
        """
        options: EvolutionOptions = context.options
        bonus = context.spec.alive_bonus if options.alive_bonus is None else options.alive_bonus
        if context.strategy is None:
            raise ValueError(f"expected options of the evolution strategy {options.es}")
        _check_lanes(options, context.lanes, context.spec)
        learner = cls(
            context.compression, options.es, options.fine_tune_es, options.population, context.strategy, bonus,
            options.normalize_observations, options.normalize_rewards, context.seed, context.normalizer,
            options.episodes_per_candidate,
        )  # fmt: skip
        if context.settle and options.fine_tune_es != options.es:
            _check_population(options.fine_tune_es, options.population, context.compression.num_parameters)
        return learner

    @property
    def num_designs(self) -> int:
        """How many designs `ask` needs: antithetic twins share theirs."""
        return int(self.strategy.groups.max()) + 1

    @property
    def normalizer(self) -> Normalizer:
        """The observation normaliser of the current generation."""
        if self._given_normalizer is not None:
            return self._given_normalizer
        return self._moments.normalizer if self._normalize else identity(self._searched.sizes[0])

    def ask(self, designs: Designs) -> Trials:
        """Return this generation's trials for the controller's designs (num_designs, D)."""
        candidates = self.strategy.ask()  # (N, P)
        decided = self.compression.design_of(candidates)
        candidate_designs = designs[self.strategy.groups] if decided is None else decided  # (N, D)
        layers = single(self.compression.expand(candidates, candidate_designs))
        if self._episodes > 1:  # all candidates' first ones, then all their second ones
            layers = tuple(Layer(*(None if part is None else self._again(part) for part in layer)) for layer in layers)
            candidate_designs = self._again(candidate_designs)
        networks = Stacked(layers, self.compression.skeleton.activation)
        tasks = self.compression.tasks(candidate_designs)
        return Trials(networks, self.normalizer, candidate_designs, tasks=tasks)

    def _again(self, values: Any) -> Any:
        """Return what belongs to candidates (N, …) for each of their episodes, (K · N, …)."""
        return np.concatenate([values] * self._episodes)

    def _mean(self, values: Floats) -> Floats:
        """Return the mean (N,) over each candidate's episodes (K · N,) that did not fail; NaN where all did."""
        return mean_by_group(values, np.tile(np.arange(self._population), self._episodes))

    def tell(self, trials: Trials, outcomes: Outcomes, progress: float) -> Metrics:
        """Learn from the outcomes; progress is the share of the budget that is spent, in [0, 1]."""
        metrics = self.strategy.tell(self._objective(trials, outcomes, progress))
        if self._normalize:
            self._moments.add(outcomes.moments)
        usage = self.compression.usage(trials.designs)
        if usage is not None:
            metrics["usage"] = float(usage.mean())
        return metrics

    def judge(self, outcomes: Outcomes) -> Judgement:
        """Judge each design by its candidates' mean return: rewards without the alive bonus, scores with it."""
        groups = self.strategy.groups
        scores = self._mean(outcomes.returns)
        return Judgement(mean_by_group(self._rewards(outcomes), groups), mean_by_group(scores, groups))

    def _rewards(self, outcomes: Outcomes) -> Floats:
        """Return the returns that count while training, shape (N,): without the alive bonus; NaN where one failed."""
        return self._mean(outcomes.returns - self._alive_bonus * outcomes.steps)

    def _objective(self, trials: Trials, outcomes: Outcomes, progress: float) -> Floats:
        """Return what the strategy maximises, shape (N,); NaN where the evaluation failed."""
        returns = self._rewards(outcomes)
        if self._normalize_rewards:
            returns = returns / self._reward_scale(returns)
        cost = self.compression.cost(trials.designs[: self._population], progress)
        if cost is None:
            return returns
        costs, beta = cost
        return np.asarray(beta * _standardized(returns) - (1 - beta) * _standardized(costs))

    def _reward_scale(self, returns: Floats) -> float:
        """Add returns (N,) to the running moments; return the standard deviation of all so far, 1 for constants."""
        valid = returns[np.isfinite(returns)]
        self._returns = self._returns.joined(
            joined(Moments(np.ones(len(valid)), valid[:, None], np.zeros((len(valid), 1))))
        )
        return float(self._returns.normalizer.std[0])

    def design(self, proposed: Design) -> Design:
        """Return the design that ships: theta's own where it decides one, else the proposed one (D,)."""
        decided = self.compression.design_of(self.strategy.center)
        return proposed if decided is None else decided

    def theta(self) -> Floats:
        """Return theta without noise, shape (P,)."""
        return self.strategy.center

    def ship(self, proposed: Design) -> Shipped:
        """Return theta without noise with this design (D,), as it would ship."""
        design = self.design(proposed)
        layers = single(self.compression.expand(self.theta(), design))
        return Shipped(
            self.compression.compact(self.theta(), design),
            layers,
            design if self.settled is None else self.settled,
            self.compression.size(design),
        )

    def settle(self, proposed: Design) -> None:
        """Freeze a design: from here on only its weights are improved, by a new strategy."""
        self._freeze(self.theta(), self.compression.fitted_design(self.theta(), self.design(proposed)))

    def _freeze(self, theta: Floats, design: Design) -> None:
        self.settled = design
        self.compression, settled_theta = self._searched.settle(theta, design)
        self.compression.task = self._searched.task_of(design)
        # The strategy's defaults are for unstructured policies: the edges in use get as much noise as they have there.
        usage = self._searched.usage(design[None])
        edges = self._searched.num_edges * (1.0 if usage is None else float(usage[0]))
        share = len(settled_theta) / (edges + self._searched.num_biases) * self._searched.unit**2
        options = self._settling_options.for_share(share)
        self.strategy = _strategy(
            self._settling_strategy, settled_theta, self._population, options, self._settling_seed
        )

    def state_dict(self) -> State:
        """Everything needed to continue bit for bit."""
        return {
            "strategy": self.strategy.state_dict(),
            "settled": self.settled,
            **self._moments.state_dict(),
            "returns": self._returns.state_dict(),
        }

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned."""
        if state["settled"] is not None:
            # The design alone says which weights are left; their values come with the strategy's state.
            self._freeze(np.zeros(self._searched.num_parameters), np.asarray(state["settled"], np.int64))
        self.strategy.load_state_dict(state["strategy"])
        self._moments.load_state_dict(state)
        count, total, square = state.get("return_moments", np.zeros(3))  # of earlier versions
        self._returns = seen_in(state.get("returns", {"count": count, "total": [total], "square": [square]}), 1)


def _check_lanes(options: EvolutionOptions, lanes: int, spec: EnvironmentSpec) -> None:
    """Raise InputError where candidates cannot begin alike."""
    if not options.common_starts:
        return
    if not spec.repeats:
        raise InputError(f"--common-starts: {spec.id} does not begin alike from the same seed")
    if spec.environments or lanes != options.population:
        raise InputError(
            f"--common-starts needs an environment for each of the {options.population} candidates, beside those that "
            f"choose what ships: leave out --num-envs {spec.environments or lanes}"
        )


def _check_population(strategy: str, population: int, num_parameters: int) -> None:
    """Raise ValueError where a strategy cannot have this population."""
    options = STRATEGIES[strategy].Options()
    _strategy(strategy, np.zeros(num_parameters), population, options, np.random.SeedSequence(0))


def _strategy(
    name: str, theta: Floats, population: int, options: Options, seed: np.random.SeedSequence
) -> EvolutionStrategy:
    """Return a strategy that begins at theta (P,); pycma imports matplotlib as it is imported."""
    kind = STRATEGIES[name]
    with any_backend():
        if issubclass(kind, EvoTorchStrategy):
            import_evotorch()
        return kind(theta, population, options, seed)


def mean_by_group(returns: Floats, groups: Integers) -> Floats:
    """Return the mean return of each design, (num_designs,): twins share one. NaN where all of a group failed.

    Example:
        >>> mean_by_group(np.array([1.0, 3.0, np.nan, 5.0]), np.array([0, 0, 1, 1]))
        array([2., 5.])
    """
    valid = np.isfinite(returns)
    size = int(groups.max()) + 1
    count = np.bincount(groups[valid], minlength=size)
    total = np.bincount(groups[valid], weights=returns[valid], minlength=size)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _standardized(values: Floats) -> Floats:
    """Return values (N,) with mean 0 and deviation 1 over the finite ones; constant values become 0."""
    if np.nanmax(values) == np.nanmin(values):  # exactly: a rounded deviation of equal numbers need not be 0
        return np.where(np.isfinite(values), 0.0, np.nan)
    return np.asarray((values - np.nanmean(values)) / np.nanstd(values))
