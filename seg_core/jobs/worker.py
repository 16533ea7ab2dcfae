"""The process that works on one job: a fresh interpreter that `seg_core.jobs.dispatch` starts."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable, Mapping

from seg_core.errors import InputError
from seg_core.jobs.dispatch import dispatch_jobs
from seg_core.jobs.job import Job, JobStatus, Kind
from seg_core.jobs.store import JobStore
from seg_core.processes.owner import Owner
from seg_core.processes.signals import Signals

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


def work_on(job_id: int, store: JobStore | None = None, kinds: Mapping[Kind, Work] | None = None) -> None:
    """Do a job that was started for this process, then start the next one. However it ends, the store says so.

    Args:
        job_id: the job.
        store: where it stands, by default the store of the home folder.
        kinds: what does each kind of job, by default `seg_core.jobs.kinds.KINDS`.

    Raises:
        InputError: if there is no such job.
    """
    from seg_core.jobs.kinds import KINDS

    store = store or JobStore()
    store.hand_over(job_id, Owner.of())
    job = store.get(job_id)
    status: JobStatus = "failed"
    with Signals() as signals:
        try:
            status, message = "finished", (kinds or KINDS)[job.kind](job, Advance(store, job_id, signals))
        except (Cancelled, KeyboardInterrupt):
            status, message = "stopped", "Cancelled."
        except InputError as error:
            status, message = "failed", str(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the job has to say so, and the whole of it is written down
            traceback.print_exception(error, file=sys.stderr)
            status, message = (
                "failed",
                f"It failed unexpectedly ({type(error).__name__}); results/jobs.log says more.",
            )
        store.finish(job_id, status, message)
    dispatch_jobs(store)
