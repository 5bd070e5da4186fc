"""Pieces of work on several threads: all are done, once; errors arrive; shards and gradients have the same bits."""

import threading

import pytest
import torch

from compactrl.networks import threads as threads_of
from compactrl.networks.adam import Adam
from compactrl.networks.perceptrons import Stack, lengths
from compactrl.networks.threads import SHARD, in_shards, on_threads, results, together
from compactrl.networks.torch_private import adam_step


@pytest.mark.parametrize("count", [1, 2, 5])
def test_every_piece_is_done_once_and_results_keep_their_order(count):
    done = []
    with on_threads(count):
        together([lambda number=number: done.append(number) for number in range(50)])
        assert results([lambda number=number: number * number for number in range(50)]) == [n * n for n in range(50)]
        together([])
    assert sorted(done) == list(range(50))


def test_pieces_run_side_by_side_and_share_out_nothing_themselves():
    both = threading.Barrier(2, timeout=20)
    seen = []

    def piece():
        both.wait()  # passes only where another piece waits, too
        together([lambda: seen.append(threading.get_ident())] * 3)
        return torch.is_grad_enabled()

    with on_threads(2):
        grads = results([piece, piece])
    assert len(set(seen)) == 2
    assert sorted(grads) == [False, True]


def test_what_a_piece_raises_arrives_once_all_have_ended():
    ended = []

    def fails():
        raise ValueError("a piece")

    with on_threads(2), pytest.raises(ValueError, match="a piece"):
        together([fails, lambda: ended.append(1)])
    with on_threads(2):
        assert results([lambda: 1, lambda: 2]) == [1, 2]


def test_small_pieces_stay_with_the_caller():
    seen = set()
    with on_threads(4):
        together([lambda: seen.add(threading.get_ident())] * 20, size=1000)
    assert seen == {threading.get_ident()}


@pytest.mark.parametrize("length", [7, SHARD + 5, 2 * SHARD + 1])
def test_shards_give_the_bits_of_the_whole(length):
    generator = torch.Generator().manual_seed(0)
    start, gradient = torch.randn(2, length, generator=generator)
    vectors = []
    for whole in (True, False):
        vector = start.clone()
        adam = Adam(vector, 1e-3, weight_decay=0.01)
        for _ in range(3):
            if whole:
                adam.steps += 1
                adam_step(vector, gradient, adam._first, adam._second, adam.steps, adam.rate, 0.01)
            else:
                with on_threads(2):
                    adam.step(gradient)
        vectors.append(vector)
    assert torch.equal(*vectors)
    one, other = start.clone(), start.clone()
    one.lerp_(gradient, 0.3)
    in_shards(lambda to, towards: to.lerp_(towards, 0.3), other, gradient)
    assert torch.equal(one, other)


@pytest.mark.parametrize("count", [1, 3])
def test_networks_have_the_same_gradients_on_any_number_of_threads(count, monkeypatch):
    monkeypatch.setattr(threads_of, "LEAST", 1)
    sizes = (9, 64, 64, 4)
    flat = torch.randn(count * sum(lengths(sizes)), generator=torch.Generator().manual_seed(0))
    x = torch.randn(80, 9, generator=torch.Generator().manual_seed(1))
    found = []
    for threads in (1, 2, 16):
        with on_threads(threads):
            parameters, seen = flat.clone().requires_grad_(), x.clone().requires_grad_()
            values = Stack(parameters, sizes, count)(seen)
            found.append((values.detach(), *torch.autograd.grad(values.square().sum(), [parameters, seen])))
    for other in found[1:]:
        assert all(torch.equal(one, two) for one, two in zip(found[0], other, strict=True))
