"""What a training uses of its machine, and what is left there."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Room:
    """What is left on a machine, in bytes."""

    disk: int
    memory: int


def room_left(folder: Path) -> Room:
    """Return what is left in memory, and on the disk of a folder."""
    return Room(psutil.disk_usage(str(folder)).free, psutil.virtual_memory().available)


class Resources:
    """Measures what this process uses, from one call of `values` to the next."""

    def __init__(self) -> None:
        self._process, self._memory = psutil.Process(), 0
        self._begin()

    def look(self) -> None:
        """Look at the memory now; costs 50 µs."""
        self._memory = max(self._memory, self._process.memory_info().rss)

    def values(self) -> dict[str, float]:
        """Return ``cores``, processor time per time, and ``memory``, the most in use in GB, and begin again."""
        self.look()
        cores = (self._cpu_time() - self._cpu_began) / max(time.monotonic() - self._began, 1e-9)
        values = {"cores": cores, "memory": self._memory / 1e9}
        self._begin()
        return values

    def _begin(self) -> None:
        self._memory, self._cpu_began, self._began = 0, self._cpu_time(), time.monotonic()

    def _cpu_time(self) -> float:
        """Processor time of this process and of the processes that it has waited for, in seconds."""
        times = self._process.cpu_times()
        return float(times.user + times.system + times.children_user + times.children_system)
