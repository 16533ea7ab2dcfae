"""The claim protocol for jobs: one of each kind works at a time, the oldest first; of evaluations as many as the cores feed."""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, select

from seg_core.common.parallel import MOST_WORKERS
from seg_core.jobs import rows
from seg_core.jobs.job import Job, Kind
from seg_core.runs.claim_protocol import RUNNING, Claims
from seg_core.runs.database import Database
from seg_core.runs.launcher import Launcher
from seg_core.runs.tables import jobs

LOST = "Its process ended unexpectedly: it was killed, or the machine ran out of memory or restarted. Start it again."


def at_once(kind: Kind) -> int:
    """Return how many jobs of a kind work at a time on this machine."""
    return max(1, (os.cpu_count() or 1) // MOST_WORKERS) if kind == "evaluate" else 1


class JobClaims(Claims[Job]):
    """Decides which job is next, and which process does it.

    It is a job's turn when it is the oldest queued one of its kind and none of that kind is running: two scans requested at once
    do not compete for the processor. Of evaluations, each of which keeps up to eight cores busy, several run on a machine of
    many cores. Jobs run beside trainings.
    """

    command = "job"
    try_again = "start it again"

    def __init__(self, database: Database, launcher: Launcher) -> None:
        super().__init__(database, launcher, jobs)

    def output(self, id: int) -> Path:
        """File to which a worker's output is appended; all jobs share it."""
        return self.home / "results" / "jobs.log"

    def _find(self, connection: Connection, id: int) -> Job:
        return rows.find(connection, id)

    def _from_row(self, row: Row[Any]) -> Job:
        return rows.to_job(row)

    def _turn(self, connection: Connection) -> list[Job]:
        at_work = Counter(connection.scalars(select(jobs.c.kind).where(jobs.c.status.in_(RUNNING))))
        due: list[Job] = []
        for job in self._select(connection, jobs.c.status == "queued"):
            if at_work[job.kind] < at_once(job.kind):
                at_work[job.kind] += 1
                due.append(job)
        return due

    def _why_lost(self, item: Job) -> str:
        return self._cause(LOST) if self._is_abandoned(item) else ""

    def _write_lost(self, connection: Connection, item: Job, why: str) -> None:
        ending = {"status": "stopped"} if item.status == "stopping" else {"status": "failed", "message": why}
        rows.change(connection, item.id, finished=time.time(), **ending)

    def _after_failed_start(self, connection: Connection, id: int, message: str) -> None:
        rows.change(connection, id, finished=time.time())
