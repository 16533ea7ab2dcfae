"""The run database and its transactions, whatever keeps it: a file (`sqlite`) or a server (`postgres`).

Every transaction passes through `Database.read` or `Database.write`, where whatever is wrong with it becomes a `StoreError` of
one sentence.
"""

from __future__ import annotations

import logging
import os
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

from sqlalchemy import Connection, Engine

from seg_core.common.home import home
from seg_core.errors import DiskFull, StoreAway, StoreError
from seg_core.runs.sqlite import SqliteFile

VARIABLE = "LESIONLAB_STORE"
"""Variable with the address of a database server, such as ``postgresql://user:password@host/lesionlab``."""
LARGEST_ID = 2**63 - 1
"""The largest integer of a database; SQLite's driver cannot even ask for a larger one."""
PATIENCE = 3.0
"""Seconds for which a process tries to record its end on a disk that stays full."""
RETRY_SECONDS = 0.1
AWAY_SECONDS = 1.0
"""Seconds between two attempts to reach a server that does not answer."""

Where = Path | str
"""Where a run database is: a file of SQLite, or the address of a server."""
T = TypeVar("T")
_logger = logging.getLogger(__name__)


class Backend(Protocol):
    """What keeps a run database."""

    at: Where
    home: Path
    """The folder that the runs' folders and the results of jobs are in."""
    reader: Engine
    """Its transactions only read: one consistent view, which never waits. Their option ``home`` is the home folder."""
    writer: Engine
    """Its transactions, with the same option, write: one at a time, in the order in which they end."""

    def explaining(self) -> AbstractContextManager[None]:
        """Turn what is wrong with the database into a `StoreError`."""
        ...

    def make_room(self) -> bool:
        """Make room on a full disk, if that is possible; return True if there is more than before."""
        ...

    def keep_backup(self) -> None:
        """Make today's backup, unless it is there or somebody else's business."""
        ...


class Database:
    """An open run database. Safe to share between threads; do not carry it across a fork."""

    def __init__(self, backend: Backend, may_change: Callable[[], None]) -> None:
        self.at, self.home = backend.at, backend.home
        self._backend, self._may_change = backend, may_change
        self._close = weakref.finalize(self, backend.reader.dispose)

    def read(self) -> AbstractContextManager[Connection]:
        """Begin a transaction that only reads: one consistent view, which never waits.

        Raises:
            StoreError: if the database is damaged, missing, or of a newer version.
        """
        return self._transaction(self._backend.reader)

    def write(self) -> AbstractContextManager[Connection]:
        """Begin a transaction that may write. One process at a time holds one; the others wait up to 30 seconds.

        Raises:
            StoreError: as `read`, or if it cannot be written; `DiskFull` if the disk is full.
        """
        return self._transaction(self._backend.writer)

    def change_urgently(self, work: Callable[[Connection], T]) -> T:
        """Do what a user wants, as `change`, in the way of `write_urgently`."""
        self._may_change()
        return self.write_urgently(work)

    def write_urgently(self, work: Callable[[Connection], T], patience: float = 0.0) -> T:
        """Do ``work`` in a transaction that may write, on a full disk in the room that is kept in reserve.

        Args:
            work: may be called again after it failed for want of room.
            patience: seconds for which it is tried again while the disk stays full.

        Raises:
            StoreError: as `write`.
        """
        deadline = time.monotonic() + patience
        while True:
            try:
                with self.write() as connection:
                    return work(connection)
            except DiskFull:
                if not self._backend.make_room() and time.monotonic() >= deadline:
                    raise
            time.sleep(RETRY_SECONDS)

    def patiently(self, work: Callable[[], T]) -> T:
        """Return what ``work`` returns; while the database's server does not answer, wait for it and begin again.

        For what a training records: it loses nothing where a server is restarted, and an hour of waiting is better than an end.
        """
        said = False
        while True:
            try:
                return work()
            except StoreAway as error:
                if not said:
                    _logger.warning("%s Waiting for it.", error)
                said = True
            time.sleep(AWAY_SECONDS)

    def keep_backup(self) -> None:
        """Make today's backup, unless it is there.

        Raises:
            StoreError: if the database is damaged.
        """
        with self._backend.explaining():
            self._backend.keep_backup()

    def change(self) -> AbstractContextManager[Connection]:
        """Begin a transaction that writes what a user wants; everything that users change goes through here.

        Raises:
            InputError: if this user may change nothing.
        """
        self._may_change()
        return self.write()

    def close(self) -> None:
        """Close the connections. Optional: they close when the object is dropped."""
        self._close()

    @contextmanager
    def _transaction(self, engine: Engine) -> Iterator[Connection]:
        with self._backend.explaining(), engine.begin() as connection:
            yield connection


MethodT = TypeVar("MethodT", bound=Callable[..., Any])


def patient(method: MethodT) -> MethodT:
    """Let a method of an object with a ``_database`` wait while that does not answer (`Database.patiently`)."""

    @wraps(method)
    def waits(self: Any, *arguments: Any, **named: Any) -> Any:
        return self._database.patiently(lambda: method(self, *arguments, **named))

    return cast(MethodT, waits)


def everyone_may() -> None:
    """Let every user change something."""


def open_database(at: Where | None = None, may_change: Callable[[], None] = everyone_may) -> Database:
    """Open a run database; create or upgrade it if needed.

    Args:
        at: where it is; by default what LESIONLAB_STORE names, else the file ``lesionlab.db`` in the home folder.
        may_change: asked before each change that a user wants; raises `InputError` if this one may not.

    Raises:
        StoreError: if it cannot be opened, is damaged or no database, or was made by a newer version.
    """
    at = at or os.environ.get(VARIABLE) or home() / "lesionlab.db"
    database = Database(_backend(at), may_change)
    with suppress(StoreError):  # what is damaged is told to whoever reads it; the supervisor logs this
        database.keep_backup()
    return database


def _backend(at: Where) -> Backend:
    if isinstance(at, Path):
        return SqliteFile(at)
    from seg_core.runs.postgres import PostgresServer  # only where it is used: the one-machine app needs no driver

    return PostgresServer(at)
