"""Independent pieces of an update on several threads, with the same bits on any number of them.

The pieces are fixed by what is computed, such as one for each critic, and each writes a place of its own. How many
threads there are decides only who takes which piece. torch lets go of the interpreter's lock while it computes, so that
Python's threads are enough; each computes on one thread of torch's own, since these products are small.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache

import torch


class Threads:
    """Runs tasks on so many threads, the caller's included.

    Args:
        count: of threads.

    Example:
        >>> done = []
        >>> Threads(2).run([lambda: done.append("one"), lambda: done.append("other")])
        >>> sorted(done)
        ['one', 'other']
    """

    def __init__(self, count: int = 1) -> None:
        self.count = count

    def run(self, tasks: Sequence[Callable[[], object]]) -> None:
        """Run all tasks; no gradient is kept of what others than the caller's thread compute.

        Raises:
            Exception: what a task raised, once the others have ended.
        """
        queue = iter(tasks)
        helpers = min(self.count, len(tasks)) - 1
        pool = _pool(self.count - 1) if helpers > 0 else None
        running: list[Future[None]] = [] if pool is None else [pool.submit(_work, queue) for _ in range(helpers)]
        try:
            _work(queue)
        finally:
            for future in running:
                future.result()


ALONE = Threads(1)


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
