"""The claim protocol that runs and jobs share: it decides which process works on which item.

An item, a run or a job, passes through three states:

1. *queued*, with no owner. It is due when its turn comes.
2. *reserved*: still queued, but owned by the process that starts a worker for it, and then by that worker.
3. *running*: claimed by its worker, in one transaction, so that no two processes ever work on it.

When its owner is gone, a reserved item is due again, and a running one is lost.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, Protocol, TypeVar

from sqlalchemy import ColumnElement, Connection, Row, Table, select, update

from seg_core.common.text import legible
from seg_core.runs.database import Database
from seg_core.runs.database_errors import is_full
from seg_core.runs.launcher import Launcher
from seg_core.runs.processes import Owner, host_name

RUNNING: tuple[Literal["running"], Literal["stopping"]] = ("running", "stopping")
"""Statuses in which a process works on an item."""


class Owned(Protocol):
    """A run or a job, as far as its ownership goes."""

    @property
    def id(self) -> int: ...
    @property
    def status(self) -> str: ...
    @property
    def owner(self) -> Owner | None: ...


Item = TypeVar("Item", bound=Owned)


class Claims(ABC, Generic[Item]):
    """Reserves and claims the items of one table. Any process may call any method at any time.

    Dispatchers (`seg_core.runs.dispatch`) use all but `claim`, workers use `claim`; pages and commands only `mark_lost`.
    """

    command: ClassVar[str]
    """Command of ``python -m seg_core`` that works on an item."""
    try_again: ClassVar[str]
    """Advice after a failed start."""

    def __init__(self, database: Database, launcher: Launcher, table: Table) -> None:
        self.launcher = launcher
        self.home = database.home
        self._database, self._table = database, table

    def next_due(self) -> Item | None:
        """Return the next item that needs a worker, or None if it is nobody's turn or all in turn have one."""
        with self._database.read() as connection:  # asked every second: the one writer is left to the trainings
            return next(iter(self._due(connection)), None)

    def reserve(self, id: int) -> bool:
        """Reserve a queued item, so that only this process starts a worker for it; return False if it is not due."""
        with self._database.write() as connection:
            if id not in [item.id for item in self._due(connection)] or not self._lock(connection, id):
                return False
            return change(connection, self._table, id, **owned_by(Owner.of()))

    def hand_over(self, id: int, owner: Owner) -> None:
        """Pass an item that this process has reserved to its worker; nothing happens if the worker has claimed it already."""
        with self._database.write() as connection:
            change(connection, self._table, id, self._is_reserved_by(Owner.of()), **owned_by(owner))

    def fail_start(self, id: int, owner: Owner, message: str) -> None:
        """Mark an item as failed if it is still reserved by ``owner``, whose worker ended before it claimed it."""
        with self._database.write() as connection:
            values = {"status": "failed", "message": legible(message)}
            if change(connection, self._table, id, self._is_reserved_by(owner), **values):
                self._after_failed_start(connection, id, message)

    def claim(self, id: int) -> bool:
        """Make this process the owner of a queued item and start it, if it is its turn. Of several processes only one succeeds.

        Items whose process is gone are marked lost first.

        Raises:
            InputError: if there is no such run or job.
        """
        self.mark_lost()
        with self._database.write() as connection:
            item = self._find(connection, id)
            is_due = item.status == "queued" and id in [each.id for each in self._turn(connection)]
            if not is_due or not self._lock(connection, id):
                return False
            return change(connection, self._table, id, status="running", **owned_by(Owner.of()), **self._at_begin(item))

    def mark_lost(self) -> list[Item]:
        """Mark items whose process is gone as lost, and return them."""
        with self._database.read() as connection:
            suspects = {item.id: why for item in self._select(connection, self._held()) if (why := self._why_lost(item))}
        if not suspects:
            return []

        def mark(connection: Connection) -> list[Item]:  # look again: meanwhile one may have ended, or even begun again
            held = self._select(connection, self._held() & self._table.c.id.in_(suspects))
            lost = [item for item in held if self._why_lost(item)]
            for item in lost:
                self._write_lost(connection, item, suspects[item.id])
            return [self._find(connection, item.id) for item in lost]

        return self._database.write_urgently(mark)

    @abstractmethod
    def output(self, id: int) -> Path:
        """File to which a worker's output is appended."""

    # Differences between runs and jobs

    @abstractmethod
    def _find(self, connection: Connection, id: int) -> Item:
        """Return an item by its number, or raise InputError."""

    @abstractmethod
    def _from_row(self, row: Row[Any]) -> Item: ...

    @abstractmethod
    def _turn(self, connection: Connection) -> Sequence[Item]:
        """Return the queued items whose turn it is, in order."""

    @abstractmethod
    def _write_lost(self, connection: Connection, item: Item, why: str) -> None: ...

    @abstractmethod
    def _why_lost(self, item: Item) -> str:
        """Return the message for an item that is lost, or nothing if it is not."""

    def _held(self) -> ColumnElement[bool]:
        """Condition for items that are lost when their owner is gone."""
        return self._table.c.status.in_(RUNNING)

    def _needs_worker(self, item: Item) -> bool:
        """Return True if no living process has reserved a queued item."""
        return self._is_abandoned(item)

    def _at_begin(self, item: Item) -> dict[str, Any]:
        """Return further columns to set when an item is claimed."""
        return {}

    def _after_failed_start(self, connection: Connection, id: int, message: str) -> None:
        """Record a failed start beyond status and message."""

    # Common steps

    def _cause(self, usual: str) -> str:
        """Message for an item whose process is gone: the usual one, unless the disk is so full that it could not say why."""
        if not is_full(self.home):
            return usual
        return f"Its process ended while the disk that holds {self.home} was full; free some space, then {self.try_again}."

    def _lock(self, connection: Connection, id: int) -> bool:
        """Lock an item's row to the end of the transaction; False if another has it. SQLite has locked all rows already."""
        row = select(self._table.c.id).where(self._table.c.id == id).with_for_update(skip_locked=True)
        return connection.execute(row).first() is not None

    def _is_abandoned(self, item: Item) -> bool:
        return item.owner is None or self.launcher.is_gone(item.owner)

    def _due(self, connection: Connection) -> list[Item]:
        return [item for item in self._turn(connection) if self._needs_worker(item)]

    def _is_reserved_by(self, owner: Owner) -> ColumnElement[bool]:
        columns = self._table.c
        return (columns.status == "queued") & (columns.host == owner.host) & (columns.pid == owner.pid)

    def _select(self, connection: Connection, condition: ColumnElement[bool]) -> list[Item]:
        return [
            self._from_row(row) for row in connection.execute(select(self._table).where(condition).order_by(self._table.c.id))
        ]


def change(connection: Connection, table: Table, id: int, *conditions: ColumnElement[bool], **values: Any) -> bool:
    """Set columns of a row where the conditions hold; return True if they did."""
    return connection.execute(update(table).where(table.c.id == id, *conditions).values(**values)).rowcount == 1


def owned_by(owner: Owner | None) -> dict[str, Any]:
    """Return the columns that name an owner."""
    if owner is None:
        return {"host": None, "pid": None, "pid_started": None}
    return {"host": owner.host, "pid": owner.pid, "pid_started": owner.started}


def owner_in(host: str | None, pid: int | None, pid_started: float | None) -> Owner | None:
    """Return the owner that these columns name, or None."""
    return None if host is None or pid is None or pid_started is None else Owner(host, pid, pid_started)


def is_mine(table: Table) -> ColumnElement[bool]:
    """Condition for the items that this process works on."""
    return table.c.status.in_(RUNNING) & (table.c.host == host_name()) & (table.c.pid == os.getpid())


def should_stop(connection: Connection, table: Table, id: int) -> bool:
    """Return True if this process should stop working on an item: a stop was requested, or it no longer owns the item."""
    query = select(table.c.id).where(table.c.id == id, table.c.status == "running", is_mine(table))
    return connection.execute(query).first() is None
