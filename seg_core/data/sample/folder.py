"""The built-in dataset `sample`: synthetic lesion photographs with masks, made on this machine at its first use."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from seg_core.common.home import home
from seg_core.data.sample.painter import paint
from seg_core.errors import InputError

TRAIN_COUNT = 160
TEST_COUNT = 40
SEED = 2016
VERSION = 1
"""The end of the folder's name; raise it when the pixels change, so that nobody compares runs on different photographs."""


def sample_folder(on_progress: Callable[[int, int], None] | None = None) -> Path:
    """Return the folder of the sample dataset, which is made if it is missing (some seconds).

    It holds ``train/images/sample_0001.jpg`` … with ``train/masks/sample_0001.png`` (0 and 255), 160 pairs of 256×256 pixels, and
    ``test`` likewise with 40. Each photograph depends on its own number alone. ``on_progress`` gets the number of pairs made so
    far and their total.

    The folder appears whole or not at all: it is made beside its place and renamed. An exception from ``on_progress`` stops it.

    Raises:
        InputError: if it cannot be written.
    """
    folder = home() / "cache" / f"sample-v{VERSION}"
    if folder.is_dir():
        return folder
    unfinished = folder.parent / f".{folder.name}-{uuid.uuid4().hex}"
    try:
        _make(unfinished, on_progress)
        _move_into_place(unfinished, folder)
    except OSError as error:
        why = error.strerror or error
        raise InputError(f"The sample cannot be written to {folder} ({why}); make room or set LESIONLAB_HOME.") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def _make(folder: Path, on_progress: Callable[[int, int], None] | None) -> None:
    total = TRAIN_COUNT + TEST_COUNT
    for split in ("train", "test"):
        (folder / split / "images").mkdir(parents=True)
        (folder / split / "masks").mkdir()
    for index in range(total):
        pairs = folder / ("train" if index < TRAIN_COUNT else "test")
        name = f"sample_{index + 1:04d}"
        painting = paint(np.random.default_rng([SEED, index]))
        Image.fromarray(painting.photo).save(pairs / "images" / f"{name}.jpg", quality=90)
        Image.fromarray(painting.mask.astype(np.uint8) * 255).save(pairs / "masks" / f"{name}.png")
        if on_progress is not None:
            on_progress(index + 1, total)


def _move_into_place(unfinished: Path, folder: Path) -> None:
    try:
        unfinished.rename(folder)
    except OSError:
        if not folder.is_dir():  # else another process was faster, and its folder holds the same pixels
            raise
