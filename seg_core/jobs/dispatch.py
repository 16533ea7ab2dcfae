"""Starting the process of the next job."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Sequence

from seg_core.jobs.job import Job
from seg_core.jobs.store import JobStore
from seg_core.runs.processes import Owner, spawn

Command = Callable[[int], Sequence[str]]
"""The command line that works on a job."""


def job_command(job_id: int) -> Sequence[str]:
    """A fresh interpreter, this one's like, that works on a job."""
    return (sys.executable, "-m", "seg_core", "job", str(job_id))


def dispatch_jobs(store: JobStore, command: Command = job_command) -> Job | None:
    """Mark jobs whose process is gone as failed; then start the process of the next one, if none of its kind is at work.

    Any process may call it at any time: a job's process is started once.

    Returns:
        The job whose process was started, or None.
    """
    store.mark_lost()
    job = store.start_next()
    if job is None:
        return None
    try:
        process = spawn(command(job.id), store.path.parent / "results" / "jobs.log", store.path.parent)
    except OSError as error:
        store.finish(job.id, "failed", f"Its process could not be started ({error.strerror}); ask for it again.")
        return None
    store.hand_over(job.id, Owner.of(process.pid))
    threading.Thread(target=_wait, args=(process,), name=f"wait-job-{job.id}", daemon=True).start()
    return job


def _wait(process: subprocess.Popen[bytes]) -> None:
    process.wait()  # a dead child that nobody waits for is never quite gone
