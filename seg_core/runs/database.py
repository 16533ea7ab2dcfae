"""Opening the run database: everything that is particular to SQLite is in this file.

The file is in WAL mode, so readers never wait for the one writer. A transaction that will write says so when it begins
(``BEGIN IMMEDIATE``): the usual deferred one fails at once, whatever the timeout, when two of them read and then both write.
"""

from __future__ import annotations

import sqlite3
import time
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

from sqlalchemy import DDL, Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DatabaseError

from seg_core.common.home import home, run_folders
from seg_core.errors import InputError
from seg_core.runs.tables import changes, metadata

SCHEMA_VERSION = 5
BUSY_SECONDS = 30.0
LARGEST_ID = 2**63 - 1
"""The largest integer of SQLite; its driver cannot even ask for a larger one."""

for _name, _happens, _run in (
    ("run_added", "INSERT ON runs", "NEW.id"),
    ("run_changed", "UPDATE ON runs", "NEW.id"),
    ("run_deleted", "DELETE ON runs", "OLD.id"),
    ("run_logged", "INSERT ON log", "NEW.run_id"),
):
    _note = f"DELETE FROM changes WHERE run_id = {_run}; INSERT INTO changes (run_id) VALUES ({_run});"
    event.listen(metadata, "after_create", DDL(f"CREATE TRIGGER IF NOT EXISTS {_name} AFTER {_happens} BEGIN {_note} END"))  # type: ignore[no-untyped-call]
event.listen(changes, "after_create", DDL("INSERT INTO changes (run_id) SELECT id FROM runs ORDER BY id"))  # type: ignore[no-untyped-call]

# Statements that upgrade a database from each older format to the next; tables it lacks are created as in a new one.
_UPGRADES: dict[int, tuple[str, ...]] = {
    1: (
        "ALTER TABLE runs ADD COLUMN place INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE runs ADD COLUMN stop_after_epoch BOOLEAN NOT NULL DEFAULT 0",
        "ALTER TABLE runs ADD COLUMN notes VARCHAR NOT NULL DEFAULT ''",
        "ALTER TABLE runs ADD COLUMN tags JSON NOT NULL DEFAULT '[]'",
    ),
    2: (),
    3: ('ALTER TABLE runs ADD COLUMN "group" INTEGER',),
    4: ("ALTER TABLE runs ADD COLUMN config_before JSON",),
}


class Database:
    """An open run database. Safe to share between threads; do not carry it across a fork."""

    def __init__(self, path: Path, engine: Engine, may_change: Callable[[], None]) -> None:
        self.path = path
        self._may_change = may_change
        self._reader, self._writer = engine, _writer(engine)
        self._close = weakref.finalize(self, engine.dispose)

    @property
    def home(self) -> Path:
        """The folder that the runs' folders and the results of jobs are in."""
        return self.path.parent

    def read(self) -> AbstractContextManager[Connection]:
        """Begin a transaction that only reads: one consistent view, which never waits."""
        return self._reader.begin()

    def write(self) -> AbstractContextManager[Connection]:
        """Begin a transaction that may write. One process at a time holds one; the others wait up to 30 seconds."""
        return self._writer.begin()

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

    Args:
        path: the database.
        may_change: asked before each change that a user wants; raises `InputError` if this one may not.

    Raises:
        InputError: if the file cannot be opened, is no database, or was made by a newer version.
    """
    path = (home() / "lesionlab.db" if path is None else path).resolve()
    engine = create_engine(
        URL.create("sqlite", database=str(path)), connect_args={"timeout": BUSY_SECONDS, "isolation_level": None}
    )
    event.listen(engine, "connect", _set_up_connection)
    event.listen(engine, "begin", _begin)
    try:
        _prepare(path, engine)
    except (DatabaseError, sqlite3.DatabaseError) as error:
        engine.dispose()
        cause = error.orig if isinstance(error, DatabaseError) else error
        raise InputError(f"The run database {path} cannot be used: {cause}; move it away or correct its permissions.") from error
    except InputError:
        engine.dispose()
        raise
    return Database(path, engine, may_change)


def _writer(engine: Engine) -> Engine:
    return engine.execution_options(begin="BEGIN IMMEDIATE")


def _set_up_connection(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA foreign_keys = ON")
    # With WAL this cannot damage the file; a power cut may cost the last moments of a run, which it repeats on resuming.
    connection.execute("PRAGMA synchronous = NORMAL")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))


def _prepare(path: Path, engine: Engine) -> None:
    version = _version(engine)
    if version == 0:
        _use_wal(path)
    if version < SCHEMA_VERSION:
        _upgrade(path, engine)
    version = _version(engine)
    if version > SCHEMA_VERSION:
        raise InputError(
            f"The run database {path} was made by a newer LesionLab (format {version}, known up to {SCHEMA_VERSION}); "
            "update LesionLab, or set LESIONLAB_HOME to another folder."
        )


def _version(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())


def _upgrade(path: Path, engine: Engine) -> None:
    with _writer(engine).begin() as connection:  # one of several processes that start together does it; the others wait here
        found = int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
        upgrades = range(found, SCHEMA_VERSION) if found else ()
        for statement in (each for older in upgrades for each in _UPGRADES[older]):
            connection.exec_driver_sql(statement)
        metadata.create_all(connection)
        if not found and (used := run_folders(path.parent)):  # left by a database that was moved away: no new run gets these
            connection.exec_driver_sql("INSERT INTO sqlite_sequence (name, seq) VALUES ('runs', ?)", (max(used),))
        connection.exec_driver_sql(f"PRAGMA user_version = {max(found, SCHEMA_VERSION)}")


def _use_wal(path: Path) -> None:
    # SQLite ignores its busy timeout here when another process makes the same change, so we wait ourselves.
    deadline = time.monotonic() + BUSY_SECONDS
    with closing(sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
            time.sleep(0.01)
