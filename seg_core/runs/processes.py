"""Processes that work on runs and jobs: who they are, how they start, and how they are asked to stop."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any, Self

import psutil

from seg_core.common.home import PROJECT

if sys.platform == "win32":  # where `start_new_session` does nothing
    DETACHED = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
else:
    DETACHED = 0


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


def spawn(command: Sequence[str], output: Path, home: Path) -> subprocess.Popen[bytes]:
    """Start a command whose LESIONLAB_HOME is ``home``; what it prints is added to the file ``output``.

    Raises:
        OSError: if it cannot be started, or the file not be written.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    with output.open("ab") as file:
        return subprocess.Popen(
            command,
            cwd=PROJECT,
            env=os.environ | {"LESIONLAB_HOME": str(home), "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
            creationflags=DETACHED,
        )
