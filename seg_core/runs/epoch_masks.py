"""Predicted masks of a run's fixed validation photographs: written after every epoch, shown on the pages.

The files are in ``masks/`` in the run's folder, K counting the photographs from 1: ``photo-K.jpg``, ``truth-K.png`` (0 and 255),
and per epoch ``epoch-0001-K.png``, the probability as grey from 0 to 255; ``ids.json`` lists the photographs' ids in order. All
pictures have the network's input size.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from seg_core.common.atomic_file import atomic_file

if TYPE_CHECKING:
    from seg_core.training.events import Sample


def save_masks(folder: Path, epoch: int, samples: Sequence[Sample]) -> None:
    """Write the pictures of one epoch, and delete those of later epochs, which an attempt that is started over has left."""
    masks = masks_folder(folder)
    masks.mkdir(parents=True, exist_ok=True)
    for late in mask_epochs(folder):
        if late > epoch:
            for file in masks.glob(f"epoch-{late:04d}-*.png"):
                file.unlink()
    ids = masks / "ids.json"
    if not ids.exists():
        with atomic_file(ids) as partial:
            partial.write_text(json.dumps([sample.id for sample in samples]), encoding="utf-8")
    for number, sample in enumerate(samples, start=1):
        for path, pixels in (
            (masks / f"photo-{number}.jpg", sample.photo),
            (masks / f"truth-{number}.png", sample.truth.astype(np.uint8) * 255),
        ):
            if not path.exists():
                _write(path, pixels)
        _write(mask_file(folder, epoch, number), np.rint(sample.probability * 255).astype(np.uint8))


def masks_folder(folder: Path) -> Path:
    """The folder of the pictures in a run's folder."""
    return folder / "masks"


def has_masks(folder: Path, epoch: int) -> bool:
    """Return True if all pictures of an epoch are there; those that a killed process had begun are not."""
    files = [mask_file(folder, epoch, number) for number, _ in enumerate(mask_ids(folder), start=1)]
    return bool(files) and len(mask_photos(folder)) == len(files) and all(file.exists() for file in files)


def mask_epochs(folder: Path) -> list[int]:
    """Return the epochs of a run that have pictures, in order."""
    return sorted({int(file.name.split("-")[1]) for file in masks_folder(folder).glob("epoch-*-*.png")})


def mask_ids(folder: Path) -> list[str]:
    """Return the ids of a run's photographs in the order of their numbers; empty before the first epoch is done."""
    file = masks_folder(folder) / "ids.json"
    return list(json.loads(file.read_text(encoding="utf-8"))) if file.exists() else []


def mask_photos(folder: Path) -> list[Path]:
    """Return the photographs of a run in the order of their numbers; empty before the first epoch is done."""
    return sorted(masks_folder(folder).glob("photo-*.jpg"), key=lambda file: int(file.stem.split("-")[1]))


def mask_file(folder: Path, epoch: int, number: int) -> Path:
    """Path of the probabilities of one epoch for the photograph with this number."""
    return masks_folder(folder) / f"epoch-{epoch:04d}-{number}.png"


def _write(path: Path, pixels: np.ndarray) -> None:
    with atomic_file(path) as partial, partial.open("wb") as file:
        Image.fromarray(pixels).save(file, "JPEG" if path.suffix == ".jpg" else "PNG", quality=90)
