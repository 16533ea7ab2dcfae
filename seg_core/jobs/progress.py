"""Progress of a job: reported to the store, which also says when the job should stop."""

from __future__ import annotations

import time
from collections.abc import Callable

from seg_core.jobs.job import Job
from seg_core.jobs.store import JobStore
from seg_core.runs.processes import Signals

WRITE_EVERY = 0.2
"""Seconds between two writes of the progress."""


class Cancelled(Exception):
    """The job was cancelled."""


class Advance:
    """Callback that records the progress of a job a few times a second, and stops the job when it is cancelled."""

    def __init__(self, store: JobStore, job_id: int, signals: Signals) -> None:
        self._progress, self._job_id, self._signals = store.progress, job_id, signals
        self._written, self._what = float("-inf"), ""

    def __call__(self, done: int, total: int, what: str) -> None:
        """Record that ``done`` of ``total`` is done, and the current step.

        Raises:
            Cancelled: if the job should stop.
        """
        if time.monotonic() - self._written >= WRITE_EVERY or what != self._what or 0 < total <= done:
            self._written, self._what = time.monotonic(), what
            self._progress.update(self._job_id, done, total, what)
            if self.should_stop():
                raise Cancelled

    def should_stop(self) -> bool:
        """Return True if the job should stop, for tasks that wait without making progress."""
        return self._signals.came or self._progress.should_stop(self._job_id)


Work = Callable[[Job, Advance], str]
"""Does a job; returns one sentence on its result, or nothing."""
