"""The job store: requests in the order they came, and the progress of each job; beside the runs, in the same database."""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import Connection, insert, select

from seg_core.common.text import legible
from seg_core.jobs.claims import JobClaims
from seg_core.jobs.job import ACTIVE, Job, JobStatus, Request
from seg_core.jobs.rows import change, find, to_job
from seg_core.runs import claim_protocol
from seg_core.runs.claim_protocol import is_mine
from seg_core.runs.database import PATIENCE, Database, Where, everyone_may, open_database, patient
from seg_core.runs.launcher import LOCAL, Launcher
from seg_core.runs.tables import jobs


class JobStore:
    """All jobs of one home folder. Cheap to make, safe to share between threads, never shared by a fork.

    A job goes from queued to running (`JobClaims.claim`), perhaps to stopping (`cancel`), and ends finished, stopped or failed
    (`JobProgress.finish`).

    Attributes:
        claims: decides which process works on which job, for dispatchers and workers.
        progress: records the progress of a job, for the worker that does it.
    """

    def __init__(
        self, at: Where | None = None, launcher: Launcher = LOCAL, may_change: Callable[[], None] = everyone_may
    ) -> None:
        """Open a database; create it if missing.

        Args:
            at: where it is, by default as `seg_core.runs.database.open_database` has it.
            launcher: starts the workers of jobs, and tells which are gone.
            may_change: asked before each change that a user wants; raises `InputError` if this one may not.

        Raises:
            InputError: if it cannot be opened, is no database, or was made by a newer version.
        """
        self._database = open_database(at, may_change)
        self.at, self.home = self._database.at, self._database.home
        self.claims = JobClaims(self._database, launcher)
        self.progress = JobProgress(self._database)

    def close(self) -> None:
        """Close the database. Optional: it closes when the store is dropped."""
        self._database.close()

    def submit(self, request: Request) -> Job:
        """Return the job that answers a request: the active one if there is one, else a new one."""
        with self._database.change() as connection:
            same = (jobs.c.kind == request.kind) & (jobs.c.key == request.key)
            if row := connection.execute(select(jobs).where(same, jobs.c.status.in_(ACTIVE))).first():
                return to_job(row)
            values = {"kind": request.kind, "key": request.key, "arguments": request.arguments}
            new = insert(jobs).values(**values, status="queued", created=time.time()).returning(jobs.c.id)
            return find(connection, connection.execute(new).scalar_one())

    def get(self, job_id: int) -> Job:
        """Return one job as it is now.

        Raises:
            InputError: if there is none of this number.
        """
        with self._database.read() as connection:
            return find(connection, job_id)

    def latest(self, request: Request) -> Job | None:
        """Return the last job of a request, or None."""
        query = select(jobs).where(jobs.c.kind == request.kind, jobs.c.key == request.key).order_by(jobs.c.id.desc()).limit(1)
        with self._database.read() as connection:
            row = connection.execute(query).first()
            return None if row is None else to_job(row)

    def cancel(self, job_id: int) -> Job:
        """Stop a queued job at once, and ask the process of a running one to stop. Nothing happens to one that has ended.

        A running job of another machine is stopped at once too: nobody can tell whether its process lives. If it does, it learns
        that the job is no longer its own.
        """
        with self._database.change() as connection:
            _cancel(connection, find(connection, job_id))
            return find(connection, job_id)


class JobProgress:
    """Progress of the jobs that this process does."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @patient
    def update(self, job_id: int, done: int, total: int, message: str = "") -> None:
        """Record the progress of a job of this process."""
        with self._database.write() as connection:
            change(connection, job_id, is_mine(jobs), done=done, total=total, message=legible(message))

    def should_stop(self, job_id: int) -> bool:
        """Return True if this process should stop working on the job: it was cancelled, or is no longer this process's."""
        with self._database.read() as connection:
            return claim_protocol.should_stop(connection, jobs, job_id)

    @patient
    def finish(self, job_id: int, status: JobStatus, message: str = "") -> None:
        """Record how a job of this process ended, on a full disk in the room that is kept in reserve."""
        values = {"status": status, "finished": time.time(), "message": legible(message)}
        self._database.write_urgently(lambda connection: change(connection, job_id, is_mine(jobs), **values), PATIENCE)


def _cancel(connection: Connection, job: Job) -> None:
    is_elsewhere = job.owner is not None and not job.owner.is_here
    match job.status:
        case "queued":
            change(connection, job.id, status="stopped", finished=time.time())
        case "running" | "stopping" if is_elsewhere:
            change(connection, job.id, status="stopped", finished=time.time())
        case "running":
            change(connection, job.id, status="stopping")
