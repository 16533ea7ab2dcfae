"""Copying a run database from one place to another: a file to a server, when a group outgrows one machine, or back."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Column, Connection, RowMapping, Table, func, insert, select
from sqlalchemy.engine import make_url

from seg_core.errors import InputError
from seg_core.runs.database import Database
from seg_core.runs.postgres import name_of
from seg_core.runs.run import ACTIVE
from seg_core.runs.tables import changes, jobs, metadata, runs, settings

AT_A_TIME = 5_000
"""Rows that are read and written at a time, so that memory does not grow with the database."""
_OWN = {"format"}
"""Settings that belong to what keeps a database."""


def copy_database(source: Database, target: Database, on_progress: Callable[[int, int], None] = lambda done, total: None) -> int:
    """Copy everything into an empty database, all or nothing, and return the number of runs. The source is only read.

    Numbers of runs stay, so that their folders do too.

    Args:
        source: what is copied.
        target: an empty database.
        on_progress: gets how many rows are copied, and how many there are.

    Raises:
        InputError: if the target holds runs already, or runs of the source are at work or wait.
        StoreError: if one of the databases cannot be used.
    """
    with source.read() as old, target.write() as new:
        if new.execute(select(func.count()).select_from(runs)).scalar_one():
            raise InputError(f"{_name(target)} holds runs already; copy into an empty database.")
        active = old.execute(select(runs.c.id, runs.c.status).where(runs.c.status.in_(ACTIVE))).first()
        if active:
            raise InputError(f"Run {active.id} is {active.status} in {_name(source)}; wait for it, or stop it, and copy then.")
        tables = [table for table in metadata.sorted_tables if table is not changes]  # stamps are given anew
        total = sum(int(old.execute(select(func.count()).select_from(table)).scalar_one()) for table in tables)
        done = 0
        for table in tables:
            for rows in old.execute(select(table).order_by(*table.primary_key)).mappings().partitions(AT_A_TIME):
                kept = [dict(row) for row in rows if not _stays(table, row)]
                if kept:
                    new.execute(insert(table), kept)
                done += len(rows)
                on_progress(done, total)
        for table in tables:
            _go_on_after(new, table)
        return int(new.execute(select(func.count()).select_from(runs)).scalar_one())


def _stays(table: Table, row: RowMapping) -> bool:
    """True for a row that means nothing elsewhere."""
    return (table is settings and row["name"] in _OWN) or (table is jobs and row["status"] in ACTIVE)


def _go_on_after(connection: Connection, table: Table) -> None:
    """Let the next row that a server numbers follow the copied ones, and folders of runs; SQLite does so by itself."""
    key: Column[int] | None = table.autoincrement_column
    highest = None if key is None else connection.execute(select(func.max(key))).scalar_one()
    if key is not None and highest and connection.dialect.name == "postgresql":
        numbers = func.pg_get_serial_sequence(table.name, key.name)
        connection.execute(select(func.setval(numbers, func.greatest(highest, func.nextval(numbers)))))


def _name(database: Database) -> str:
    return name_of(make_url(database.at)) if isinstance(database.at, str) else str(database.at)
