"""The same done to many things on all cores, with the results in order and few of them in memory."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST_WORKERS = 8
"""Each may hold a photograph at its stored size and what is computed of it, up to some hundred megabytes."""


def ordered_map(function: Callable[[Item], Result], items: Iterable[Item]) -> Generator[Result, None, None]:
    """Like `map`, on all cores: for what lets go of the interpreter's lock, as Pillow, NumPy and OpenVINO do while they work.

    No more is begun than two items a core ahead of the one that is taken next. When the caller stops taking (`contextlib.closing`
    makes that certain), or a call raises, what has not begun never begins.
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
