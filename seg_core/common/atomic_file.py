"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

_PARTIAL = re.compile(r"\..+\.(\d+)\.partial")


@contextmanager
def atomic_file(path: Path, *, sync: bool = False) -> Iterator[Path]:
    """Yield a path to write to, which replaces ``path`` at the end. After an error, ``path`` is as it was.

    With ``sync`` this holds after a power failure too: the disk has the content before the file has its name. It costs a wait
    for the disk, so files that are made again in no time do without.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}{partial_suffix()}")
    try:
        yield partial
        if sync:
            _flush(partial, os.O_RDWR)
        partial.replace(path)
        if sync and os.name == "posix":  # Windows opens no folders
            _flush(path.parent, os.O_RDONLY)
    finally:
        partial.unlink(missing_ok=True)


def _flush(path: Path, access: int) -> None:
    descriptor = os.open(path, access)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def partial_suffix() -> str:
    """Return the end of the name of a file or folder that this process has not finished; its name begins with a full stop."""
    return f".{os.getpid()}.partial"


def remove_partials(folder: Path) -> None:
    """Delete the unfinished files and folders in a folder that processes left which are gone, and no others."""
    with suppress(OSError):
        for path in folder.iterdir():
            if (owner := _PARTIAL.fullmatch(path.name)) and _is_gone(int(owner[1]), path.stat().st_mtime):
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


def _is_gone(pid: int, written: float) -> bool:
    """Return True if the process that last wrote something then is gone; a later one may have its number."""
    try:
        return psutil.Process(pid).create_time() > written + 1
    except psutil.NoSuchProcess:
        return True
    except psutil.AccessDenied:
        return False
