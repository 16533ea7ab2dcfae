"""Ctrl-C and SIGTERM as a wish to stop."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType
from typing import Any, Self


class Signals:
    """While in its ``with`` block, Ctrl-C and SIGTERM ask to stop instead of killing; a second one does interrupt.

    Within a second of the first one it does not: process managers send both, or one twice.
    """

    def __init__(self) -> None:
        self.came_at: float | None = None
        self._before: dict[int, Any] = {}

    @property
    def came(self) -> bool:
        """Whether a signal came."""
        return self.came_at is not None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():  # Python takes handlers from no other
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.came_at is None:
            self.came_at = now
        elif now - self.came_at > 1:
            raise KeyboardInterrupt
