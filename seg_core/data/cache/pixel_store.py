"""The pixels of one image cache on disk, which any number of processes fill in any order.

A folder holds ``images.npy`` (N, S, S, 3) and ``masks.npy`` (N, S, S), sparse until they are filled, ``done.npy`` (N,) of 0 and
1, which marks the rows whose pixels are there, and ``problems.jsonl``. The mark of a row is a byte of its own, written in place
once the row's pixels are safely on the disk, so a power cut leaves no row that is marked and empty. All processes that fill a
row write the same bytes: none waits for another, and none can undo what another did.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from seg_core.data.check import Problem

PUBLISH_SECONDS = 10
"""Interval at which pixels are flushed to the disk and their rows marked; a killed training loses what it decoded since."""

_MARK = "done.npy"


def create(folder: Path, count: int, size: int) -> None:
    """Make the files of an empty store. After a crash the rest is no store, since the file that makes it one comes last."""
    folder.mkdir(parents=True)
    (folder / "problems.jsonl").touch()
    for name, shape in (("images", (count, size, size, 3)), ("masks", (count, size, size)), ("done", (count,))):
        np.lib.format.open_memmap(folder / f"{name}.npy", "w+", np.uint8, shape)


def is_store(folder: Path) -> bool:
    """True if the folder holds a store whose making was completed."""
    return (folder / _MARK).exists()


def last_use(folder: Path) -> float:
    """Return when a store was last opened or filled, in seconds since 1970; 0 if it is gone."""
    with suppress(FileNotFoundError):
        return (folder / _MARK).stat().st_mtime
    return 0.0


def is_in_use(folder: Path) -> bool:
    """True if some process has this store open. Always False on Windows, where open files cannot be deleted anyway."""
    if sys.platform == "win32":
        return False
    import fcntl

    with suppress(FileNotFoundError), (folder / _MARK).open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:  # a file system without locks
            return False
    return False


class PixelStore:
    """An open store: `write` takes pixels, `remember` takes problems, and `publish` makes both visible to other processes.

    ``images`` (N, S, S, 3) and ``masks`` (N, S, S) are read-only maps; ``done`` (N,) bool marks the rows that are there: those
    of this process at once, those of others after `refresh`. An open store survives the deletion of its folder: on POSIX its
    files exist without a name until it is closed, and what is written meanwhile goes with them.
    """

    def __init__(self, folder: Path, count: int, size: int) -> None:
        """Open the store of ``count`` pairs at ``size`` pixels.

        Raises:
            OSError: if a file is missing or cannot be written.
            ValueError: if a file is damaged.
        """
        self._files: dict[str, int] = {}
        self._rows: list[int] = []  # their pixels are written, but not yet known to be on the disk
        self._lines: list[str] = []
        self._problems_read = 0
        self._published = time.monotonic()
        try:
            for name in (_MARK, "images.npy", "masks.npy", "problems.jsonl"):
                flags = os.O_RDWR | getattr(os, "O_BINARY", 0) | (os.O_APPEND if name == "problems.jsonl" else 0)
                self._files[name] = os.open(folder / name, flags)
            _hold(self._files[_MARK])
            self._images = _map(folder / "images.npy", (count, size, size, 3))
            self._masks = _map(folder / "masks.npy", (count, size, size))
            self._on_disk = _map(folder / _MARK, (count,))
            os.utime(folder / _MARK)
        except BaseException:
            self.close()
            raise
        self.images, self.masks = self._images.view(np.ndarray), self._masks.view(np.ndarray)
        self.done: np.ndarray = self._on_disk == 1

    def refresh(self) -> list[tuple[int, list[Problem]]]:
        """Take over what other processes published, and return the problems not returned before, by row."""
        self.done |= self._on_disk == 1  # before the problems, which are published first
        return [entry for line in self._new_lines() for entry in _parsed(line)]

    def write(self, row: int, image: np.ndarray, mask: np.ndarray) -> None:
        """Keep the pixels of a row: (S, S, 3) and (S, S) uint8.

        By calls and not through the maps: a full disk is then an error instead of a signal that ends the process.

        Raises:
            OSError: if the disk is full or fails.
        """
        _write(self._files["images.npy"], image.tobytes(), self._images.offset + row * image.nbytes)
        _write(self._files["masks.npy"], mask.tobytes(), self._masks.offset + row * mask.nbytes)
        self._rows.append(row)
        self.done[row] = True

    def remember(self, row: int, problems: Sequence[Problem]) -> None:
        """Keep the problems of a row's pair, to be written by `publish`."""
        self._lines.append(json.dumps({"row": row, "problems": [problem.to_json() for problem in problems]}))

    def publish_when_due(self) -> None:
        """Call `publish` if the last time was `PUBLISH_SECONDS` ago."""
        if time.monotonic() - self._published >= PUBLISH_SECONDS:
            self.publish()

    def publish(self) -> None:
        """Flush what was written, and then mark its rows for all processes.

        Raises:
            OSError: if the disk is full or fails; the rows are then not marked.
        """
        rows, self._rows = self._rows, []
        lines, self._lines = self._lines, []
        self._published = time.monotonic()
        try:
            if rows:
                os.fsync(self._files["images.npy"])
                os.fsync(self._files["masks.npy"])
            if lines:  # a line break comes first, in case the last writer was killed within a line
                _write(self._files["problems.jsonl"], ("\n" + "\n".join(lines) + "\n").encode())
                os.fsync(self._files["problems.jsonl"])
            for row in rows:
                _write(self._files[_MARK], b"\1", self._on_disk.offset + row)
        except OSError:
            self.done[rows] = False
            raise

    def close(self) -> None:
        """Publish if possible, and close the files. Maps that were handed out stay readable."""
        with suppress(OSError):
            self.publish()
        while self._files:
            os.close(self._files.popitem()[1])

    def _new_lines(self) -> list[bytes]:
        file = self._files["problems.jsonl"]
        os.lseek(file, self._problems_read, os.SEEK_SET)
        blocks = []
        while block := os.read(file, 1 << 20):
            blocks.append(block)
        whole, end, _ = b"".join(blocks).rpartition(b"\n")  # a line that is being written now is read next time
        self._problems_read += len(whole) + len(end)
        return whole.split(b"\n")


def _hold(file: int) -> None:
    """Make `is_in_use` true in other processes until the file is closed, however this process ends."""
    if sys.platform != "win32":
        import fcntl

        with suppress(OSError):  # a file system without locks
            fcntl.flock(file, fcntl.LOCK_SH)


def _map(file: Path, shape: tuple[int, ...]) -> np.memmap:
    try:
        mapped = np.load(file, "r")
    except EOFError as error:
        raise ValueError(str(error)) from None
    if not isinstance(mapped, np.memmap) or mapped.shape != shape or mapped.dtype != np.uint8:
        raise ValueError(f"{file} holds something else")
    return mapped


def _write(file: int, data: bytes, offset: int | None = None) -> None:
    """Write all of ``data`` at ``offset``; without one at the current position, which is the end of an appended file."""
    left = memoryview(data)
    while left:
        if offset is None:
            written = os.write(file, left)
        elif sys.platform == "win32":
            os.lseek(file, offset, os.SEEK_SET)
            written = os.write(file, left)
        else:
            written = os.pwrite(file, left, offset)
        left = left[written:]
        offset = None if offset is None else offset + written


def _parsed(line: bytes) -> list[tuple[int, list[Problem]]]:
    """Return the entry of a line; none if a writer was killed within it, as its row is then not marked either."""
    try:
        entry = json.loads(line)
        return [(int(entry["row"]), [Problem.from_json(problem) for problem in entry["problems"]])]
    except (ValueError, KeyError, TypeError):
        return []
