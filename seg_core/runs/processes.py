"""Processes of this machine: which one it is, whether it still runs, and the signals that ask it to stop."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from dataclasses import dataclass
from functools import cache
from types import FrameType
from typing import Any, Self

import psutil


@dataclass(frozen=True)
class Owner:
    """One process of one machine. ``started`` tells it from a later process that was given the same number."""

    host: str
    pid: int
    started: float

    @classmethod
    def of(cls, pid: int | None = None) -> Owner:
        """Return the process ``pid`` of this machine, by default this process.

        Raises:
            psutil.NoSuchProcess: if there is none.
        """
        process = psutil.Process(os.getpid() if pid is None else pid)
        return cls(host_name(), process.pid, _start(process))

    @property
    def is_here(self) -> bool:
        """True if it is a process of this machine, so that we can know whether it lives."""
        return self.host == host_name()

    @property
    def is_gone(self) -> bool:
        """True if it certainly no longer runs; False for a process of another machine, of which nothing is known."""
        if not self.is_here:
            return False
        try:
            process = psutil.Process(self.pid)
            # A killed child that nobody has waited for still answers; only its state tells.
            return process.status() == psutil.STATUS_ZOMBIE or abs(_start(process) - self.started) > 1
        except psutil.NoSuchProcess:
            return True
        except psutil.AccessDenied:
            return False


@cache
def host_name() -> str:
    """Name of this machine as stored with runs and jobs; read once, since a network may change it during a run."""
    return socket.gethostname()


def _start(process: psutil.Process) -> float:
    # Linux counts from boot. psutil adds the time of boot, which moves whenever the clock is set; a run must not be lost to that.
    return process.create_time() - (psutil.boot_time() if psutil.LINUX else 0)


class Signals:
    """Inside its ``with`` block, Ctrl-C and SIGTERM ask this process to stop instead of killing it; a second one interrupts.

    A second signal within a second of the first does not count: process managers send both, or one twice.
    """

    def __init__(self) -> None:
        self._came_at: float | None = None
        self._before: dict[int, Any] = {}

    @property
    def came(self) -> bool:
        """True if a signal came."""
        return self._came_at is not None

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
        if self._came_at is None:
            self._came_at = now
        elif now - self._came_at > 1:
            raise KeyboardInterrupt
