"""Room in the home folder for the moment when the disk is full: to open the database, say why a run ended, and delete runs."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

SIZE = 512 * 1024
"""Bytes; enough for the files beside the database and for the last words of eight runs. Deleting a run makes its own room."""
_NAME = ".reserve"


def keep_reserve(home: Path) -> None:
    """Make the reserve if it is missing and the disk has room for much more.

    Raises:
        OSError: if it cannot be made.
    """
    file = home / _NAME
    if file.exists():
        return
    disk = shutil.disk_usage(home)
    size = min(SIZE, disk.total // 16)
    if disk.free < 4 * size:
        return
    try:
        file.write_bytes(os.urandom(size))  # a file system that compresses would keep no room for zeros
    except OSError:
        release_reserve(home)
        raise


def release_reserve(home: Path) -> bool:
    """Give the reserve back to the disk; return False if there is none."""
    try:
        (home / _NAME).unlink()
    except OSError:
        return False
    return True
