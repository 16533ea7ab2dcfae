"""The files of the Predict widget: what came in, what it makes for the browser, and their end after an hour."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from gradio.utils import get_upload_folder

from pages.shared.models import slug

KEEP = 3600
"""Seconds that uploads, masks and pictures stay on the disk, and a visitor's photographs in memory."""

LONGEST_STEM = 120
"""Bytes that the names of the files made here take over from a photograph's name."""


def upload(file: dict[str, Any]) -> tuple[Path, str]:
    """Where an upload lies and what its owner calls it, from Gradio's description of a file."""
    path = Path(file["path"])
    return path, file.get("orig_name") or path.name


def fresh_folder() -> Path:
    """A new folder that nobody can guess, in the one place from which Gradio serves files."""
    folder = Path(get_upload_folder()) / secrets.token_hex(16)
    folder.mkdir(parents=True)
    return folder


def write_picture(picture: bytes, photo: str) -> str:
    """Write a JPEG for the browser to show, named after the photograph; gives its path."""
    file = fresh_folder() / f"{_stem(photo)}_overlay.jpg"
    file.write_bytes(picture)
    return str(file)


def mask_name(photo: str, model: str) -> str:
    """The file name of a mask: the photograph's, and which model made it."""
    return f"{_stem(photo)}_mask_{slug(model)}.png"


def _stem(photo: str) -> str:
    """A photograph's name without its ending, short enough for what is set behind it: a file's name has at most 255 bytes."""
    return Path(photo).stem.encode()[:LONGEST_STEM].decode(errors="ignore")


def sweep(folder: Path, older_than: float) -> None:
    """Delete the files in a folder and below that were written more than so many seconds ago, and the folders left empty."""
    limit = time.time() - older_than
    for place, _, names in os.walk(folder, topdown=False):
        for name in names:
            file = Path(place, name)
            with contextlib.suppress(OSError):  # Gradio deletes some of them too, and Windows none that is being read
                if file.stat().st_mtime < limit:
                    file.unlink()
        if Path(place) != folder:
            with contextlib.suppress(OSError):  # not empty
                Path(place).rmdir()


def sweeper(older_than: float = KEEP, every: float = KEEP / 6) -> Callable[[], Coroutine[Any, Any, None]]:
    """Something to run when the server starts: it goes on deleting old files for as long as the server lives.

    Gradio's ``delete_cache`` loses sight of the files of a component that was changed by an update, and of all files when the
    server is killed. Nothing is done where GRADIO_TEMP_DIR is not set: Gradio's usual folder belongs to other programs too.
    """

    async def forever() -> None:
        folder = Path(get_upload_folder())
        while True:
            await asyncio.to_thread(sweep, folder, older_than)
            await asyncio.sleep(every)

    running: list[asyncio.Task[None]] = []  # the event loop itself holds tasks only weakly

    async def start() -> None:
        if os.environ.get("GRADIO_TEMP_DIR") and all(task.done() for task in running):
            running.append(asyncio.create_task(forever()))

    return start
