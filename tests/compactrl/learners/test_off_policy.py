"""Critics are told whose actions they value; the learning rate falls with the budget."""

import numpy as np
import pytest
import torch

from compactrl.buffers import Experience
from compactrl.envs.registry import describe
from compactrl.evaluation.local import LocalEvaluator
from compactrl.learners.critics.inputs import all_inputs
from compactrl.learners.gradient import Means
from compactrl.searches.api import search
from compactrl.searches.prepare import prepare

OPTIONS = {
    "method": "ghp", "env": "compactrl/Target-v0", "widths": "4,8,16", "max_layers": 2, "rank": 4, "graph_size": 8,
    "meta_batch": 4, "critic_hidden": 8, "batch_size": 64, "iteration_steps": 96, "resample_updates": 32,
}  # fmt: skip
ROWS = 16
DESIGNS = np.array([[1, 0], [3, 3], [2, 1], [1, 1]])


def learner_of(**options):
    return prepare({**OPTIONS, **options}).learner


REWARDS = [1.0, 0.0, -1.0, 2.0]


def last_steps(learner):
    """The same transitions, which end an episode, for each of four designs, with a reward that only it decides."""
    generator = torch.Generator().manual_seed(0)

    def same(*shape):
        return torch.randn(1, ROWS, *shape, generator=generator).expand(4, ROWS, *shape).contiguous()

    observation = learner.trained.sizes[0]
    rewards = torch.tensor(REWARDS)[:, None].expand(4, ROWS).contiguous()
    return Experience(
        same(observation), torch.tanh(same(learner.actions)), rewards, torch.ones(4, ROWS), same(observation)
    )


@pytest.mark.parametrize("options", [{"learner": "sac"}, {"learner": "td3"}, {"learner": "ddpg"}, {"decoder": "dense"}])
@pytest.mark.parametrize("told", [True, False])
def test_critics_value_what_an_architecture_gets_where_they_are_told_which(options, told):
    """They learn each one's reward where they are told, else the mean; targets and policies ask them alike."""
    learner = learner_of(**options, tell_critics=told, critic_learning_rate=0.01, critic_hidden=32, target_rate=1.0)
    batch, noise = last_steps(learner), torch.zeros(2, 4, ROWS, learner.actions)
    for _ in range(300):
        learner._update(batch, DESIGNS, noise, Means())
    description, network = learner._told(DESIGNS), learner.trained.network(learner._theta.detach(), DESIGNS)
    with torch.no_grad():
        values = learner.critics(batch.observation, batch.action, description)[0].view(4, ROWS)
        following = learner._next_value(
            network(batch.next_observation), description, batch.next_observation, noise[0]
        ).view(4, ROWS)
        policies = learner._improve(
            network(batch.observation), description, batch.observation, noise[1], Means()
        ).values
    np.testing.assert_allclose(values.mean(1), REWARDS if told else [0.5] * 4, atol=0.15)
    for asked in (following, policies):
        assert (np.argsort(asked.mean(1).numpy()).tolist() == np.argsort(REWARDS).tolist()) == told


@pytest.mark.parametrize("lanes", [4, 10])
def test_a_lane_acts_with_one_architecture_while_those_that_learn_change(lanes):
    learner = learner_of(lanes=lanes, random_steps=0, iteration_steps=320, batch_size=64)
    assert (learner.num_parts, learner.num_steps, learner.updates_per_part) == (
        (10, 80, 32) if lanes == 4 else (11, 33, 30)
    )
    designs = learner.compression.space.sample(learner.num_designs, np.random.default_rng(0))
    trials = learner.ask(designs)
    np.testing.assert_array_equal(trials.designs, learner.parts(designs)[0][np.arange(lanes) % 4])
    assert len(trials.exploration.noise) == learner.num_steps
    theta = learner.theta().astype(np.float32)
    for lane in range(lanes):
        expected = learner.compression.expand(theta, trials.designs[lane])
        for mine, theirs in zip(trials.networks.policies[trials.networks.of[lane]], expected, strict=True):
            np.testing.assert_allclose(mine.weight, theirs.weight, rtol=1e-5, atol=1e-6)
    evaluator = LocalEvaluator(describe(OPTIONS["env"]), lanes, np.random.SeedSequence(0), threads=1)
    outcomes = evaluator.collect(trials)
    evaluator.close()
    learner.tell(trials, outcomes, 0.0)
    assert outcomes.transitions.valid.sum() == learner.num_parts * learner.updates_per_part == learner._updates
    assert learner.judge(outcomes).scores.shape == (len(designs),)
    assert np.isfinite(learner.judge(outcomes).scores).all()  # every design has learned


@pytest.mark.parametrize("options", [{}, {"meta_batch": 1}, {"anchor_share": 0.0}, {"controller": "pointer"}])
def test_what_a_design_is_judged_by_is_its_own(options, monkeypatch):
    """Whatever learns beside it: a value that tells each design and part apart comes back with the design."""
    learner = learner_of(random_steps=0, **options)
    learnt = []

    def told_apart(designs, means):
        means.add("value", torch.zeros(()))
        learnt.append(designs)
        return 100.0 * len(learnt) + designs @ [10.0, 1.0]

    monkeypatch.setattr(learner, "_learn", told_apart)
    designs = learner.compression.space.sample(learner.num_designs, np.random.default_rng(0))
    trials = learner.ask(designs)
    evaluator = LocalEvaluator(describe(OPTIONS["env"]), len(trials.designs), np.random.SeedSequence(0), threads=1)
    outcomes = evaluator.collect(trials)
    evaluator.close()
    learner.tell(trials, outcomes, 0.0)
    np.testing.assert_array_equal(np.array(learnt), learner.parts(designs))
    part = 1 + np.arange(len(designs)) // (len(designs) // learner.num_parts)
    np.testing.assert_array_equal(learner.judge(outcomes).rewards, 100 * part + designs @ [10, 1])


@pytest.mark.parametrize(("share", "count"), [(0.5, 2), (0.3, 1), (0.0, 0), (0.99, 3)])
def test_anchors_are_part_of_every_meta_batch(share, count):
    learner = learner_of(anchor_share=share)
    designs = learner.compression.space.sample(learner.num_designs, np.random.default_rng(0))
    assert len(designs) == 3 * (4 - count)
    parts = learner.parts(designs)
    assert parts.shape == (3, 4, 2)
    assert (parts[:, :count] == [3, 3]).all()
    np.testing.assert_array_equal(parts[:, count:].reshape(-1, 2), designs)


def test_critics_see_observation_action_and_architecture():
    learner = learner_of()
    batch = last_steps(learner)
    rows = all_inputs(batch.observation, batch.action, learner._told(DESIGNS)).view(4, ROWS, -1)
    seen = learner.trained.sizes[0] + learner.actions
    torch.testing.assert_close(rows[..., :seen], torch.cat([batch.observation, batch.action], -1))
    expected = torch.as_tensor(learner.batch.told(DESIGNS), dtype=torch.float32)
    torch.testing.assert_close(rows[..., seen:], expected[:, None].expand(4, ROWS, 4).contiguous())


def test_once_settled_critics_are_told_the_architecture_that_is_left():
    learner = learner_of()
    before = learner._told(DESIGNS[2:3])
    learner.settle(DESIGNS[2])
    torch.testing.assert_close(learner._told(np.zeros((1, 0), np.int64)), before)


@pytest.mark.parametrize(("method", "share"), [("ghp", 0.2), ("sac", 0.5), ("sac", 1.0)])
def test_the_learning_rate_falls_evenly_to_its_share(tmp_path, method, share):
    of_ghp = ("widths", "max_layers", "rank", "graph_size", "meta_batch", "resample_updates")
    options = {name: each for name, each in OPTIONS.items() if method == "ghp" or name not in of_ghp}
    options |= {"method": method, "actor_learning_rate": 0.01, "actor_final_rate_share": share, "steps": 960}
    options["updates_per_step"] = 1 / 8  # of no effect on the rate
    if method == "ghp":
        options["resample_updates"] //= 8
    run = search(out=tmp_path / "run", **options, random_steps=0, seed=0, threads=1, selection_episodes=2)
    rates = [row["actor_learning_rate"] for row in run.metrics if row.get("actor_learning_rate") is not None]
    np.testing.assert_allclose(rates, 0.01 * (1 - (1 - share) * np.arange(10) / 10))


@pytest.mark.parametrize(
    ("share", "weights"),
    [(0.0, [0, 0, 0, 0, 1]), (1.0, [0.2] * 5), (0.5, np.arange(1, 6) / 15)],
    ids=["the last one", "all alike", "the later the more"],
)
def test_what_ships_is_a_mean_of_the_last_updates_and_what_acts_is_not(share, weights):
    """With a half, the i-th of n has the weight 2 i / (n (n + 1)): Shamir & Zhang 2013 with eta = 1."""
    learner = learner_of(average_share=share, random_steps=0)
    drawn = np.random.default_rng(0).normal(size=(len(weights), len(learner.theta())))
    thetas = []
    for direction in drawn:
        learner._descend(learner._theta @ torch.as_tensor(direction, dtype=torch.float32))
        thetas.append(learner._theta.detach().numpy().copy())
    expected = np.einsum("i,ip->p", weights, np.array(thetas, float))
    np.testing.assert_allclose(learner.theta(), expected, atol=1e-6)
    acting = learner.ask(learner.compression.space.sample(learner.num_designs, np.random.default_rng(0)))
    for theta, same in ((thetas[-1], True), (learner.theta().astype(np.float32), share == 0)):
        layers = learner.compression.expand(theta, acting.designs[0])
        assert (
            np.allclose(layers[0].weight, acting.networks.policies[acting.networks.of[0]][0].weight, atol=1e-6) == same
        )
    design = acting.designs[0]
    shipped = learner.compression.expand(learner.theta().astype(np.float32), design)
    np.testing.assert_allclose(learner.ship(design).layers[0].weight, shipped[0].weight, atol=1e-6)
    again = learner_of(average_share=share, random_steps=0)
    again.load_state_dict(learner.state_dict())
    np.testing.assert_array_equal(again.theta(), learner.theta())
    earlier = {name: each for name, each in learner.state_dict().items() if name != "average_theta"}
    again.load_state_dict(earlier)
    np.testing.assert_array_equal(again.theta(), thetas[-1])
