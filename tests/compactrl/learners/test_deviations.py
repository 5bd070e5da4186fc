"""Deviations beside the network: their Adam is torch's, and a row that nothing uses stays as it is."""

import numpy as np
import torch

from compactrl.learners.deviations import BETAS, EPSILON, Deviations

DESIGNS = np.array([[0, 1], [1, 0], [1, 1]])


def slopes(step):
    return torch.randn(2, 4, generator=torch.Generator().manual_seed(step))


def test_each_row_takes_the_steps_of_torchs_adam_while_it_is_used():
    deviations = Deviations(DESIGNS, 4, -0.5, torch.device("cpu"))
    rows = [torch.nn.Parameter(torch.full((4,), -0.5)) for _ in DESIGNS]
    optimizers = [torch.optim.Adam([row], lr=0.01, betas=BETAS, eps=EPSILON) for row in rows]
    for iteration, used in enumerate(([0, 2], [2, 1], [0, 2])):
        deviations.learn(DESIGNS[used])
        for step in range(3):
            gradient = slopes(10 * iteration + step)
            deviations.step(gradient, 0.01)
            for row, part in zip(used, gradient, strict=True):
                rows[row].grad = part
                optimizers[row].step()
        deviations.keep()
    expected = torch.stack([row.detach() for row in rows]).exp().numpy()
    np.testing.assert_allclose(deviations.of(DESIGNS), expected, rtol=1e-6)
    again = Deviations(DESIGNS, 4, 0.0, torch.device("cpu"))
    again.load_state_dict(deviations.state_dict())
    np.testing.assert_array_equal(again.of(DESIGNS), deviations.of(DESIGNS))


def test_designs_that_share_a_row_add_their_slopes():
    common = Deviations(None, 4, 0.0, torch.device("cpu"))
    row = torch.nn.Parameter(torch.zeros(4))
    optimizer = torch.optim.Adam([row], lr=0.1, eps=EPSILON)
    common.learn(DESIGNS[:2])
    assert common.log_std.shape == (2, 1, 4)
    row.grad = slopes(0).sum(0)
    optimizer.step()
    common.step(slopes(0), 0.1)
    common.keep()
    np.testing.assert_allclose(common.of(DESIGNS), row.detach().exp().numpy()[None].repeat(3, 0), rtol=1e-6)
