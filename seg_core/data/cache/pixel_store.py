"""The pixels of one image cache on disk: rows are written in any order, by any number of processes, and outlive all of them.

A folder holds ``images.npy`` (N, S, S, 3) and ``masks.npy`` (N, S, S), sparse until they are filled, ``done.npy`` (N,) of 0 and
1, which says whose pixels are there, and ``problems.jsonl``. A row's 1 is a byte of its own, written in place once its pixels
are safely on the disk, so a power cut leaves no row that is done and empty. Whoever fills the same row writes the same bytes:
nobody waits for another process, and none can undo what another did.
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
"""So often pixels are flushed to the disk and their rows marked as done; a killed training loses what it decoded since."""

_MARK = "done.npy"


def create(folder: Path, count: int, size: int) -> None:
    """Make the files of an empty store. What a crash leaves of them is no store: the file that makes it one comes last."""
    folder.mkdir(parents=True)
    (folder / "problems.jsonl").touch()
    for name, shape in (("images", (count, size, size, 3)), ("masks", (count, size, size)), ("done", (count,))):
        np.lib.format.open_memmap(folder / f"{name}.npy", "w+", np.uint8, shape)


def is_store(folder: Path) -> bool:
    """Whether a store was made there, and made whole."""
    return (folder / _MARK).exists()


def last_use(folder: Path) -> float:
    """When a store was last opened or filled, in seconds since 1970; 0 if it is gone."""
    with suppress(FileNotFoundError):
        return (folder / _MARK).stat().st_mtime
    return 0.0


def is_in_use(folder: Path) -> bool:
    """Whether some process has this store open. Not asked on Windows, where nobody can delete open files."""
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
    """An open store. Give pixels to `write` and what is wrong with a pair to `remember`; `publish` keeps both for others.

    ``images`` (N, S, S, 3) and ``masks`` (N, S, S) are read-only maps of what is there; ``done`` (N,) bool says which rows are,
    those of this process at once, those of others after `look_again`. Deleting the folder of an open store takes nothing from
    it: on POSIX its files live on without a name until it is closed, and what is written after that goes with them.
    """

    def __init__(self, folder: Path, count: int, size: int) -> None:
        """Open the store of ``count`` pairs at ``size`` pixels.

        Raises:
            OSError: if a file is missing or cannot be written.
            ValueError: if a file is damaged.
        """
        self._files: dict[str, int] = {}
        self._rows: list[int] = []  # whose pixels are written, but not yet known to be on the disk
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

    def look_again(self) -> list[tuple[int, list[Problem]]]:
        """Take over what other processes have published, and return the problems that were not read before, by row."""
        self.done |= self._on_disk == 1  # before the problems, which are published first
        return [entry for line in self._new_lines() for entry in _parsed(line)]

    def write(self, row: int, image: np.ndarray, mask: np.ndarray) -> None:
        """Keep the pixels of a row: (S, S, 3) and (S, S) uint8.

        Not through the maps: a full disk is then an error and not the end of the process.

        Raises:
            OSError: if the disk is full or fails.
        """
        _write(self._files["images.npy"], image.tobytes(), self._images.offset + row * image.nbytes)
        _write(self._files["masks.npy"], mask.tobytes(), self._masks.offset + row * mask.nbytes)
        self._rows.append(row)
        self.done[row] = True

    def remember(self, row: int, problems: Sequence[Problem]) -> None:
        """Keep what is wrong with a row's pair."""
        self._lines.append(json.dumps({"row": row, "problems": [problem.to_json() for problem in problems]}))

    def publish_when_due(self) -> None:
        """`publish` if the last time is long ago."""
        if time.monotonic() - self._published >= PUBLISH_SECONDS:
            self.publish()

    def publish(self) -> None:
        """Flush what was written, and then mark it as done for everyone.

        Raises:
            OSError: if the disk is full or fails; the rows are not done then.
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
        """Publish what can be, and let go of the files. The maps that were handed out stay readable."""
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
        whole, end, _ = b"".join(blocks).rpartition(b"\n")  # what another process is writing right now is read next time
        self._problems_read += len(whole) + len(end)
        return whole.split(b"\n")


def _hold(file: int) -> None:
    """Tell `is_in_use` of other processes, until the file is closed, in whatever way this process ends."""
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
    """Write all of ``data`` at ``offset``, or at the end of a file that was opened for that."""
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
    """The entry of a line; none if a writer was killed within it, whose row is then not done either."""
    try:
        entry = json.loads(line)
        return [(int(entry["row"]), [Problem.from_json(problem) for problem in entry["problems"]])]
    except (ValueError, KeyError, TypeError):
        return []
