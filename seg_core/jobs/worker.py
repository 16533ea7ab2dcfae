"""The process that works on one job: a fresh interpreter that `seg_core.jobs.dispatch` starts."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Mapping

from seg_core.errors import InputError
from seg_core.jobs.dispatch import dispatch_jobs
from seg_core.jobs.job import JobStatus, Kind
from seg_core.jobs.progress import Advance, Cancelled, Work
from seg_core.jobs.store import JobStore
from seg_core.runs.processes import Owner, Signals


def work_on(job_id: int, store: JobStore | None = None, kinds: Mapping[Kind, Work] | None = None) -> None:
    """Do a job that was started for this process, then start the next one. However it ends, the store says so.

    Args:
        job_id: the job.
        store: where it stands, by default the store of the home folder.
        kinds: what does each kind of job, by default `seg_core.jobs.tasks.KINDS`.

    Raises:
        InputError: if there is no such job.
    """
    from seg_core.jobs.tasks import KINDS

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
