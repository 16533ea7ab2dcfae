"""SQL statements on jobs that several parts of `JobStore` share; the caller holds the transaction."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, select

from seg_core.errors import InputError
from seg_core.jobs.job import Job
from seg_core.runs import claim_protocol
from seg_core.runs.checked_values import RowCheck
from seg_core.runs.database import LARGEST_ID
from seg_core.runs.tables import jobs

_check = RowCheck(jobs.c)


def find(connection: Connection, job_id: int) -> Job:
    """Return a job by its number.

    Raises:
        InputError: if there is none.
    """
    row = connection.execute(select(jobs).where(jobs.c.id == job_id)).first() if 0 < job_id <= LARGEST_ID else None
    if row is None:
        raise InputError(f"There is no job {job_id}; start it again.")
    return to_job(row)


def to_job(row: Row[Any]) -> Job:
    """Make a job of its row of the table.

    Raises:
        DamagedRow: if it holds what no version writes.
    """
    _check(row)
    return Job(**row._asdict())


def change(connection: Connection, job_id: int, *conditions: ColumnElement[bool], **values: Any) -> bool:
    """Set columns of a job where the conditions hold; return True if they did."""
    return claim_protocol.change(connection, jobs, job_id, *conditions, **values)
