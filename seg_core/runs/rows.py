"""The statements that `RunStore` is made of: each works within a transaction that its caller holds."""

from __future__ import annotations

import os
import time
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, select, update

from seg_core.common.text import legible
from seg_core.config import Config
from seg_core.errors import InputError
from seg_core.runs.database import batch_losses, log, runs, settings
from seg_core.runs.processes import Owner, host_name
from seg_core.runs.run import RUNNING, BatchLosses, Level, Run

_COLUMNS = runs.c.keys()
LARGEST_ID = 2**63 - 1
"""What SQLite can count to; the driver cannot even ask for more."""


def find(connection: Connection, run_id: int) -> Run:
    """A run by its number.

    Raises:
        InputError: if there is none.
    """
    row = connection.execute(select(runs).where(runs.c.id == run_id)).one_or_none() if 0 < run_id <= LARGEST_ID else None
    if row is None:
        raise InputError(f"There is no run {run_id}; choose one from the list of runs.")
    return to_run(row)


def to_run(row: Row[Any]) -> Run:
    """A run from its row of the table; what a query asks for after the table's columns is left alone."""
    # The settings were checked when they were written. A setting that came later has its default.
    values: dict[str, Any] = dict(zip(_COLUMNS, row, strict=False))
    lists = {name: tuple(values[name]) for name in ("sources", "tags")}
    configs = {name: Config.model_construct(**values[name]) for name in ("config", "config_before") if values[name]}
    return Run(**values | configs | lists)


def change(connection: Connection, run_id: int, *conditions: ColumnElement[bool], **values: Any) -> bool:
    """Set columns of a run where the conditions hold, and say whether they did."""
    return connection.execute(update(runs).where(runs.c.id == run_id, *conditions).values(**values)).rowcount == 1


def free_slots(connection: Connection) -> int:
    """How many more runs may train now; not negative."""
    running = connection.execute(select(func.count()).select_from(runs).where(runs.c.status.in_(RUNNING))).scalar_one()
    return max(0, slots(connection) - int(running))


def slots(connection: Connection) -> int:
    """How many runs may train at a time; 1 unless it was set."""
    value = connection.execute(select(settings.c.value).where(settings.c.name == "slots")).scalar_one_or_none()
    return 1 if value is None else int(value)


def line(connection: Connection) -> list[Run]:
    """The queued runs, the next one first."""
    in_order = select(runs).where(runs.c.status == "queued").order_by(runs.c.place, runs.c.id)
    return [to_run(row) for row in connection.execute(in_order)]


def last_place(connection: Connection) -> int:
    """A place behind all queued runs."""
    last = connection.execute(select(func.max(runs.c.place)).where(runs.c.status == "queued")).scalar_one()
    return (last or 0) + 1


def is_mine() -> ColumnElement[bool]:
    """Whether a run is one that this process works on."""
    return runs.c.status.in_(RUNNING) & (runs.c.host == host_name()) & (runs.c.pid == os.getpid())


def owned_by(owner: Owner | None) -> dict[str, Any]:
    """The columns that say whose a run is."""
    return {
        "host": owner.host if owner else None,
        "pid": owner.pid if owner else None,
        "pid_started": owner.started if owner else None,
    }


def is_abandoned(run: Run) -> bool:
    """Whether the process of a run is gone."""
    return run.owner is not None and run.owner.is_gone


def is_silent_elsewhere(run: Run) -> bool:
    """Whether a run is on another machine and has given no sign of life for a minute."""
    return run.owner is not None and not run.owner.is_here and time.time() - (run.heartbeat or 0) > 60


def lose(connection: Connection, run: Run, message: str) -> None:
    """Mark a run as lost, as of its last sign of life."""
    seen = run.heartbeat if run.started is not None else None
    change(connection, run.id, status="lost", finished=seen, eta_seconds=None, message=message)
    add_line(connection, run.id, "error", message)


def add_line(connection: Connection, run_id: int, level: Level, text: str) -> None:
    """Add a line to a run's log."""
    connection.execute(insert(log).values(run_id=run_id, time=time.time(), level=level, text=legible(text)))


def keep_losses(connection: Connection, run_id: int, of: BatchLosses) -> None:
    """Keep the losses of an epoch's batches; those of this and later epochs, left by an attempt that is started over, go."""
    connection.execute(delete(batch_losses).where(batch_losses.c.run_id == run_id, batch_losses.c.epoch >= of.epoch))
    packed = of.losses.astype("<f4").tobytes()
    connection.execute(insert(batch_losses).values(run_id=run_id, epoch=of.epoch, batches=of.batches, losses=packed))
