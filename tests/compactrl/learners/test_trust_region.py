"""Steps within a trust region: solvers against dense algebra, Fisher's matrix against curvature, the line search."""

import numpy as np
import pytest
import torch

from compactrl.compressions import Hypernet, HypernetOptions, Plain
from compactrl.compressions.plain import PlainOptions
from compactrl.learners.deviations import Deviations
from compactrl.learners.trust_region import (
    Region,
    Transitions,
    conjugate_gradients,
    fisher_product,
    step_within,
    weighted_mean,
)
from compactrl.learners.vectors import Policies
from compactrl.policies.distributions import Categorical, FreeGaussian, SquashedGaussian
from compactrl.policies.families import NORMAL
from compactrl.policies.skeleton import Skeleton

REGION = Region(max_kl=0.02, cg_steps=30, cg_damping=0.0, steps=10, decay=0.5)


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_conjugate_gradients_solve_what_dense_algebra_solves():
    root, target = drawn(7, 7), drawn(7, seed=1)
    matrix = root @ root.T + torch.eye(7)
    found = conjugate_gradients(lambda vector: matrix @ vector, target, 20)
    torch.testing.assert_close(found, torch.linalg.solve(matrix, target), rtol=1e-5, atol=1e-6)
    assert torch.equal(conjugate_gradients(lambda vector: -vector, target, 20), torch.zeros(7).double())


def policies_of(kind):
    """Two or one small policies, their theta, and transitions that do not all count."""
    generator = np.random.default_rng(0)
    if kind == "hypernet":
        compression = Hypernet(
            Skeleton.relu((3, 2)), HypernetOptions(widths=(2, 4), max_layers=2, rank=2, graph_size=4)
        )
        designs = compression.space.sample(2, generator)
    else:
        outputs = {"state": 4}.get(kind, 2)
        options = PlainOptions(activation="tanh", initialization="xavier")
        compression, designs = Plain(Skeleton.relu((3, 4, outputs)), options), np.zeros((1, 0), np.int64)
    deviations = Deviations(designs if kind == "hypernet" else None, 2, -0.5, torch.device("cpu"))
    deviations.learn(designs)
    deviations._learning["log_std"] = deviations._learning["log_std"].double() + 0.3 * drawn(len(designs), 2, seed=3)
    distribution = {"state": SquashedGaussian(), "choice": Categorical()}.get(kind, FreeGaussian(np.zeros(2)))
    free = deviations if kind in ("plain", "hypernet") else None
    theta = torch.tensor(compression.initial(generator))
    policies = Policies(compression, designs, distribution, free)
    observations, weight = drawn(len(designs), 9, 3, seed=4), torch.ones(len(designs), 9).double()
    weight[:, 4] = 0
    return policies, policies.vector(theta), observations, weight


@pytest.mark.parametrize("kind", ["plain", "state", "choice", "hypernet"])
def test_fishers_product_is_that_of_the_divergences_curvature(kind):
    """Built as a whole, for one network and for a hypernetwork's two, whose own operation has no second derivative."""
    policies, vector, observations, weight = policies_of(kind)
    before = policies(vector, observations).detach()

    def divergence(point):
        return weighted_mean(policies.family.divergence(before, policies(point, observations)), weight)

    start = vector.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(divergence(start), start, create_graph=True)
    product = fisher_product(policies(start, observations), start, policies.family, weight)
    for seed in (5, 6):
        change = drawn(*vector.shape, seed=seed)
        (curvature,) = torch.autograd.grad(gradient, start, change, retain_graph=True)
        torch.testing.assert_close(product(change), curvature, rtol=1e-8, atol=1e-10)
        assert float(change @ product(change)) > 0


def test_fishers_matrix_is_the_mean_square_of_slopes_of_log_probabilities():
    """Its definition, over all choices there are."""
    policies, vector, observations, weight = policies_of("choice")
    start = vector.clone().requires_grad_()
    numbers = policies(start, observations)
    matrix = torch.zeros(len(vector), len(vector)).double()
    for log_probability, counts in zip(numbers[0], weight[0], strict=True):
        for one in log_probability:
            (slope,) = torch.autograd.grad(one, start, retain_graph=True)
            matrix += counts * one.detach().exp() * torch.outer(slope, slope) / weight.sum()
    product = fisher_product(numbers, start, policies.family, weight)
    torch.testing.assert_close(torch.stack([product(row) for row in torch.eye(len(vector)).double()]), matrix)


def linear_gaussian():
    """Means that are linear in the vector, with a fixed deviation: the divergence is quadratic."""
    features, drawn_numbers = drawn(1, 40, 2, 5), drawn(1, 40, 2, seed=1)

    def function(vector):
        mean = features @ vector
        return torch.cat([mean, torch.zeros_like(mean)], -1)

    behaviour = NORMAL.density(function(torch.zeros(5).double()), drawn_numbers)
    return function, Transitions(drawn_numbers, behaviour, drawn(1, 40, seed=2), torch.ones(1, 40).double())


def test_a_quadratic_divergence_is_as_large_as_the_trust_region():
    """Along the natural gradient, as dense algebra finds it."""
    function, transitions = linear_gaussian()
    start = torch.zeros(5).double()
    step = step_within(function, start, NORMAL, transitions, REGION)
    assert step.share == 1
    assert float(step.divergence) == pytest.approx(REGION.max_kl, rel=1e-6)
    jacobian = torch.autograd.functional.jacobian(function, start)[0, :, :2]  # (B, A, Q)
    matrix = (jacobian.transpose(1, 2) @ jacobian).mean(0)
    slope = (transitions.drawn[0][:, None] @ jacobian)[:, 0] * transitions.advantage[0][:, None]
    natural = torch.linalg.solve(matrix, slope.mean(0))
    torch.testing.assert_close(step.vector / step.vector.norm(), natural / natural.norm(), rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(step.numbers, function(step.vector))
    damped = step_within(function, start, NORMAL, transitions, REGION._replace(cg_damping=1.0))
    assert 0 < float(damped.divergence) < 0.8 * REGION.max_kl


def test_the_line_search_takes_shorter_steps_and_none_that_is_worse():
    function, transitions = linear_gaussian()
    start = torch.zeros(5).double()
    far = step_within(function, start, NORMAL, transitions, REGION).vector.norm()

    def bent(limit):
        """The same policies, the other way round beyond a distance."""
        return lambda vector: function(vector * torch.where(vector.norm() > limit, -1.0, 1.0))

    shorter = step_within(bent(0.3 * far), start, NORMAL, transitions, REGION)
    assert shorter.share == 0.25
    assert float(shorter.gain) > 0
    for refused in (bent(1e-6 * far), lambda vector: function(vector) / torch.where(vector.norm() > 0, 0.0, 1.0)):
        step = step_within(refused, start, NORMAL, transitions, REGION)
        assert (step.share, float(step.gain), float(step.divergence)) == (0, 0, 0)
        assert torch.equal(step.vector, start)


def test_without_a_slope_nothing_moves():
    function, transitions = linear_gaussian()
    none = transitions._replace(advantage=torch.zeros(1, 40).double())
    step = step_within(function, torch.ones(5).double(), NORMAL, none, REGION)
    assert step.share == 0
    assert torch.equal(step.vector, torch.ones(5).double())
