"""SQL statements on runs that several parts of `RunStore` share; the caller holds the transaction."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, select

from seg_core.common.text import legible
from seg_core.config import Config
from seg_core.errors import InputError
from seg_core.runs import claim_protocol
from seg_core.runs.alerts import events
from seg_core.runs.checked_values import RowCheck
from seg_core.runs.claim_protocol import RUNNING
from seg_core.runs.database import LARGEST_ID
from seg_core.runs.run import Level, Run
from seg_core.runs.tables import log, runs, settings

MOST_LINES, LONGEST_LINE = 5_000, 4_000
"""Lines of a run's log that are kept, and characters of each."""
FORGET_EVERY = 101
"""Older lines are looked for this often; a prime, since runs that train side by side take turns with the numbers of lines."""
_COLUMNS = runs.c.keys()
_check_run, _check_setting = RowCheck(runs.c), RowCheck(settings.c)


def find(connection: Connection, run_id: int) -> Run:
    """Return a run by its number.

    Raises:
        InputError: if there is none.
    """
    row = connection.execute(select(runs).where(runs.c.id == run_id)).one_or_none() if 0 < run_id <= LARGEST_ID else None
    if row is None:
        raise InputError(f"There is no run {run_id}; choose one from the list of runs.")
    return to_run(row)


def to_run(row: Row[Any]) -> Run:
    """Make a run of its row of the table; columns that a query adds after the table's are ignored.

    Raises:
        DamagedRow: if it holds what no version writes.
    """
    _check_run(row)
    # The settings were checked when they were written. A setting that came later has its default.
    values: dict[str, Any] = dict(zip(_COLUMNS, row, strict=False))
    lists = {name: tuple(values[name]) for name in ("sources", "tags")}
    configs = {name: Config.model_construct(**values[name]) for name in ("config", "config_before") if values[name]}
    return Run(**values | configs | lists)


def change(connection: Connection, run_id: int, *conditions: ColumnElement[bool], **values: Any) -> bool:
    """Set columns of a run where the conditions hold; return True if they did."""
    return claim_protocol.change(connection, runs, run_id, *conditions, **values)


def queued(connection: Connection) -> list[Run]:
    """Return the queued runs, the next one first."""
    in_order = select(runs).where(runs.c.status == "queued").order_by(runs.c.place, runs.c.id)
    return [to_run(row) for row in connection.execute(in_order)]


def slots(connection: Connection) -> int:
    """Return how many runs may train at a time; 1 unless it was set."""
    row = connection.execute(select(settings).where(settings.c.name == "slots")).one_or_none()
    if row is None:
        return 1
    _check_setting(row)
    return int(row.value)


def free_slots(connection: Connection) -> int:
    """Return how many more runs may train now; not negative."""
    running = connection.execute(select(func.count()).select_from(runs).where(runs.c.status.in_(RUNNING))).scalar_one()
    return max(0, slots(connection) - int(running))


def is_silent_elsewhere(run: Run) -> bool:
    """Return True if a run is on another machine and has given no sign of life for a minute."""
    return run.owner is not None and not run.owner.is_here and time.time() - (run.heartbeat or 0) > 60


def silent(run: Run) -> str:
    """Message for a run that is silent elsewhere."""
    return f"The machine {run.host} gave no sign of life when the run was asked to stop."


def mark_lost(connection: Connection, run: Run, message: str) -> None:
    """Mark a run as lost, as of its last sign of life."""
    seen = run.heartbeat if run.started is not None else None
    change(connection, run.id, status="lost", finished=seen, eta_seconds=None, message=message)
    add_line(connection, run.id, "error", message)
    events.record(connection, "lost", find(connection, run.id), reason=message)


def withdraw_extension(connection: Connection, run: Run, why: str = "") -> None:
    """Mark a run that was to train more epochs as finished again, as it was, before any of them is whole."""
    assert run.config_before is not None
    config = run.config_before.model_dump(mode="json")
    again = {"status": "finished", "config": config, "config_before": None, "epoch": run.epochs_done, "eta_seconds": None}
    message = f"It was not continued: {why}" if why else ""
    change(connection, run.id, **again | claim_protocol.owned_by(None), finished=time.time(), message=legible(message))


def add_line(connection: Connection, run_id: int, level: Level, text: str) -> None:
    """Add a line to a run's log, which forgets its oldest lines beyond ``MOST_LINES``."""
    added = (
        insert(log).values(run_id=run_id, time=time.time(), level=level, text=legible(text)[:LONGEST_LINE]).returning(log.c.id)
    )
    if connection.execute(added).scalar_one() % FORGET_EVERY == 0:
        newest = select(log.c.id).where(log.c.run_id == run_id).order_by(log.c.id.desc()).limit(1).offset(MOST_LINES)
        connection.execute(delete(log).where(log.c.run_id == run_id, log.c.id <= newest.scalar_subquery()))
