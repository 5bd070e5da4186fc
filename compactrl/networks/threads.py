"""Independent pieces of an update on several threads, with the same bits on any number of them.

The pieces are fixed by what is computed, such as one for each critic, and each writes a place of its own. How many
threads there are decides only who takes which piece. torch lets go of the interpreter's lock while it computes, so that
Python's threads are enough; each computes on one thread of torch's own, since these products are small.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache, partial
from typing import TypeVar

import torch
from torch import Tensor

SHARD = 1 << 18
"""Numbers of a long vector that one thread takes at a time; a multiple of every register's width, so that an
elementwise operation gives each number the bits that it has in one piece."""

LEAST = 1 << 22
"""Multiplications of a piece, about 0.1 ms: smaller ones are done before another thread has woken up."""


class _Own(threading.local):
    count = 1
    """Threads that the pieces of this thread's work may take; those that help have one, and share out nothing."""
    reduced = False
    """Whether large products of this thread's work, and of those that help it, are in bfloat16 (`precision.py`)."""


_own = _Own()


@contextlib.contextmanager
def on_threads(count: int) -> Iterator[None]:
    """Let `together` use so many threads, the caller's included.

    Example:
        >>> done = []
        >>> with on_threads(2):
        ...     together([lambda: done.append("one"), lambda: done.append("other")])
        >>> sorted(done)
        ['one', 'other']
    """
    before, _own.count = _own.count, count
    try:
        yield
    finally:
        _own.count = before


@contextlib.contextmanager
def reducing(reduced: bool) -> Iterator[None]:
    """Let products be in bfloat16, or not, in this thread and in those that `together` has help it."""
    before, _own.reduced = _own.reduced, reduced
    try:
        yield
    finally:
        _own.reduced = before


def reduces() -> bool:
    """Return whether products of this thread are in bfloat16 now."""
    return _own.reduced


def together(tasks: Sequence[Callable[[], object]], size: float = LEAST) -> None:
    """Run all tasks; on other threads than the caller's no gradient is kept unless a task asks for it.

    Args:
        tasks: that do not wait for each other.
        size: multiplications of each, about; the caller does small ones alone.

    Raises:
        Exception: what a task raised, once the others have ended.
    """
    queue = iter(tasks)
    helpers = min(_own.count, len(tasks)) - 1 if size >= LEAST else 0
    running: list[Future[None]] = []
    if helpers > 0:
        pool = _pool(_own.count - 1)
        running = [pool.submit(_help, queue, _own.reduced) for _ in range(helpers)]
    try:
        _work(queue)
    finally:
        for future in running:
            if not future.cancel():  # one that has not begun would find nothing to do
                future.result()


Result = TypeVar("Result")


def results(tasks: Sequence[Callable[[], Result]], size: float = LEAST) -> list[Result]:
    """Run all tasks and return what each returns, in their order; see `together`."""
    found: dict[int, Result] = {}

    def one(number: int) -> None:
        found[number] = tasks[number]()

    together([partial(one, number) for number in range(len(tasks))], size)
    return [found[number] for number in range(len(tasks))]


def in_shards(operation: Callable[..., object], *vectors: Tensor) -> None:
    """Call an elementwise operation in place on vectors (P,), or on shards of all of them where they are long."""
    if vectors[0].numel() <= SHARD:
        operation(*vectors)
        return
    together(
        [
            partial(operation, *shards)
            for shards in zip(*(torch.split(vector, SHARD) for vector in vectors), strict=True)
        ]
    )


def _help(queue: Iterator[Callable[[], object]], reduced: bool) -> None:
    """Take tasks of another thread until there are none, with products as there."""
    with reducing(reduced):
        _work(queue)


def _work(queue: Iterator[Callable[[], object]]) -> None:
    """Take tasks until there are none; the interpreter's lock gives each to one thread."""
    for task in queue:
        task()


@cache
def _pool(helpers: int) -> ThreadPoolExecutor:
    """Return the process's threads for this; they sleep while nothing is to be done."""
    return ThreadPoolExecutor(helpers, "compactrl-learning", initializer=_begin)


def _begin() -> None:
    """Set up a thread as `single_threaded_torch` sets up the caller's: torch keeps all of these for each thread."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.set_grad_enabled(False)
