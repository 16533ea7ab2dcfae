"""Which process owns a run or a job, and whether it still lives."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from functools import cache

import psutil


@dataclass(frozen=True)
class Owner:
    """One process of one machine. ``started`` tells it from a later process that was given the same number."""

    host: str
    pid: int
    started: float

    @classmethod
    def of(cls, pid: int | None = None) -> Owner:
        """The process ``pid`` of this machine, this process by default.

        Raises:
            psutil.NoSuchProcess: if there is none.
        """
        process = psutil.Process(os.getpid() if pid is None else pid)
        return cls(host_name(), process.pid, _start(process))

    @property
    def is_here(self) -> bool:
        """Whether it is a process of this machine, so that we can know whether it lives."""
        return self.host == host_name()

    @property
    def is_gone(self) -> bool:
        """Whether it surely runs no more; False for a process of another machine, of which nothing is known."""
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
    """The name by which this machine signs its runs and jobs; asked once, since a network may change it under a run."""
    return socket.gethostname()


def _start(process: psutil.Process) -> float:
    # Linux counts from boot. psutil adds the time of boot, which moves whenever the clock is set; a run must not be lost to that.
    return process.create_time() - (psutil.boot_time() if psutil.LINUX else 0)
