"""One photograph of a visitor: its small copies, and what models predict for it."""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from pages.shared.counters import PREDICTIONS
from pages.shared.models import Key, LoadedModels, file_key, model_at
from pages.shared.turns import TURNS
from seg_core.data.decoder import decoder
from seg_core.data.image import Reader, read_once
from seg_core.errors import InputError
from seg_core.prediction.catalogue import CheckpointEntry
from seg_core.prediction.measures import Measures, measure
from seg_core.prediction.overlay import preview
from seg_core.prediction.predictor import Prediction

PREVIEW = (1024, 640)
"""Longer side of what is drawn on, in pixels: at most, and at least. Masks over small photographs would look coarse."""
THUMBNAIL = 96

LOADED = LoadedModels()


@dataclass
class Photo:
    """One photograph: its name, file and size (width, height), small copies as JPEG, and the predictions (or errors) so far."""

    name: str
    file: Path
    size: tuple[int, int]
    preview: bytes
    thumbnail: bytes
    predictions: dict[tuple[Key, bool], Prediction | InputError] = field(default_factory=dict)
    """By the state of the checkpoint's file, and with or without test-time augmentation."""
    _measured: tuple[tuple[tuple[int, float], ...], Measures] | None = None
    """The last measures, and of which predictions at which thresholds: predictions are never forgotten before the photograph."""
    added: float = field(default_factory=time.monotonic)
    """When it was read, on the clock of `time.monotonic`."""

    @classmethod
    def read(cls, file: Path, name: str, read: Reader | None = None) -> Photo:
        """Read an upload, by default as visitors' files are read; an error calls it ``name``.

        Raises:
            InputError: if the file is not an image that can be used.
        """
        small, size = preview(file, *PREVIEW, name, read or decoder().read_scaled)
        return cls(name, file, size, jpeg(small), jpeg(preview(small, 2 * THUMBNAIL)[0]))

    def drawable(self) -> Image.Image:
        """Decode the preview: RGB, its longer side 640 to 1024 pixels."""
        return Image.open(io.BytesIO(self.preview)).convert("RGB")

    def predict(self, paths: Iterable[str], *, tta: bool = False) -> list[Prediction | InputError]:
        """Return the prediction of each model, running it once; an error takes the place of one that cannot be made."""
        read = read_once(decoder().read_scaled)
        return [self._prediction(path, read, tta=tta) for path in paths]

    def _prediction(self, path: str, read: Reader, *, tta: bool) -> Prediction | InputError:
        try:
            model = model_at(path)
        except InputError as error:
            return error
        key = file_key(model), tta
        if key not in self.predictions:
            try:
                # From the file, not from the preview, so that the mask is the one that the CLI writes.
                self.predictions[key] = predict_upload(model, self.existing_file(), self.name, read, tta=tta)
            except InputError as error:
                self.predictions[key] = error
        return self.predictions[key]

    def knows(self, paths: Iterable[str], *, tta: bool = False) -> bool:
        """True if no model has to run for the predictions of these models."""
        with contextlib.suppress(InputError):  # one that is gone cannot run
            return all((file_key(model_at(path)), tta) in self.predictions for path in paths)
        return True

    def measures(self, masks: Sequence[tuple[Prediction, float]]) -> Measures:
        """Measure one or two masks, each a prediction at a threshold, at the photograph's own size, as they are downloaded."""
        asked = tuple((id(prediction), threshold) for prediction, threshold in masks)
        last = self._measured
        if last is None or last[0] != asked:
            last = asked, measure([prediction.mask(threshold) for prediction, threshold in masks])
            self._measured = last
        return last[1]

    def existing_file(self) -> Path:
        """Return the file.

        Raises:
            InputError: if it was deleted meanwhile.
        """
        if not self.file.exists():
            raise InputError(f"{self.name} was deleted from this machine after an hour; drop it again.")
        return self.file


def predict_upload(model: CheckpointEntry, file: Path, name: str, read: Reader, *, tta: bool) -> Prediction:
    """Predict a visitor's file, called ``name`` in errors.

    Raises:
        InputError: if the model cannot be loaded, or the file is no photograph that can be used.
    """
    with TURNS.turn():
        prediction = LOADED.get(model, tta=tta).predict(file, name, read)
    PREDICTIONS.observe(prediction.seconds)
    return prediction


def jpeg(image: Image.Image) -> bytes:
    """Encode a picture as JPEG, with colours at full resolution, so that thin outlines stay sharp."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=88, subsampling=0)
    return file.getvalue()
