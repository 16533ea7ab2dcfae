"""The files of the Predict widget: uploads, what is written for the browser, and their deletion after an hour."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import secrets
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from gradio.utils import get_upload_folder

from seg_core.common.text import slug
from seg_core.data.image import write_mask
from seg_core.prediction.predictor import Prediction

KEEP = 3600
"""Seconds that uploads, masks and pictures stay on the disk, and a visitor's photographs in memory."""

LONGEST_STEM = 120
"""Bytes of a photograph's name that the names of its files begin with."""


def upload(file: dict[str, Any]) -> tuple[Path, str]:
    """Path of an upload, and the name that its owner gave it, from Gradio's description of a file."""
    path = Path(file["path"])
    return path, file.get("orig_name") or path.name


def fresh_folder() -> Path:
    """Create a folder whose name nobody can guess, in the one place from which Gradio serves files."""
    folder = Path(get_upload_folder()) / secrets.token_hex(16)
    folder.mkdir(parents=True)
    return folder


def write_picture(picture: bytes, photo: str) -> str:
    """Write a JPEG for the browser to show, named after the photograph; returns its path."""
    file = fresh_folder() / f"{_stem(photo)}_overlay.jpg"
    file.write_bytes(picture)
    return str(file)


def mask_bytes(prediction: Prediction, threshold: float) -> bytes:
    """Encode a mask of 0 and 255 at the photograph's own size as PNG."""
    png = io.BytesIO()
    write_mask(prediction.mask(threshold), png)
    return png.getvalue()


def mask_png(prediction: Prediction, threshold: float, folder: Path, name: str) -> Path:
    """Write a mask as a file; returns its path."""
    file = folder / name
    file.write_bytes(mask_bytes(prediction, threshold))
    return file


def mask_name(photo: str, model: str) -> str:
    """File name of a mask: the photograph's name and the model's."""
    return f"{_stem(photo)}_mask_{slug(model)}.png"


def _stem(photo: str) -> str:
    """A photograph's name without its suffix, short enough to append to: a file name has at most 255 bytes."""
    return Path(photo).stem.encode()[:LONGEST_STEM].decode(errors="ignore")


def sweep(folder: Path, older_than: float) -> None:
    """Delete the files below a folder that were written more than ``older_than`` seconds ago, and the folders left empty.

    A folder that was made or changed since stays, although it is empty: a file may be about to be written into it.
    """
    limit = time.time() - older_than

    def is_old(path: Path) -> bool:
        with contextlib.suppress(OSError):  # Gradio deletes some of them too
            return path.stat().st_mtime < limit
        return False

    for place, _, names in os.walk(folder, topdown=False):
        here = Path(place)
        is_left = is_old(here)  # asked before its files are deleted, which changes its time
        for file in filter(is_old, (here / name for name in names)):
            with contextlib.suppress(OSError):  # Windows deletes none that is being read
                file.unlink()
        if is_left and here != folder:
            with contextlib.suppress(OSError):  # not empty
                here.rmdir()


def sweeper(
    forget_old: Callable[[float], None], older_than: float = KEEP, every: float = KEEP / 60
) -> Callable[[], Coroutine[Any, Any, None]]:
    """Return a startup hook that keeps deleting old files, and calls ``forget_old(older_than)``, for as long as the server lives.

    Gradio's ``delete_cache`` loses sight of the files of a component that was changed by an update, and of all files when the
    server is killed. Nothing is done where GRADIO_TEMP_DIR is not set: Gradio's usual folder belongs to other programs too.
    """

    async def forever() -> None:
        folder = Path(get_upload_folder())
        while True:
            await asyncio.to_thread(sweep, folder, older_than)
            forget_old(older_than)
            await asyncio.sleep(every)

    running: list[asyncio.Task[None]] = []  # the event loop itself holds tasks only weakly

    async def start() -> None:
        if os.environ.get("GRADIO_TEMP_DIR") and all(task.done() for task in running):
            running.append(asyncio.create_task(forever()))

    return start
