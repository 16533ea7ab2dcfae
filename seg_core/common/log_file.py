"""Log files that never grow without end: FILE and, once that is long, FILE.1 with what came before."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LONGEST = 2_000_000
"""Bytes of each of the two files."""
LOOK_SECONDS = 2.0


def rotate(file: Path) -> None:
    """If a log file is too long, keep its end as FILE.1 and empty it. Processes that append to it simply go on."""
    with suppress(OSError), file.open("rb+") as opened:  # it may be gone, or the disk full
        size = opened.seek(0, os.SEEK_END)
        if size > LONGEST:
            opened.seek(size - LONGEST)
            file.with_name(f"{file.name}.1").write_bytes(opened.read(LONGEST))
            opened.truncate(0)


@contextmanager
def bounded(file: Path) -> Iterator[None]:
    """Inside the ``with`` block, a thread keeps rotating a log file that this process appends to."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(LOOK_SECONDS):
            rotate(file)

    rotate(file)
    threading.Thread(target=watch, name="log-file", daemon=True).start()
    try:
        yield
    finally:
        over.set()
