"""The reference: it acts and learns in every part, the critics' targets take its actions, others are judged."""

import numpy as np
import pytest
import torch

from compactrl.buffers import Experience
from compactrl.compressions import COMPRESSIONS
from compactrl.envs.registry import describe
from compactrl.learners import LEARNERS
from compactrl.learners.gradient import Means
from compactrl.loop import network_sizes
from compactrl.options import resolve

OPTIONS = {
    "method": "ghp", "env": "compactrl/Target-v0", "widths": "4,8,16", "max_layers": 2, "rank": 4, "graph_size": 8,
    "meta_batch": 4, "critic_hidden": 8, "batch_size": 64, "iteration_steps": 96, "resample_updates": 32,
}  # fmt: skip
ROWS = 16


def learner_of(**options):
    settings = resolve({**OPTIONS, **options})
    spec = describe(settings.search.env)
    compression = COMPRESSIONS["hypernet"](network_sizes(settings, spec), settings.compression)
    learner = LEARNERS[settings.search.learner].load()
    return learner.build(settings, compression, spec, np.random.SeedSequence(0))


def gradient_of_critics(learner, designs):
    """What one update with these designs (n, D) leaves in the critics' moments: a tenth of their gradient."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.randn(len(designs), ROWS, *shape, generator=generator)

    observation = learner.trained.sizes[0]
    batch = Experience(
        draw(observation), torch.tanh(draw(learner.actions)), draw(), torch.zeros_like(draw()), draw(observation)
    )
    noise = torch.randn(2, len(designs), ROWS, learner.actions, generator=generator)
    learner._update(batch, np.asarray(designs), noise, Means())
    return learner.critics.state_dict()["adam"]["first"]


REFERENCE, ONE, OTHER = [3, 3], [[1, 0], [2, 1], [1, 1]], [[3, 0], [2, 2], [3, 1]]


@pytest.mark.parametrize("options", [{"learner": "sac"}, {"learner": "td3"}, {"learner": "ddpg"}, {"decoder": "dense"}])
def test_targets_take_the_reference_s_actions_whoever_else_learns(options):
    one, other = (gradient_of_critics(learner_of(**options), [REFERENCE, *others]) for others in (ONE, OTHER))
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
    mixed = [
        gradient_of_critics(learner_of(**options, reference="none"), [REFERENCE, *others]) for others in (ONE, OTHER)
    ]
    assert not np.allclose(*mixed, rtol=1e-4, atol=1e-6)


def test_the_reference_is_in_every_part_and_what_is_proposed_beside_it():
    learner = learner_of(meta_batch=4)
    assert learner.num_parts == 3
    assert learner.num_designs == 3 * 3
    designs = np.array([[1, 0], [2, 0], [3, 0], [1, 1], [1, 2], [1, 3], [2, 1], [2, 2], [2, 3]])
    trials = learner.ask(designs)
    acting = trials.designs.reshape(3, learner.lanes, 2)
    for part in range(3):
        assert acting[part, ::4].tolist() == [REFERENCE] * (learner.lanes // 4)
        assert acting[part, 1:4].tolist() == designs[3 * part : 3 * part + 3].tolist()
    assert learner.judge(None).rewards.shape == (9,)


def test_without_one_all_are_proposed():
    learner = learner_of(reference="none")
    assert learner.num_designs == 3 * 4
    assert learner.ask(np.tile([[1, 0], [2, 0], [3, 0], [1, 1]], (3, 1))).designs[:4].tolist() == [
        [1, 0], [2, 0], [3, 0], [1, 1]
    ]  # fmt: skip
