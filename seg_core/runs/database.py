"""The tables of the run database, and how its SQLite file is opened.

The file is in WAL mode, so readers never wait for the one writer. A transaction that will write says so when it begins
(``BEGIN IMMEDIATE``): the usual deferred one fails at once, whatever the timeout, when two of them read and then both write.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import (
    DDL,
    JSON,
    Boolean,
    Column,
    Connection,
    Engine,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    create_engine,
    event,
)
from sqlalchemy.engine import URL
from sqlalchemy.exc import DatabaseError

from seg_core.common.home import run_folders
from seg_core.errors import InputError

SCHEMA_VERSION = 5
BUSY_SECONDS = 30.0

_metadata = MetaData()

runs = Table(
    "runs",
    _metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False),
    Column("status", String, nullable=False, index=True),
    Column("config", JSON, nullable=False),
    Column("sources", JSON, nullable=False),
    Column("created", Float, nullable=False),
    Column("queued", Float, nullable=False),
    Column("place", Integer, nullable=False, default=0),
    Column("started", Float),
    Column("finished", Float),
    Column("seconds_before", Float, nullable=False, default=0.0),
    Column("host", String),
    Column("pid", Integer),
    Column("pid_started", Float),
    Column("heartbeat", Float),
    Column("foreground", Boolean, nullable=False, default=False),
    Column("resume", Boolean, nullable=False, default=False),
    Column("phase", String, nullable=False, default="waiting"),
    Column("epoch", Integer, nullable=False, default=0),
    Column("batch", Integer, nullable=False, default=0),
    Column("batches", Integer, nullable=False, default=0),
    Column("epochs_done", Integer, nullable=False, default=0),
    Column("images_per_second", Float),
    Column("eta_seconds", Float),
    Column("best_epoch", Integer),
    Column("best_iou", Float),
    Column("message", String, nullable=False, default=""),
    Column("stop_after_epoch", Boolean, nullable=False, default=False),
    Column("notes", String, nullable=False, default=""),
    Column("tags", JSON, nullable=False, default=list),
    Column("group", Integer),
    Column("config_before", JSON(none_as_null=True)),
    sqlite_autoincrement=True,
)

metrics = Table(
    "metrics",
    _metadata,
    Column("id", Integer, primary_key=True),
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("split", String, nullable=False),
    Column("name", String, nullable=False),
    Column("value", Float, nullable=False),
    UniqueConstraint("run_id", "epoch", "split", "name"),
    Index("metrics_by_run", "run_id", "id"),
    sqlite_autoincrement=True,
)

log = Table(
    "log",
    _metadata,
    Column("id", Integer, primary_key=True),
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("time", Float, nullable=False),
    Column("level", String, nullable=False),
    Column("text", String, nullable=False),
    Index("log_by_run", "run_id", "id"),
    sqlite_autoincrement=True,
)

# The training loss of every batch: a blob of little-endian float32 for each epoch, since rows of single numbers would be a
# hundred times slower to read. `batches` is how many the whole epoch has.
batch_losses = Table(
    "batch_losses",
    _metadata,
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("epoch", Integer, primary_key=True),
    Column("batches", Integer, nullable=False),
    Column("losses", LargeBinary, nullable=False),
)

# When each run last changed, got a line in its log, or was deleted: the greater the stamp, the later. Triggers
# keep it, so that no change escapes it, whoever makes it.
changes = Table(
    "changes",
    _metadata,
    Column("stamp", Integer, primary_key=True),
    Column("run_id", Integer, nullable=False, unique=True),
    sqlite_autoincrement=True,
)

jobs = Table(
    "jobs",
    _metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", String, nullable=False),
    Column("key", String, nullable=False),
    Column("arguments", JSON, nullable=False),
    Column("status", String, nullable=False, index=True),
    Column("created", Float, nullable=False),
    Column("finished", Float),
    Column("host", String),
    Column("pid", Integer),
    Column("pid_started", Float),
    Column("done", Integer, nullable=False, default=0),
    Column("total", Integer, nullable=False, default=0),
    Column("message", String, nullable=False, default=""),
    Index("jobs_by_key", "kind", "key"),
    sqlite_autoincrement=True,
)

settings = Table(
    "settings",
    _metadata,
    Column("name", String, primary_key=True),
    Column("value", Integer, nullable=False),
)

for _name, _happens, _run in (
    ("run_added", "INSERT ON runs", "NEW.id"),
    ("run_changed", "UPDATE ON runs", "NEW.id"),
    ("run_deleted", "DELETE ON runs", "OLD.id"),
    ("run_logged", "INSERT ON log", "NEW.run_id"),
):
    _note = f"DELETE FROM changes WHERE run_id = {_run}; INSERT INTO changes (run_id) VALUES ({_run});"
    event.listen(_metadata, "after_create", DDL(f"CREATE TRIGGER IF NOT EXISTS {_name} AFTER {_happens} BEGIN {_note} END"))  # type: ignore[no-untyped-call]
event.listen(changes, "after_create", DDL("INSERT INTO changes (run_id) SELECT id FROM runs ORDER BY id"))  # type: ignore[no-untyped-call]

# How a database of an older format is brought up to date; tables that it lacks are made like those of a new one.
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


def open_database(path: Path) -> tuple[Engine, Engine]:
    """Open the database, make it when missing, and return an engine for reading and one for writing on the same connections.

    Raises:
        InputError: if the file cannot be opened, is no database, or was made by a newer version.
    """
    engine = create_engine(
        URL.create("sqlite", database=str(path)), connect_args={"timeout": BUSY_SECONDS, "isolation_level": None}
    )
    event.listen(engine, "connect", _set_up_connection)
    event.listen(engine, "begin", _begin)
    writer = engine.execution_options(begin="BEGIN IMMEDIATE")
    try:
        _prepare(path, engine, writer)
    except (DatabaseError, sqlite3.DatabaseError) as error:
        engine.dispose()
        cause = error.orig if isinstance(error, DatabaseError) else error
        raise InputError(f"The run database {path} cannot be used: {cause}; move it away or correct its permissions.") from error
    except InputError:
        engine.dispose()
        raise
    return engine, writer


def _set_up_connection(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA foreign_keys = ON")
    # With WAL this cannot damage the file; a power cut may cost the last moments of a run, which it repeats on resuming.
    connection.execute("PRAGMA synchronous = NORMAL")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))


def _prepare(path: Path, engine: Engine, writer: Engine) -> None:
    version = _version(engine)
    if version == 0:
        _use_wal(path)
    if version < SCHEMA_VERSION:
        with writer.begin() as connection:  # one of several processes that start together does it, the others wait here
            found = int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
            upgrades = range(found, SCHEMA_VERSION) if found else ()
            for statement in (each for older in upgrades for each in _UPGRADES[older]):
                connection.exec_driver_sql(statement)
            _metadata.create_all(connection)
            if not found and (used := run_folders(path.parent)):  # of a database that was moved away: no new run's
                connection.exec_driver_sql("INSERT INTO sqlite_sequence (name, seq) VALUES ('runs', ?)", (max(used),))
            connection.exec_driver_sql(f"PRAGMA user_version = {max(found, SCHEMA_VERSION)}")
    version = _version(engine)
    if version > SCHEMA_VERSION:
        raise InputError(
            f"The run database {path} was made by a newer LesionLab (format {version}, known up to {SCHEMA_VERSION}); "
            "update LesionLab, or set LESIONLAB_HOME to another folder."
        )


def _version(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())


def _use_wal(path: Path) -> None:
    # SQLite does not keep to its busy timeout here when another process makes the same change, so we do.
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
