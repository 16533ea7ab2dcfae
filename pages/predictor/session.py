"""What the Predict page remembers for one visitor, and what it computes: photographs, predictions, masks and their measures."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pages.shared.models import Key, LoadedModels, file_key, model_at
from seg_core import metrics
from seg_core.data.image import read_reduced
from seg_core.errors import InputError
from seg_core.prediction.overlay import preview
from seg_core.prediction.predictor import Prediction

PREVIEW = (1024, 640)
"""Longer side of what is drawn on, in pixels: at most, and at least. Masks over small photographs would look coarse."""
THUMBNAIL = 96
MOST_PHOTOS = 24
"""Photographs that one visitor can have at a time."""

LOADED = LoadedModels()


@dataclass
class Photo:
    """One photograph: where the upload lies, its own size (width, height), small copies as JPEG, and what models said of it."""

    name: str
    file: Path
    size: tuple[int, int]
    preview: bytes
    thumbnail: bytes
    predictions: dict[tuple[Key, bool], Prediction] = field(default_factory=dict)

    @classmethod
    def read(cls, file: Path, name: str) -> Photo:
        """Raises `InputError` where the file is no image that can be used."""
        image, size = read_reduced(file, PREVIEW[0], name)
        small = preview(image, *PREVIEW)
        return cls(name, file, size, jpeg(small), jpeg(preview(small, 2 * THUMBNAIL)))

    def drawable(self) -> Image.Image:
        """The preview, decoded: RGB, its longer side 640 to 1024 pixels."""
        return Image.open(io.BytesIO(self.preview)).convert("RGB")

    def predict(self, paths: Iterable[str], *, tta: bool = False) -> list[Prediction | InputError]:
        """The prediction of each model, made now if it is not known; an error stands in the place of one that cannot be had."""
        predictions: list[Prediction | InputError] = []
        for path in paths:
            try:
                model = model_at(path)
                key = file_key(model), tta
                if key not in self.predictions:
                    # From the file, not from the preview, so that the mask is the one that the CLI writes.
                    self.predictions[key] = LOADED.get(model, tta=tta).predict(self._there(), self.name)
                predictions.append(self.predictions[key])
            except InputError as error:
                predictions.append(error)
        return predictions

    def knows(self, paths: Iterable[str], *, tta: bool = False) -> bool:
        """Whether no model has to run for the predictions of these models."""
        with contextlib.suppress(InputError):  # one that is gone cannot run
            return all((file_key(model_at(path)), tta) in self.predictions for path in paths)
        return True

    def _there(self) -> Path:
        if not self.file.exists():
            raise InputError(f"{self.name} was deleted from this machine after an hour; drop it again.")
        return self.file


@dataclass
class Session:
    """The photographs of one visitor, which of them is shown, and for which models the thresholds stand."""

    photos: list[Photo] = field(default_factory=list)
    shown: int = 0
    thresholds_for: list[str | None] = field(default_factory=lambda: [None, None])
    turn: int = 0
    """Counts what the visitor asked to see: an answer that took long is not shown over that of a later question."""
    asked: list[Any] = field(default_factory=list)
    """What the page's controls said when it asked last, in the order of `Parts.controls`, without the session itself."""

    @property
    def photo(self) -> Photo | None:
        """The photograph that is shown."""
        return self.photos[self.shown] if self.photos else None

    def add(self, files: Iterable[tuple[Path, str]]) -> list[str]:
        """Take in photographs, given as file and name, and show the first new one; gives a sentence for each that is no use."""
        problems: list[str] = []
        first: Photo | None = None
        for file, name in files:
            if len(self.photos) >= MOST_PHOTOS:
                problems.append(f"At most {MOST_PHOTOS} photographs are kept at a time; remove them and drop the others again.")
                break
            try:
                photo = Photo.read(file, name)
            except InputError as error:
                problems.append(str(error))
                continue
            self.photos.append(photo)
            first = first or photo
        # Others may have been taken in, or all removed, while these were read.
        self.shown = next((place for place, photo in enumerate(self.photos) if photo is first), self.shown)
        return problems

    def clear(self) -> None:
        """Forget all photographs; their files go with the next sweep of the temporary folder."""
        self.photos.clear()
        self.shown = 0
        self.turn += 1


def agreement(masks: list[np.ndarray]) -> float | None:
    """IoU of two masks (H, W); nothing when there are not two. Two empty masks agree."""
    return float(metrics.iou(masks[0], masks[1])) if len(masks) == 2 else None


def mask_png(prediction: Prediction, threshold: float, folder: Path, name: str) -> Path:
    """Write a mask of 0 and 255 at the photograph's own size."""
    file = folder / name
    # Level 1 takes a third of the time of the default; the file of a mask stays small either way.
    Image.fromarray(prediction.mask(threshold).astype(np.uint8) * 255).save(file, compress_level=1)
    return file


def percent(share: float) -> str:
    """A share from 0 to 1 in words: ``12.4 %``."""
    return f"{100 * share:.1f} %"


def duration(seconds: float) -> str:
    """A time in words: ``0.8 s``, and ``0.08 s`` when it is short."""
    return f"{seconds:.1f} s" if seconds >= 0.1 else f"{max(seconds, 0.01):.2f} s"


def jpeg(image: Image.Image) -> bytes:
    """A picture as JPEG, with colours at full resolution, so that thin outlines stay sharp."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=88, subsampling=0)
    return file.getvalue()
