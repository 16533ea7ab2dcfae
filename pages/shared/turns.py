"""Whose turn it is: two predictions run at a time, in the order in which they were asked for, and only so many wait."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

AT_ONCE = 2
"""On two processors more of them take longer each, and more memory."""
MOST_WAITING = 64
"""Requests of programs that wait at a time; each is a file on the disk and a few kilobytes of memory."""


class Turns:
    """At most ``at_once`` threads at a time, each after those that came before it."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._free = at_once
        self._waiting: deque[threading.Event] = deque()
        self._lock = threading.Lock()

    @property
    def place(self) -> int:
        """The place in the queue of whoever comes now; 0 if it would be its turn at once."""
        with self._lock:
            return 0 if self._free else len(self._waiting) + 1

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn, which lasts as long as the ``with`` block."""
        mine = threading.Event()
        with self._lock:
            if self._free:
                self._free -= 1
                mine.set()
            else:
                self._waiting.append(mine)
        mine.wait()
        try:
            yield
        finally:
            with self._lock:
                if self._waiting:
                    self._waiting.popleft().set()
                else:
                    self._free += 1


TURNS = Turns()
"""Of all predictions of this process."""


def in_line(
    work: Callable[..., Any], busy: Callable[[str], Exception], most: int = MOST_WAITING
) -> Callable[..., Coroutine[Any, Any, Any]]:
    """Make a function for Gradio of one that takes long: its requests wait in line without a thread each.

    Args:
        work: the function.
        busy: makes the error of a request that comes while ``most`` wait, of a sentence with the place that it would have.
        most: the most requests that wait.
    """
    turns = asyncio.Semaphore(AT_ONCE)
    waiting = 0

    @wraps(work)
    async def wait_and_work(*arguments: Any) -> Any:
        nonlocal waiting
        if waiting >= most:
            raise busy(f"LesionLab is busy, place {waiting + 1}: {most} requests wait already; try again in a minute.")
        waiting += 1
        try:
            await turns.acquire()
        finally:
            waiting -= 1
        try:
            return await asyncio.to_thread(work, *arguments)
        finally:
            turns.release()

    return wait_and_work
