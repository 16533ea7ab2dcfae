"""What is wrong with a run database, in one sentence each."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

from seg_core.errors import DiskFull, StoreError, StoreUnwritable
from seg_core.runs.backups import backups, brings_back
from seg_core.runs.schema import SCHEMA_VERSION

NEWER = "was made by a newer LesionLab (format {version}, known up to {known}); update LesionLab"
NO_ROOM = 64 * 1024
"""Bytes; a disk with less is full."""


class DamagedRow(ValueError):
    """A value that no version of LesionLab writes."""


def explained(error: BaseException | None, path: Path) -> StoreError:
    """Return the error of a database as a sentence with a remedy."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code == sqlite3.SQLITE_FULL or (code in _OPENING and is_full(path.parent)):
        return DiskFull(
            f"The disk that holds {path.parent} is full; free some space or delete runs (`python -m seg_core runs delete`), "
            "then try again."
        )
    if code in _OPENING and not path.exists():
        return StoreError(f"The run database {path} is gone; put it back, or restart LesionLab to begin a new one.")
    match code:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StoreError(f"The run database {path} is kept busy by another process; try again.")
        case sqlite3.SQLITE_READONLY:
            return StoreUnwritable(f"The run database {path} can be read but not written; correct the permissions of its folder.")
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
            return StoreError(f"The run database {path} cannot be opened; correct its permissions and those of its folder.")
        case sqlite3.SQLITE_IOERR:
            return StoreError(f"The run database {path} cannot be read or written ({error}); check its drive.")
    return damaged(path, str(error))


_OPENING = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)
"""Codes of SQLite for whatever goes wrong with the files of a database."""


def is_full(folder: Path) -> bool:
    """Return True if the disk that holds a folder has no room."""
    try:
        return shutil.disk_usage(folder).free < NO_ROOM
    except OSError:  # it is gone
        return False


def damaged(path: Path, what: str) -> StoreError:
    """Return a sentence on damage, with the backup that can be restored."""
    known = backups(path)
    remedy = brings_back(known) if known else "there is no backup: move it away to begin a new one; the folders of its runs stay."
    return StoreError(f"The run database {path} is damaged ({' '.join(what.split())}); {remedy}")


def newer(path: Path, version: int) -> StoreError:
    """Return a sentence on a database of a newer version."""
    more = NEWER.format(version=version, known=SCHEMA_VERSION)
    return StoreError(f"The run database {path} {more}, or set LESIONLAB_HOME to another folder.")
