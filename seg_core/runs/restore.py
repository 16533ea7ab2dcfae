"""Putting a backup of the run database in its place."""

from __future__ import annotations

import shutil
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from sqlalchemy.pool import NullPool

from seg_core.common.atomic_file import atomic_file
from seg_core.errors import InputError, StoreError
from seg_core.runs.backups import Backup, backups
from seg_core.runs.schema import keep_numbers
from seg_core.runs.sqlite import check_format, explaining, make_engine

# Bytes of the file that every open connection of SQLite has locked for reading (its file format, "Lock byte page").
_SHARED_FIRST, _SHARED_SIZE = 0x40000002, 510


def count_runs(backup: Backup) -> int | None:
    """Return the number of runs in a backup, or None if it is damaged."""
    with closing(sqlite3.connect(f"{backup.file.as_uri()}?immutable=1", uri=True)) as connection, suppress(sqlite3.Error):
        (count,) = connection.execute("SELECT count(*) FROM runs").fetchone()
        return int(count)
    return None


def restore(path: Path, day: str) -> Path | None:
    """Put the backup of a day in the place of a database, and return where the replaced one is now: beside it.

    Runs that began after the backup are missing in it; their folders stay, and no new run gets their numbers.

    Raises:
        InputError: if there is no such backup, it is damaged too, a process uses the database, or the disk is full.
    """
    known = {each.day: each for each in backups(path)}
    if day not in known:
        days = ", ".join(known) or "none"
        raise InputError(f"There is no backup of {day!r}; `python -m seg_core runs restore` lists those that are there: {days}.")
    try:
        with _unused(path), atomic_file(path) as partial:
            shutil.copyfile(known[day].file, partial)
            _prepare(partial, path)
            return _set_aside(path)
    except sqlite3.DatabaseError as error:
        raise InputError(f"The backup of {day} is damaged too ({error}); restore another one.") from error
    except OSError as error:
        raise StoreError(f"{path} cannot be replaced by the backup of {day} ({error.strerror}); nothing is changed.") from None


def _prepare(partial: Path, path: Path) -> None:
    """Look at a copy of a backup, and make it what the database is."""
    with closing(sqlite3.connect(partial, isolation_level=None)) as connection:
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(found)
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        check_format(partial, version, oldest=1)
        connection.execute("PRAGMA journal_mode = WAL")
    with explaining(partial), make_engine(partial, poolclass=NullPool).begin() as connection:
        keep_numbers(connection, path.parent)


def _set_aside(path: Path) -> Path | None:
    """Copy the files of a database, and remove those that do not belong to the restored one."""
    if not path.exists():
        return None
    aside = path.with_name(f"{path.stem}-replaced-{time.strftime('%Y%m%d-%H%M%S')}.db")
    shutil.copy2(path, aside)
    for ending in ("-wal", "-shm"):
        beside = Path(f"{path}{ending}")
        if beside.exists():
            shutil.copy2(beside, f"{aside}{ending}")
            beside.unlink()
    return aside


@contextmanager
def _unused(path: Path) -> Iterator[None]:
    """Keep other processes from opening a database.

    Raises:
        InputError: if one has it open. On Windows, its file cannot be replaced then.
    """
    if sys.platform == "win32" or not path.exists():
        yield
        return
    import fcntl

    with path.open("r+b") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, _SHARED_SIZE, _SHARED_FIRST)
        except OSError:
            raise InputError(f"The run database {path} is in use; stop the app and its runs, then restore it.") from None
        yield
