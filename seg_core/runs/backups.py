"""Backups of the run database, one for each day on which it was used, and bringing one back."""

from __future__ import annotations

import re
import shutil
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from seg_core.common.atomic_file import atomic_file

KEPT = 5
MOST_OF_FREE = 0.1
"""Share of the free space that a backup may take."""


@dataclass(frozen=True)
class Backup:
    """A backup of a run database; ``day`` is when it was made, such as ``2026-11-30``."""

    day: str
    file: Path


def backups(path: Path) -> list[Backup]:
    """Return the backups of a database, the newest first."""
    name = re.compile(rf"{re.escape(path.stem)}-(\d{{4}}-\d\d-\d\d)\.db")
    found = [(name.fullmatch(file.name), file) for file in _folder(path).glob("*.db")]
    return sorted((Backup(match[1], file) for match, file in found if match), key=lambda each: each.day, reverse=True)


def brings_back(known: list[Backup]) -> str:
    """Return the end of a sentence on the newest backup."""
    return f"`python -m seg_core runs restore {known[0].day}` brings back the backup of that day."


def keep_backup(path: Path) -> None:
    """Back a database up once a day, and delete all but the newest backups. A damaged database replaces no backup.

    Nothing happens while it holds no runs, or where the disk has little room.

    Raises:
        sqlite3.Error: if the database is damaged.
    """
    today = _folder(path) / f"{path.stem}-{date.today().isoformat()}.db"
    if today.exists():
        return
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True)) as connection, suppress(OSError):
        (holds_runs,) = connection.execute("SELECT EXISTS (SELECT 1 FROM runs)").fetchone()
        if not holds_runs or path.stat().st_size > MOST_OF_FREE * shutil.disk_usage(path.parent).free:
            return
        with atomic_file(today) as partial:
            connection.execute("VACUUM INTO ?", (str(partial),))  # reads all tables, so damage is found, and blocks no writer
        for old in backups(path)[KEPT:]:
            old.file.unlink(missing_ok=True)


def _folder(path: Path) -> Path:
    return path.parent / "backups"
