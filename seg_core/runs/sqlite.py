"""The run database as a file of SQLite, which is what one machine has.

The file is in WAL mode, so readers never wait for the one writer. A transaction that will write says so when it begins
(``BEGIN IMMEDIATE``): the usual deferred one fails at once, whatever the timeout, when two of them read and then both write.
Whatever is wrong with the file, its disk or its content becomes a `StoreError` of one sentence (`seg_core.runs.database_errors`).
"""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, DisconnectionError, ProgrammingError
from sqlalchemy.pool import NullPool

from seg_core.runs import schema
from seg_core.runs.backups import backups, brings_back, keep_backup
from seg_core.runs.database_errors import DamagedRow, damaged, explained, newer
from seg_core.runs.reserve import keep_reserve, release_reserve
from seg_core.runs.schema import SCHEMA_VERSION

BUSY_SECONDS = 30.0
WRITE = "BEGIN IMMEDIATE"
_logger = logging.getLogger(__name__)


class SqliteFile:
    """A run database in a file; see `seg_core.runs.database.Backend`.

    Where the disk is full or read-only, it can still be read.

    Args:
        path: the file, which is made if it is missing, and upgraded if it is older.

    Raises:
        StoreError: if the file cannot be opened, is damaged or no database, or was made by a newer version.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.resolve()
        self.at: Path | str = self._file
        self.home = self._file.parent
        with explaining(self._file):
            if not self._file.exists():
                _create(self._file)
            _bring_up_to_date(self._file)
        engine = make_engine(self._file)
        event.listen(engine, "checkout", Checkout(self._file))
        self.reader: Engine = engine.execution_options(home=self.home)
        self.writer: Engine = self.reader.execution_options(begin=WRITE)
        with suppress(OSError):  # a disk that is full or read-only
            keep_reserve(self.home)

    def explaining(self) -> AbstractContextManager[None]:
        """Turn what is wrong with the database into a `StoreError`."""
        return explaining(self._file)

    def make_room(self) -> bool:
        """Give the room back that is kept in reserve for a full disk; return False if there is none."""
        return release_reserve(self.home)

    def keep_backup(self) -> None:
        """Make today's backup, unless it is there."""
        keep_backup(self._file)


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


@contextmanager
def explaining(path: Path) -> Iterator[None]:
    """Turn what SQLite raises, and what a damaged row does, into a `StoreError`. Errors of our own SQL stay what they are."""
    try:
        yield
    except ProgrammingError:
        raise
    except DBAPIError as error:
        raise explained(error.orig, path) from error
    except sqlite3.Error as error:
        raise explained(error, path) from error
    except (DamagedRow, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise damaged(path, str(error)) from error


def make_engine(path: Path, **options: Any) -> Engine:
    url = URL.create("sqlite", database=str(path))
    engine = create_engine(url, creator=lambda: connect(path), **options)
    event.listen(engine, "connect", _set_up_connection)
    event.listen(engine, "begin", _begin)
    return engine


def connect(path: Path) -> sqlite3.Connection:
    """Open a database that is there.

    SQLite makes two files beside it, which a disk that is full or read-only has no room for. If no other process has made them,
    none uses the database, and it can be read without them.
    """
    connection = opened(path, "mode=rw")
    try:
        connection.execute("PRAGMA schema_version").fetchone()
    except sqlite3.OperationalError as error:
        connection.close()
        wal = Path(f"{path}-wal")
        if not path.exists() or _primary(error) not in _NO_ROOM or (wal.exists() and wal.stat().st_size):
            raise
        return opened(path, "mode=ro&immutable=1", _ReadOnly)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


class _ReadOnly(sqlite3.Connection):
    """A connection that does not see what others write, so it serves for one transaction."""


_NO_ROOM = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY)


def _primary(error: sqlite3.Error) -> int:
    return error.sqlite_errorcode & 0xFF


def opened(path: Path, options: str, kind: type[sqlite3.Connection] = sqlite3.Connection) -> sqlite3.Connection:
    address = f"{path.as_uri()}?{options}"
    # The pool of SQLAlchemy gives a connection to one thread at a time.
    return sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, factory=kind)


def _set_up_connection(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA foreign_keys = ON")
    # With WAL this cannot damage the file; a power cut may cost the last moments of a run, which it repeats on resuming.
    connection.execute("PRAGMA synchronous = NORMAL")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))


class Checkout:
    """Looks at a pooled connection before each use: a restored file is opened, a deleted or newer one refused."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, connection: Any, record: Any, _proxy: Any) -> None:
        try:
            status = os.stat(self._path)  # noqa: PTH116 - before every query
            file = (status.st_dev, status.st_ino)
        except OSError:
            file = None
        if record.info.setdefault("file", file) != file or (isinstance(connection, _ReadOnly) and record.info.get("used")):
            raise DisconnectionError  # SQLAlchemy connects again
        record.info["used"] = True
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        check_format(self._path, version)


def check_format(path: Path, version: int, oldest: int = SCHEMA_VERSION) -> None:
    """Raise StoreError if a database is not of a format that is known."""
    if version > SCHEMA_VERSION:
        raise newer(path, version)
    if version < oldest:
        raise damaged(path, f"its format is {version}" if path.stat().st_size else "it is empty")
