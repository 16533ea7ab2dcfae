"""How far a job is, and whether it is to stop."""

from __future__ import annotations

import time
from collections.abc import Callable

from seg_core.jobs.job import Job
from seg_core.jobs.store import JobStore
from seg_core.runs.processes import Signals

WRITE_EVERY = 0.2
"""Seconds between two writes of how far the job is."""


class Cancelled(Exception):
    """The job was cancelled."""


class Advance:
    """Takes how far a job is, writes it to the store a few times a second, and asks it then whether the job is to stop."""

    def __init__(self, store: JobStore, job_id: int, signals: Signals) -> None:
        self._store, self._job_id, self._signals = store, job_id, signals
        self._written, self._what = float("-inf"), ""

    def __call__(self, done: int, total: int, what: str) -> None:
        """Note that ``done`` of ``total`` is done, and what is being done.

        Raises:
            Cancelled: if the job is to stop.
        """
        if time.monotonic() - self._written >= WRITE_EVERY or what != self._what or 0 < total <= done:
            self._written, self._what = time.monotonic(), what
            self._store.progress(self._job_id, done, total, what)
            if self.should_stop():
                raise Cancelled

    def should_stop(self) -> bool:
        """Whether the job is to stop, for what waits without getting any further."""
        return self._signals.came or self._store.should_stop(self._job_id)


Work = Callable[[Job, Advance], str]
"""Does a job; gives one sentence on its result, or nothing."""
