"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from seg_core.common.regular_file import kind_of

_LONGEST = 100
"""Characters of a file's name in that of its unfinished one: a name may have 255 bytes in all."""
_PARTIAL = re.compile(r"\..+\.(\d+)\.partial")


@contextmanager
def atomic_file(path: Path, *, sync: bool = False) -> Iterator[Path]:
    """Yield a path to write to, which replaces ``path`` at the end. After an error, ``path`` is as it was.

    With ``sync`` this holds after a power failure too: the disk has the content before the file has its name. It costs a wait
    for the disk, so files that are made again in no time do without.

    A link is followed, and a file that was there passes its mode and owner on. A pipe that is read, or a device such as
    ``/dev/stdout``, is written to at the end.

    Raises:
        OSError: if ``path`` is a folder, a disk, a socket or a pipe that nobody reads, or cannot be written.
    """
    path = Path(os.path.realpath(path))
    before = _status(path)
    if before is not None and not stat.S_ISREG(before.st_mode):
        with _passed_on(path, before.st_mode) as made:
            yield made
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name[:_LONGEST]}{partial_suffix()}")
    try:
        yield partial
        if before is None or _pass_on_owner(before, partial):
            if sync:
                _flush(partial, os.O_RDWR)
            partial.replace(path)
        else:
            shutil.copyfile(partial, path)
        if sync:
            flush_folder(path.parent)
    finally:
        partial.unlink(missing_ok=True)


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


@contextmanager
def _passed_on(path: Path, mode: int) -> Iterator[Path]:
    """Yield a path to write to, whose content is then written to a pipe or a device."""
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not (stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)):
        raise OSError(errno.EINVAL, f"it is {kind_of(mode)}", str(path))
    # Waits for no reader; Windows has neither such pipes nor this flag.
    target = os.open(path, os.O_WRONLY | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(target, "wb", buffering=0) as opened, tempfile.TemporaryDirectory() as folder:
        made = Path(folder, path.name)
        yield made
        os.set_blocking(target, True)
        with made.open("rb") as content:
            while chunk := memoryview(content.read(1 << 16)):
                while chunk:
                    chunk = chunk[opened.write(chunk) or 0 :]


def _pass_on_owner(before: os.stat_result, file: Path) -> bool:
    """Give a file that replaces another one its mode and owner; return False if this user may not."""
    now = file.stat()
    if os.name == "posix" and (now.st_uid, now.st_gid) != (before.st_uid, before.st_gid):
        try:
            os.chown(file, before.st_uid, before.st_gid)
        except PermissionError:
            return False
    file.chmod(stat.S_IMODE(before.st_mode))
    return True


def flush_folder(folder: Path) -> None:
    """Have the names of the files in a folder on the disk, also after a power failure. Windows opens no folders."""
    if os.name == "posix":
        _flush(folder, os.O_RDONLY)


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
