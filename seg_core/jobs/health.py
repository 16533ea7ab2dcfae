"""Whether the app can do its work: its store, the disk, the workers and the queue."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from seg_core.jobs.supervisor import Supervisor
from seg_core.runs.probe import Probe, probe
from seg_core.runs.store import RunStore

ENOUGH_BYTES = 500_000_000
"""A training writes its model, its resume state and its pictures, which take about a fifth of this."""
FRESH_SECONDS = 1.0


@dataclass(frozen=True)
class Health:
    """The state of the app at a moment.

    Attributes:
        found: what is in the store.
        free_bytes: space on the disk that holds the home folder; None if it cannot be told.
        queue_problem: what keeps the queue from going on, in a sentence; empty if nothing does.
    """

    found: Probe
    free_bytes: int | None
    queue_problem: str

    @property
    def has_room(self) -> bool:
        """True if the disk has room for the next model."""
        return self.free_bytes is not None and self.free_bytes >= ENOUGH_BYTES

    @property
    def problems(self) -> list[str]:
        """What is wrong, in sentences; none if all is well."""
        megabytes = (self.free_bytes or 0) // 1_000_000
        checks = {
            "The run database cannot be read.": self.found.readable,
            "The run database cannot be written.": self.found.writable or not self.found.readable,
            f"The disk of the home folder has {megabytes} MB left; a training needs {ENOUGH_BYTES // 1_000_000}.": self.has_room,
            self.queue_problem: not self.queue_problem,
        }
        return [sentence for sentence, is_well in checks.items() if not is_well]


def look(store: RunStore, supervisor: Supervisor | None) -> Health:
    """Look at a store, the disk of its home folder, and the thread that starts workers."""
    try:
        free = shutil.disk_usage(store.home).free
    except OSError:
        free = None
    return Health(probe(store.at), free, supervisor.problem if supervisor else "")


class Recent:
    """Looks once a second at most, however many ask. Thread-safe."""

    def __init__(self, look: Callable[[], Health]) -> None:
        self._look, self._lock = look, threading.Lock()
        self._at = float("-inf")
        self._health: Health | None = None

    def __call__(self) -> Health:
        """Return the state of the app, a second old at most."""
        with self._lock:
            if self._health is None or time.monotonic() - self._at > FRESH_SECONDS:
                self._health, self._at = self._look(), time.monotonic()
            return self._health
