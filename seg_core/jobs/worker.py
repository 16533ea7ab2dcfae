"""The process that works on one job: a fresh interpreter that a dispatcher starts."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Mapping

from seg_core.errors import InputError
from seg_core.jobs.job import Job, JobStatus, Kind
from seg_core.jobs.progress import Advance, Cancelled, Work
from seg_core.jobs.store import JobStore
from seg_core.runs.dispatch import dispatch
from seg_core.runs.processes import Signals


def work_on(job_id: int, store: JobStore | None = None, tasks: Mapping[Kind, Work] | None = None) -> None:
    """Claim a queued job and do it if it is its turn, then start the next ones. However it ends, the store records it.

    Args:
        job_id: the job.
        store: its store, by default that of the home folder.
        tasks: the function that does each kind of job, by default `seg_core.jobs.tasks.TASKS`.

    Raises:
        InputError: if there is no such job.
    """
    store = store or JobStore()
    with Signals() as signals:
        if store.claims.claim(job_id):
            _carry_out(store, store.get(job_id), signals, tasks)
    dispatch(store)


def _carry_out(store: JobStore, job: Job, signals: Signals, tasks: Mapping[Kind, Work] | None) -> None:
    """Do a claimed job, and record how it ended whatever happens."""
    status: JobStatus = "failed"
    try:
        status, message = "finished", _task(job.kind, tasks)(job, Advance(store, job.id, signals))
    except (Cancelled, KeyboardInterrupt):
        status, message = "stopped", "Cancelled."
    except InputError as error:
        message = str(error)
    except Exception as error:  # noqa: BLE001 - whatever it is, the job has to end with a message, and the traceback is kept
        traceback.print_exception(error, file=sys.stderr)
        message = f"It failed unexpectedly ({type(error).__name__}); results/jobs.log says more."
    store.progress.finish(job.id, status, message)


def _task(kind: Kind, tasks: Mapping[Kind, Work] | None) -> Work:
    from seg_core.jobs.tasks import TASKS  # what tasks need takes long to import: the job is claimed before

    known = tasks or TASKS
    if kind not in known:
        raise InputError(f"This version of LesionLab has no job {kind!r}; start it again from its page.")
    return known[kind]
