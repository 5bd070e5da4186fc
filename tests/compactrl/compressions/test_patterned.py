"""Fixed patterns by gradients: against autograd of the dense network, where they begin, what ships of them."""

import os

import numpy as np
import pytest
import torch

from compactrl.compressions import COMPRESSIONS, PatternOptions
from compactrl.learners.gradient import first_outputs
from compactrl.policies.patterns import stack
from compactrl.policies.skeleton import Skeleton, edges_and_biases
from compactrl.policies.words import sharing_of
from compactrl.runs.run import Run
from compactrl.searches.api import finish, reopen, search, start

PATTERNED = ["dense", "toeplitz", "circulant"]
NONE = np.zeros((1, 0), np.int64)
SIZES = (3, 5, 4, 2)
TOY = {"threads": 1, "reevaluations": 1, "reevaluation_episodes": 2, "seed": 4, "hidden": (5,)}


def made(name, sizes=SIZES, **options):
    kind = COMPRESSIONS[name]
    chosen = PatternOptions(**options)
    return kind(kind.skeleton_of(sizes, chosen), chosen)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("name", PATTERNED)
def test_a_weight_gets_the_gradients_of_all_its_edges(name, activation):
    compression = made(name, activation=activation, output_bias=True, initialization="xavier")
    theta = torch.tensor(compression.initial(np.random.default_rng(0)), requires_grad=True)
    observations = torch.randn(7, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    outputs = compression.network(theta, NONE)(observations)
    (gradient,) = torch.autograd.grad(outputs.square().sum(), theta)
    dense = [
        tuple(part.detach().clone().requires_grad_() for part in layer) for layer in compression.expand(theta, NONE[0])
    ]
    value = observations
    for number, (weight, bias) in enumerate(dense):
        value = value @ weight.T + bias
        if number < len(dense) - 1:
            value = value.relu() if activation == "relu" else value.tanh()
    torch.testing.assert_close(outputs, value)
    value.square().sum().backward()
    of_edges = np.concatenate([weight.grad.numpy().ravel() for weight, _ in dense])
    of_biases = np.concatenate([bias.grad.numpy() for _, bias in dense])
    count = compression.num_weights
    of_weights = np.bincount(compression.index, of_edges, minlength=count)
    np.testing.assert_allclose(gradient[:count], of_weights, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(gradient[count:], of_biases, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", PATTERNED)
def test_where_gradients_begin_each_layer_has_its_own_bound(name):
    sizes = (30, 20, 10)
    for kind, gain in (("xavier", 1.0), ("xavier-small-output", 0.01)):
        compression = made(name, sizes, initialization=kind)
        drawn = np.stack([compression.initial(np.random.default_rng(seed)) for seed in range(200)])
        for number, layer in enumerate(compression.expand(drawn, NONE[0])):
            bound = (6 / sum(layer.weight.shape[1:])) ** 0.5 * (gain if number else 1.0)
            assert np.abs(layer.weight).max() == pytest.approx(bound, rel=0.02)
            assert layer.weight.std() == pytest.approx(bound / 3**0.5, rel=0.05)
            assert layer.bias is None or not layer.bias.any()


def test_by_default_a_pattern_begins_near_zero_as_before():
    assert np.abs(made("toeplitz").initial(np.random.default_rng(0))).max() < 1e-4


@pytest.mark.parametrize("name", PATTERNED)
@pytest.mark.parametrize("output_bias", [True, False])
def test_of_twice_as_many_outputs_the_first_ones_ship_in_the_same_pattern(name, output_bias):
    larger, smaller = (made(name, (3, 5, 2 * 2 // part), output_bias=output_bias) for part in (1, 2))
    theta = np.random.default_rng(0).standard_normal(larger.num_parameters)
    compact = first_outputs(larger.compact(theta, NONE[0]), 2, larger.counts_unused)
    assert len(compact.weights) == smaller.num_weights
    assert compact.skeleton == smaller.skeleton
    assert larger.shipped_size(compact) == smaller.size(NONE[0])
    expected = "own" if name == "dense" else name
    assert sharing_of(compact.skeleton, NONE[0], compact.index, compact.mask) == expected
    whole = larger.expand(theta, NONE[0])
    edges, biases = edges_and_biases((*whole[:-1], type(whole[-1])(*(None if x is None else x[:2] for x in whole[-1]))))
    index = np.arange(len(edges)) if compact.index is None else compact.index
    np.testing.assert_array_equal(compact.weights[index], edges)
    np.testing.assert_array_equal(compact.biases, biases)


def test_where_a_circulant_is_wider_than_its_inputs_no_weight_ships_that_no_edge_takes():
    """Of a square of four, of which a row of three has two rows, one diagonal is in neither."""
    larger = made("circulant", (3, 4))
    compact = first_outputs(larger.compact(np.arange(4.0), NONE[0]), 1, larger.counts_unused)
    np.testing.assert_array_equal(compact.weights[compact.index], larger.expand(np.arange(4.0), NONE[0])[0].weight[0])
    assert len(compact.weights) == 3


OFF_POLICY = {"learning_starts": 100, "iteration_steps": 160, "batch_size": 16, "updates_per_step": 0.1}
ON_POLICY = {"n_steps": 10, "num_envs": 8, "batch_size": 40}


@pytest.mark.parametrize(("learner", "more"), [("sac", OFF_POLICY), ("td3", OFF_POLICY), ("ppo", ON_POLICY)])
def test_a_pattern_is_trained_by_gradients_and_resumed_bit_for_bit(tmp_path, monkeypatch, learner, more):
    monkeypatch.setattr(os, "fsync", lambda _: None)
    options = {"method": "toeplitz", "learner": learner, "env": "compactrl/Target-v0", "steps": 800, **more, **TOY}
    whole = search(out=tmp_path / "whole", **options)
    running = start(options, tmp_path / "pieces")
    finish(running, should_stop=lambda: running.iteration == 3)
    finish(reopen(tmp_path / "pieces"))
    for name in ("policy.safetensors", "policy.json"):
        assert (tmp_path / "pieces" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    policy = Run(whole.path).policy
    index, count = stack(COMPRESSIONS["toeplitz"].pattern, Skeleton.tanh((3, 5, 2)).shapes)
    assert policy.size.weights == len(policy.weights) == count
    np.testing.assert_array_equal(policy.index, index)


@pytest.mark.parametrize(
    "method", [{"method": "shared", "partitions": 8}, {"method": "toeplitz"}], ids=lambda method: method["method"]
)
def test_few_weights_learn_to_balance_a_pole_by_gradients(tmp_path, monkeypatch, method):
    """Of 100 steps; without learning some 20 are balanced."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
    run = search(
        out=tmp_path / "run", learner="ppo", env="CartPole-v1", max_episode_steps=100, steps=12_000, n_steps=64,
        actor_learning_rate=5e-3, critic_learning_rate=5e-3, **{**TOY, "hidden": (8,)}, **method,
    )  # fmt: skip
    assert run.evaluate(20, 1).mean_return > 95
    if method["method"] == "shared":
        assert len(np.unique(np.concatenate([layer.weight.ravel() for layer in run.policy.layers]))) <= 8
