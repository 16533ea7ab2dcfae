"""What the app prints: as much as a person reads, never as much as an attacker can make it print."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, TextIO

from pages.server.log_file import Logged

BURST = 256 * 1024
"""Characters that may be printed at once."""
PER_SECOND = 512
"""Characters a second that may be printed in the long run: 44 MB a day."""


class BoundedStream:
    """A text stream that leaves out what is written to it too fast, and says afterwards how much that was.

    Everything else is that of the stream behind it.
    """

    def __init__(self, stream: TextIO | Logged, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._lock = threading.RLock()  # Ctrl-C may come in the middle of a write, and says so here
        self._allowance, self._as_of = float(BURST), clock()
        self._left_out = 0

    def write(self, text: str) -> int:
        """Write a text, or leave it out; return its length as every stream does."""
        with self._lock:
            now = self._clock()
            self._allowance = min(BURST, self._allowance + (now - self._as_of) * PER_SECOND)
            self._as_of = now
            # After an omission it waits until a whole message fits, rather than to print a piece of each.
            if self._allowance < (BURST / 16 if self._left_out else len(text)):
                self._left_out += len(text)
                return len(text)
            if self._left_out:
                self._stream.write(f"\n… {self._left_out} characters left out: too much at once.\n")
                self._left_out = 0
            self._allowance -= len(text)
            return self._stream.write(text)

    def writelines(self, lines: Any) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def bound_the_output(log: logging.Logger) -> None:
    """From now on, limit what this process prints, be it a log, a traceback or a library's own words, and log it too."""
    sys.stdout, sys.stderr = BoundedStream(Logged(sys.stdout, log)), BoundedStream(Logged(sys.stderr, log))
