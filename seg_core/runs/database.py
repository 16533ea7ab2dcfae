"""Opening the run database, and its transactions. What is particular to SQLite is here and in `connections`.

The file is in WAL mode, so readers never wait for the one writer. A transaction that will write says so when it begins
(``BEGIN IMMEDIATE``): the usual deferred one fails at once, whatever the timeout, when two of them read and then both write.

Every transaction passes through `Database.read` or `Database.write`, where whatever is wrong with the file, its disk or its
content becomes a `StoreError` of one sentence (`seg_core.runs.database_errors`).
"""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Engine, event
from sqlalchemy.pool import NullPool

from seg_core.common.home import home
from seg_core.errors import DiskFull, StoreError
from seg_core.runs import schema
from seg_core.runs.backups import backups, brings_back, keep_backup
from seg_core.runs.connections import WRITE, Checkout, check_format, connect, explaining, make_engine, opened
from seg_core.runs.reserve import keep_reserve, release_reserve
from seg_core.runs.schema import SCHEMA_VERSION

LARGEST_ID = 2**63 - 1
"""The largest integer of SQLite; its driver cannot even ask for a larger one."""
PATIENCE = 3.0
"""Seconds for which a process tries to record its end on a disk that stays full."""
RETRY_SECONDS = 0.1

T = TypeVar("T")
_logger = logging.getLogger(__name__)


class Database:
    """An open run database. Safe to share between threads; do not carry it across a fork."""

    def __init__(self, path: Path, engine: Engine, may_change: Callable[[], None]) -> None:
        self.path = path
        self._may_change = may_change
        self._reader, self._writer = engine, engine.execution_options(begin=WRITE)
        self._close = weakref.finalize(self, engine.dispose)

    @property
    def home(self) -> Path:
        """The folder that the runs' folders and the results of jobs are in."""
        return self.path.parent

    def read(self) -> AbstractContextManager[Connection]:
        """Begin a transaction that only reads: one consistent view, which never waits.

        Raises:
            StoreError: if the database is damaged, missing, or of a newer version.
        """
        return _transaction(self.path, self._reader)

    def write(self) -> AbstractContextManager[Connection]:
        """Begin a transaction that may write. One process at a time holds one; the others wait up to 30 seconds.

        Raises:
            StoreError: as `read`, or if it cannot be written; `DiskFull` if the disk is full.
        """
        return _transaction(self.path, self._writer)

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
                if not release_reserve(self.home) and time.monotonic() >= deadline:
                    raise
            time.sleep(RETRY_SECONDS)

    def keep_backup(self) -> None:
        """Make today's backup, unless it is there.

        Raises:
            StoreError: if the database is damaged.
        """
        with explaining(self.path):
            keep_backup(self.path)

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


def everyone_may() -> None:
    """Let every user change something."""


def open_database(path: Path | None = None, may_change: Callable[[], None] = everyone_may) -> Database:
    """Open the database at ``path``, by default ``lesionlab.db`` in the home folder; create or upgrade it if needed.

    Where the disk is full or read-only, it can still be read.

    Args:
        path: the database.
        may_change: asked before each change that a user wants; raises `InputError` if this one may not.

    Raises:
        StoreError: if the file cannot be opened, is damaged or no database, or was made by a newer version.
    """
    path = (home() / "lesionlab.db" if path is None else path).resolve()
    with explaining(path):
        if not path.exists():
            _create(path)
        _bring_up_to_date(path)
    engine = make_engine(path)
    event.listen(engine, "checkout", Checkout(path))
    with suppress(OSError):  # a disk that is full or read-only
        keep_reserve(path.parent)
    database = Database(path, engine, may_change)
    with suppress(StoreError):  # what is damaged is told to whoever reads it; the supervisor logs this
        database.keep_backup()
    return database


@contextmanager
def _transaction(path: Path, engine: Engine) -> Iterator[Connection]:
    with explaining(path), engine.begin() as connection:
        yield connection


def _create(path: Path) -> None:
    """Make a new database beside its place and put it there whole: an empty file at its place is never a new one."""
    if known := backups(path):
        _logger.warning("There is no run database %s, so a new one is made; %s", path, brings_back(known))
    partial = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.partial")
    try:
        with closing(opened(partial, "mode=rwc")) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
        with make_engine(partial, poolclass=NullPool).begin() as connection:
            schema.create(connection, path.parent)
        _put_in_place(partial, path)
    finally:
        for each in path.parent.glob(f"{partial.name}*"):
            each.unlink(missing_ok=True)


def _put_in_place(partial: Path, path: Path) -> None:
    """Give a new database its name, unless another process was faster."""
    try:
        path.hardlink_to(partial)
    except FileExistsError:
        return
    except OSError:  # a file system without links
        if not path.exists():
            partial.replace(path)


def _bring_up_to_date(path: Path) -> None:
    with closing(connect(path)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    check_format(path, version, oldest=1)
    if version < SCHEMA_VERSION:
        with make_engine(path, poolclass=NullPool).execution_options(begin=WRITE).begin() as connection:
            schema.upgrade(connection)  # one of several processes that start together does it; the others wait here
