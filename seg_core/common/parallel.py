"""A parallel map that keeps the order of its items and few results in memory."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST_WORKERS = 8
"""Each may hold a photograph at its stored size and arrays computed from it: up to some hundred megabytes."""


def ordered_map(function: Callable[[Item], Result], items: Iterable[Item]) -> Generator[Result, None, None]:
    """Like `map`, in threads on all cores: for functions that release the GIL, as Pillow, NumPy and OpenVINO do.

    At most two items per core are computed ahead of the next result. If the caller closes the generator (use
    `contextlib.closing`) or a call raises, the remaining items are never started.
    """
    workers = min(os.cpu_count() or 1, MOST_WORKERS)
    ahead: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                ahead.append(pool.submit(function, item))
                if len(ahead) == 2 * workers:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()
