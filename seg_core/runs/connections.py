"""Connections to the run database, and what may be wrong with its file."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, DisconnectionError, ProgrammingError

from seg_core.runs.database_errors import DamagedRow, damaged, explained, newer
from seg_core.runs.schema import SCHEMA_VERSION

BUSY_SECONDS = 30.0
WRITE = "BEGIN IMMEDIATE"


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
