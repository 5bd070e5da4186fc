"""MAML: gradients against finite differences, rounds and their checkpoints, tasks that no observation tells apart."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from compactrl.compressions.context_tasks import ContextTasks
from compactrl.compressions.hyper_tasks import HyperTaskOptions, HyperTasks
from compactrl.compressions.tasks import PlainTasks, TaskOptions
from compactrl.errors import InputError
from compactrl.evaluation.local import LocalEvaluator
from compactrl.learners.adapting import Adapting
from compactrl.learners.deviations import Deviations
from compactrl.learners.maml import MamlLearner, Seen, adapted
from compactrl.learners.trust_region import fisher_product, mean_gain, weighted_mean
from compactrl.learners.vectors import Policies
from compactrl.policies.distributions import FreeGaussian, SquashedGaussian
from compactrl.policies.skeleton import Skeleton
from compactrl.searches.prepare import prepare
from compactrl.types import Mixed, Trials

TOY = {
    "method": "maml", "env": "compactrl/HiddenPointMass-v0", "hidden": (8,), "num_envs": 8, "n_steps": 20,
    "meta_batch": 2, "batch_size": 80, "gamma": 0.9, "critic_hidden": (8,), "n_epochs": 2, "seed": 0,
    "threads": 1, "steps": 1000,
}  # fmt: skip
TABLE = {
    "context_low": (-1.0,), "context_high": (2.0,), "train_contexts": ((-1.0,), (0.5,), (2.0,)),
    "test_contexts": ((0.0,),), "activation": "tanh",
}  # fmt: skip
RATE = 0.4


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def problem(kind, steps=1, state=False):
    """Policies of three tasks, a vector, what steps of adaptation are made from, and what is judged after them."""
    kinds = {"plain": (PlainTasks, TaskOptions), "context": (ContextTasks, TaskOptions)}
    of_kind, options = kinds.get(kind, (HyperTasks, HyperTaskOptions))
    compression = of_kind(Skeleton.relu((3, 4, 4 if state else 2)), options(**TABLE))
    deviations = Deviations(None, 2, -0.3, torch.device("cpu"))
    deviations.learn(np.arange(3)[:, None])
    deviations._learning["log_std"] = deviations._learning["log_std"].double()
    distribution = SquashedGaussian() if state else FreeGaussian(np.zeros(2))
    policies = Policies(compression, np.arange(3)[:, None], distribution, None if state else deviations)
    vector = policies.vector(torch.tensor(compression.initial(np.random.default_rng(0))))
    vector = vector + (1e-3 if kind == "hyper" else 0.1) * drawn(*vector.shape, seed=9)
    weight = torch.ones(3, 6).double()
    weight[1, 2] = 0
    parts = [
        Seen(drawn(3, 6, 3, seed=number), drawn(3, 6, 2, seed=10 + number), drawn(3, 6, seed=20 + number), weight)
        for number in range(steps + 1)
    ]
    return policies, vector, parts[:-1], parts[-1]


def gain(policies, vector, seen, after, rate=RATE, first_order=False):
    numbers = policies(adapted(policies, vector, seen, rate, first_order), after.observations)
    log_probability = policies.family.density(numbers, after.drawn)
    return mean_gain(log_probability, torch.full_like(log_probability, -2.0), after.advantage, after.weight)


def gradient(policies, vector, seen, after, **more):
    start = vector.clone().requires_grad_()
    return torch.autograd.grad(gain(policies, start, seen, after, **more), start)[0]


@pytest.mark.parametrize(
    ("kind", "steps", "state", "rate"),
    [
        ("plain", 1, False, RATE),
        ("plain", 2, False, RATE),
        ("plain", 1, True, RATE),
        ("context", 1, False, RATE),
        ("hyper", 1, False, 1e-3),
    ],
)
def test_the_gradient_is_that_of_finite_differences(kind, steps, state, rate):
    """Through the steps of adaptation: of the first order is another one."""
    policies, vector, seen, after = problem(kind, steps, state)
    found = gradient(policies, vector, seen, after, rate=rate)
    first = gradient(policies, vector, seen, after, rate=rate, first_order=True)
    for seed in range(3):
        along = drawn(*vector.shape, seed=50 + seed)
        step = 1e-5 / along.norm()
        ends = [gain(policies, vector + sign * step * along, seen, after, rate) for sign in (1, -1)]
        slope = float(ends[0] - ends[1]) / (2 * float(step))
        assert float(found @ along) == pytest.approx(slope, rel=1e-5, abs=1e-8)
    assert float((found - first).norm()) > 1e-3 * float(found.norm()) > 0


def test_without_adaptation_both_orders_are_the_gradient_of_the_policies_as_they_are():
    policies, vector, seen, after = problem("context")
    start = vector.clone().requires_grad_()
    log_probability = policies.family.density(policies(start, after.observations), after.drawn)
    plain = mean_gain(log_probability, torch.full_like(log_probability, -2.0), after.advantage, after.weight)
    expected = torch.autograd.grad(plain, start)[0]
    for first_order in (True, False):
        found = gradient(policies, vector, seen, after, rate=0.0, first_order=first_order)
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("first_order", [True, False])
def test_each_task_takes_its_own_steps(first_order):
    """A loop over tasks and steps, each from what that task has seen; in a graph and outside of one."""
    policies, vector, seen, _ = problem("plain", steps=2)
    expected = []
    for task in range(3):
        current = vector.clone()
        for each in seen:
            current = current.requires_grad_()
            numbers = policies(current, each.observations)
            log_probability = policies.family.density(numbers, each.drawn)[task]
            slope = torch.autograd.grad(
                weighted_mean(log_probability * each.advantage[task], each.weight[task]), current
            )
            current = (current + RATE * slope[0]).detach()
        expected.append(current)
    torch.testing.assert_close(adapted(policies, vector, seen, RATE, first_order), torch.stack(expected))
    graph = adapted(policies, vector.clone().requires_grad_(), seen, RATE, first_order)
    torch.testing.assert_close(graph.detach(), torch.stack(expected))


def test_fishers_product_is_that_of_the_divergences_curvature_through_adaptation():
    policies, vector, seen, after = problem("context")

    def numbers(point):
        return policies(adapted(policies, point, seen, RATE), after.observations)

    before, start = numbers(vector).detach(), vector.clone().requires_grad_()
    divergence = weighted_mean(policies.family.divergence(before, numbers(start)), after.weight)
    (slope,) = torch.autograd.grad(divergence, start, create_graph=True)
    along = drawn(*vector.shape, seed=5)
    (curvature,) = torch.autograd.grad(slope, start, along, retain_graph=True)
    product = fisher_product(numbers(start), start, policies.family, after.weight)
    torch.testing.assert_close(product(along), curvature, rtol=1e-7, atol=1e-9)


def run(learner, prepared, iterations, evaluator=None):
    """Collect and learn so many times, in all tasks; return the trials and the metrics."""
    own = evaluator or LocalEvaluator(prepared.spec, learner.lanes, np.random.SeedSequence(0), threads=1)
    told = []
    for _ in range(iterations):
        trials = learner.ask(np.arange(learner.num_designs)[:, None] % 2)
        told.append((trials, learner.tell(trials, own.collect(trials), 0.0)))
    if evaluator is None:
        own.close()
    return told


@pytest.mark.parametrize(
    "more",
    [{"conditioned_critics": False}, {"method": "context-maml", "inner_steps": 2, "deviation": "state"}],
    ids=str,
)
def test_rounds_go_on_from_any_checkpoint_bit_for_bit(more):
    """Beside each learner, one that begins anew from its state before every iteration."""
    options = {**TOY, **more, "inner_learning_rate": 0.3}
    prepared = prepare(options)
    learner, normalizers = prepared.learner, []
    evaluator = LocalEvaluator(prepared.spec, learner.lanes, np.random.SeedSequence(0), threads=1)
    length = learner.options.inner_steps + 1
    for iteration in range(2 * length + 1):
        other = prepare(options).learner
        other.load_state_dict(learner.state_dict())
        designs = np.array([[iteration % 2], [0]])
        trials, same = learner.ask(designs), other.ask(designs)
        begun = np.array([[(iteration - iteration % length) % 2], [0]])
        np.testing.assert_array_equal(trials.designs, begun[np.arange(8) % 2])
        np.testing.assert_array_equal(trials.tasks, 2.0 * trials.designs - 1)
        np.testing.assert_array_equal(trials.exploration.noise, same.exploration.noise)
        for mine, theirs in zip(trials.networks.policies, same.networks.policies, strict=True):
            for one, two in zip(mine, theirs, strict=True):
                np.testing.assert_array_equal(one.weight, two.weight)
        normalizers.append(trials.normalizer)
        outcomes, theta = evaluator.collect(trials), learner.theta()
        metrics = learner.tell(trials, outcomes, 0.0)
        assert metrics == other.tell(same, outcomes, 0.0)
        assert metrics["adaptation_steps"] == iteration % length
        last = iteration % length == length - 1
        assert (learner.theta() != theta).any() == last == ("step_share" in metrics)
        np.testing.assert_array_equal(learner.theta(), other.theta())
        assert np.isnan(learner.judge(outcomes).rewards).all() == (iteration % length > 0)
    evaluator.close()
    changed = [(one.mean != two.mean).any() for one, two in pairwise(normalizers)]
    assert changed == [(place + 1) % length == 0 for place in range(2 * length)]


def test_what_acts_after_adaptation_is_what_its_probabilities_are_of():
    """Networks and deviations of the evaluator, and those of the vectors that learning goes on from."""
    prepared = prepare({**TOY, "inner_learning_rate": 0.3})
    learner = prepared.learner
    before, ((_, _), (trials, _)) = learner.theta(), run(learner, prepared, 2)
    learner = prepare({**TOY, "inner_learning_rate": 0.3}).learner
    run(learner, prepared, 1)
    np.testing.assert_array_equal(before, learner.theta())
    policies = learner._policies(learner._asked[0])
    observations = np.random.default_rng(0).normal(size=(2, 5, 4)).astype(np.float32)
    numbers = policies(learner._adapted, torch.as_tensor(observations)).numpy()
    for task, layers in enumerate(trials.networks.policies):
        hidden = np.tanh(observations[task] @ layers[0].weight.T + layers[0].bias)
        np.testing.assert_allclose(numbers[task, :, :2], hidden @ layers[1].weight.T + layers[1].bias, atol=1e-5)
    assert np.abs(trials.networks.policies[0][1].bias - trials.networks.policies[1][1].bias).max() > 1e-3
    std = np.exp(numbers[:, 0, 2:])
    noise = trials.exploration.noise / std[np.arange(8) % 2]
    assert np.abs(noise.std(axis=(0, 1)) - 1).max() < 0.2
    assert (std[0] != std[1]).all()


def returns_of(shipped, prepared, learner, contexts):
    """Of one whole episode of each policy in its task, without noise."""
    evaluator = LocalEvaluator(prepared.spec, len(contexts), np.random.SeedSequence(5), threads=1)
    networks = Mixed(tuple(one.layers for one in shipped), np.arange(len(contexts)), "tanh")
    outcomes = evaluator.evaluate(
        Trials(networks, learner.normalizer, np.zeros((len(contexts), 0), np.int64), tasks=contexts)
    )
    evaluator.close()
    return outcomes.returns


def test_it_adapts_to_two_tasks_that_no_observation_tells_apart():
    """One policy for both has at best -20 on average; rewards alone say which task it is."""
    toy = {**TOY, "num_envs": 16, "critic_hidden": (16,), "critic_learning_rate": 3e-3, "n_epochs": 5}
    prepared = prepare({**toy, "inner_learning_rate": 0.1})
    learner = prepared.learner
    assert isinstance(learner, Adapting)
    run(learner, prepared, 64)
    contexts, state = np.array([[-1.0], [1.0]]), learner.state_dict()
    evaluator = LocalEvaluator(prepared.spec, 4, np.random.SeedSequence(3), threads=1)
    shipped = learner.adapt(evaluator, contexts, np.random.default_rng(0))
    evaluator.close()
    before = [learner.ship(np.array([number])) for number in (0, 1)]
    assert returns_of(before, prepared, learner, contexts).mean() < -19.9
    assert returns_of(shipped, prepared, learner, contexts).min() > -16
    after = learner.state_dict()
    assert all(np.array_equal(state[name], after[name]) for name in ("theta", "average_theta", "count", "mean"))
    assert state["generator"] == after["generator"]


def test_policies_that_see_contexts_adapt_to_tasks_that_are_in_no_table():
    prepared = prepare({**TOY, "method": "context-maml", "adaptation_episodes": 3, "inner_steps": 2})
    learner = prepared.learner
    contexts = np.array([[0.3], [-0.7], [0.9]])
    evaluator = LocalEvaluator(prepared.spec, 6, np.random.SeedSequence(3), threads=1)
    shipped = learner.adapt(evaluator, contexts, np.random.default_rng(0))
    again = LocalEvaluator(prepared.spec, 6, np.random.SeedSequence(3), threads=1)
    same = learner.adapt(again, contexts, np.random.default_rng(0))
    assert [one.layers[0].weight.shape for one in shipped] == [(8, 4)] * 3
    for mine, theirs in zip(shipped, same, strict=True):
        np.testing.assert_array_equal(mine.layers[1].weight, theirs.layers[1].weight)
    assert len({one.layers[0].bias.tobytes() for one in shipped}) == 3
    with pytest.raises(ValueError, match="expected lanes for each of 4 tasks, as many of each, got 6 lanes"):
        learner.adapt(evaluator, np.zeros((4, 1)), np.random.default_rng(0))
    evaluator.close()
    again.close()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"inner_steps": 0}, "--inner-steps 0: expected a whole number, at least 1"),
        ({"inner_learning_rate": -1}, "--inner-learning-rate -1: expected a number, at least 0"),
        ({"adaptation_episodes": 0}, "--adaptation-episodes 0: expected a whole number, at least 1"),
        ({"deviation": "per-architecture"}, "a task that is adapted to is a new one, without a vector of its own"),
        ({"fine_tune_share": 0.2}, "--fine-tune-share is not for --method maml"),
        ({"learner": "ppo"}, "--method maml takes maml"),
        (
            {"env": "compactrl/Target-v0"},
            "--method maml is for families of tasks, and compactrl/Target-v0 has no",
        ),
        ({"num_envs": 9}, "--num-envs 9 cannot be shared evenly by --meta-batch 2"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_will_not_do_is_refused_in_one_line(options, says):
    with pytest.raises(InputError) as refused:
        prepare({**TOY, **options})
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_policies_of_no_tasks_have_nothing_to_adapt_to():
    prepared = prepare({**TOY, "method": "trpo", "env": "compactrl/Target-v0", "meta_batch": None})
    context = type("Context", (), {"compression": prepared.compression, "method": "trpo", "options": None})
    with pytest.raises(InputError, match="--learner maml adapts to tasks, and policies of --method trpo are of none"):
        MamlLearner(context)
