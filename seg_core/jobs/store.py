"""The job store: requests, in the order they came, and how far each is; beside the runs, in the same SQLite file."""

from __future__ import annotations

import os
import time
import weakref
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, insert, select, update

from seg_core.common.home import home
from seg_core.common.text import legible
from seg_core.errors import InputError
from seg_core.jobs.job import AT_WORK, Job, JobStatus, Request
from seg_core.runs.database import jobs, open_database
from seg_core.runs.processes import Owner, host_name
from seg_core.runs.rows import owned_by

LOST = "Its process ended without a word: it was killed, or the machine ran out of memory or restarted. Ask for it again."


class JobStore:
    """All jobs of one home folder. Cheap to make, safe to share between threads, never shared by a fork.

    A job goes from queued to running (`start_next`), perhaps to stopping (`cancel`), and ends finished, stopped or failed
    (`finish`). One of a kind works at a time, so that three evaluations asked for at once do not fight for the processor.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Open the database ``path``, by default that of the runs in the home folder; make it when missing.

        Raises:
            InputError: if the file cannot be opened, is no database, or was made by a newer version.
        """
        self.path = (home() / "lesionlab.db" if path is None else path).resolve()
        self._reader, self._writer = open_database(self.path)
        weakref.finalize(self, self._reader.dispose)

    def ask(self, request: Request) -> Job:
        """The job that answers a request: the one that is active already, else a new one."""
        with self._writer.begin() as connection:
            same = (jobs.c.kind == request.kind) & (jobs.c.key == request.key)
            active = jobs.c.status.in_(("queued", *AT_WORK))
            if row := connection.execute(select(jobs).where(same, active)).first():
                return _to_job(row)
            values = {"kind": request.kind, "key": request.key, "arguments": request.arguments}
            new = insert(jobs).values(**values, status="queued", created=time.time()).returning(jobs.c.id)
            return _find(connection, connection.execute(new).scalar_one())

    def get(self, job_id: int) -> Job:
        """One job as it is now.

        Raises:
            InputError: if there is none of this number.
        """
        with self._reader.begin() as connection:
            return _find(connection, job_id)

    def latest(self, request: Request) -> Job | None:
        """The last job that this was asked of, or None."""
        query = select(jobs).where(jobs.c.kind == request.kind, jobs.c.key == request.key).order_by(jobs.c.id.desc()).limit(1)
        with self._reader.begin() as connection:
            row = connection.execute(query).first()
            return None if row is None else _to_job(row)

    def start_next(self) -> Job | None:
        """Make the oldest queued job of a kind of which none is at work this process's own; that job, or None."""
        busy = select(jobs.c.kind).where(jobs.c.status.in_(AT_WORK))
        next_one = select(jobs.c.id).where(jobs.c.status == "queued", jobs.c.kind.not_in(busy)).order_by(jobs.c.id).limit(1)
        with self._reader.begin() as connection:  # asked every second: the one writer is left to the trainings
            if connection.execute(next_one).first() is None:
                return None
        with self._writer.begin() as connection:
            job_id = connection.execute(next_one).scalar_one_or_none()
            if job_id is None:
                return None
            _change(connection, job_id, status="running", **owned_by(Owner.of()))
            return _find(connection, job_id)

    def hand_over(self, job_id: int, owner: Owner) -> None:
        """Note the process that was started for a job."""
        with self._writer.begin() as connection:
            _change(connection, job_id, jobs.c.status.in_(AT_WORK), **owned_by(owner))

    def progress(self, job_id: int, done: int, total: int, message: str = "") -> None:
        """Note how far a job of this process is."""
        with self._writer.begin() as connection:
            _change(connection, job_id, _is_mine(), done=done, total=total, message=legible(message))

    def should_stop(self, job_id: int) -> bool:
        """Whether this process is to leave the job: it was cancelled, or is no longer this process's."""
        query = select(jobs.c.id).where(jobs.c.id == job_id, jobs.c.status == "running", _is_mine())
        with self._reader.begin() as connection:
            return connection.execute(query).first() is None

    def cancel(self, job_id: int) -> Job:
        """Ask a job to stop. Nothing happens to one that has ended.

        A queued one is stopped at once, and so is one of another machine: nobody can tell whether its process lives. If it does,
        it learns that the job is no longer its own.
        """
        with self._writer.begin() as connection:
            job = _find(connection, job_id)
            is_elsewhere = job.owner is not None and not job.owner.is_here
            if job.status == "queued" or (job.status in AT_WORK and is_elsewhere):
                _change(connection, job_id, status="stopped", finished=time.time())
            elif job.status == "running":
                _change(connection, job_id, status="stopping")
            return _find(connection, job_id)

    def finish(self, job_id: int, status: JobStatus, message: str = "") -> None:
        """Write how a job of this process ended."""
        with self._writer.begin() as connection:
            _change(connection, job_id, _is_mine(), status=status, finished=time.time(), message=legible(message))

    def mark_lost(self) -> None:
        """Mark as failed the jobs of this machine whose process is gone, and as stopped those that were to stop."""
        with self._reader.begin() as connection:
            at_work = [_to_job(row) for row in connection.execute(select(jobs).where(jobs.c.status.in_(AT_WORK)))]
        for job in at_work:
            if job.owner is None or job.owner.is_gone:
                with self._writer.begin() as connection:
                    same = jobs.c.status.in_(AT_WORK) & (jobs.c.pid.is_(job.pid) if job.pid is None else jobs.c.pid == job.pid)
                    ending = {"status": "stopped"} if job.status == "stopping" else {"status": "failed", "message": LOST}
                    _change(connection, job.id, same, finished=time.time(), **ending)


def _find(connection: Connection, job_id: int) -> Job:
    row = connection.execute(select(jobs).where(jobs.c.id == job_id)).first() if 0 < job_id < 2**63 else None
    if row is None:
        raise InputError(f"There is no job {job_id}; ask for it again.")
    return _to_job(row)


def _to_job(row: Row[Any]) -> Job:
    return Job(**row._asdict())


def _change(connection: Connection, job_id: int, *conditions: ColumnElement[bool], **values: Any) -> None:
    connection.execute(update(jobs).where(jobs.c.id == job_id, *conditions).values(**values))


def _is_mine() -> ColumnElement[bool]:
    return jobs.c.status.in_(AT_WORK) & (jobs.c.host == host_name()) & (jobs.c.pid == os.getpid())
