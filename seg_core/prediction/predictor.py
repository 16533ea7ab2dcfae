"""The prediction for one photograph, and the interface of everything that can be evaluated."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PIL import Image

from seg_core.data.folders import Pair
from seg_core.data.image import Reader, Source, read_scaled
from seg_core.errors import InputError
from seg_core.prediction.enlarged_mask import enlarged_mask
from seg_core.prediction.expected_iou import ExpectedIou, soft_iou


@dataclass(frozen=True)
class Prediction:
    """The prediction for one photograph."""

    probabilities: np.ndarray
    """(h, w) float32 in [0, 1], at the resolution of the model."""
    size: tuple[int, int]
    """Width and height of the photograph."""
    threshold: float
    """The model's own."""
    seconds: float
    """Time of the model, and of reading the photograph again where it looks twice."""
    expected_iou: ExpectedIou | None = None
    """Of the mask at the model's own threshold; None if the model cannot tell."""

    @property
    def soft_iou(self) -> float:
        """Of the mask at the model's own threshold; see `seg_core.prediction.expected_iou.soft_iou`."""
        return soft_iou(self.probabilities, self.threshold)

    def probability(self, size: tuple[int, int] | None = None) -> np.ndarray:
        """Return probabilities (H, W) float32 at the photograph's own size, or at ``size`` (width, height)."""
        scaled = Image.fromarray(self.probabilities).resize(size or self.size, Image.Resampling.BILINEAR)
        return np.asarray(scaled)

    def mask(self, threshold: float | None = None, size: tuple[int, int] | None = None) -> np.ndarray:
        """Return the mask (H, W) bool: where the probability is at least ``threshold`` (the model's own by default)."""
        # A Python float is compared in float32; a NumPy float64 in float64, where 0.7 is more than the float32 nearest to it.
        cut = float(self.threshold if threshold is None else threshold)
        return enlarged_mask(self.probabilities, size or self.size, cut)

    def picture(self, longest_side: int) -> np.ndarray:
        """Return probabilities as grey (H, W) uint8, 255 standing for 1, in the photograph's proportions.

        Its longer side has ``longest_side`` pixels, or as many as the photograph where that is smaller. Up to rounding, a pixel
        belongs to the mask of a threshold where its value is at least 255 times the threshold.
        """
        shrunk = min(1.0, longest_side / max(self.size))
        width, height = (max(1, round(side * shrunk)) for side in self.size)
        grey: np.ndarray = np.rint(self.probability((width, height)) * 255).astype(np.uint8)
        return grey


class Predictor(Protocol):
    """Interface of everything that can be evaluated: a checkpoint, or a folder of masks that another program predicted."""

    @property
    def label(self) -> str:
        """Its name in the app and in messages."""

    @property
    def threshold(self) -> float:
        """The probability from which it calls a pixel lesion."""

    @property
    def notes(self) -> Sequence[str]:
        """Sentences to show beside its scores."""

    def missing(self, pairs: Sequence[Pair]) -> list[str]:
        """Return the ids of those pairs that it has no prediction for."""

    def predict_pair(self, pair: Pair) -> Prediction:
        """Predict the photograph of a pair.

        Raises:
            InputError: if a file cannot be read.
        """


def require_numbers(probabilities: np.ndarray, label: str) -> np.ndarray:
    """Return probabilities as they are. Raises InputError if any is no number, as the model ``label`` then is of no use."""
    if np.isnan(probabilities).any():
        raise InputError(f"{label} predicts values that are no numbers; its weights are damaged, so train or export it again.")
    return probabilities


class PredictsAnyPhotograph(ABC):
    """The part of a `Predictor` that is the same for all models: they have a mask for every photograph."""

    notes: tuple[str, ...] = ()
    """No notes: it predicts every photograph as it is."""

    def missing(self, pairs: Sequence[Pair]) -> list[str]:
        """Return no ids."""
        return []

    @abstractmethod
    def predict(self, image: Source, name: str = "", read: Reader = read_scaled) -> Prediction:
        """Predict the lesion of one photograph of any size and kind (see `seg_core.data.image.read_image`).

        ``read`` reads it, by default in this process.
        """

    def predict_pair(self, pair: Pair) -> Prediction:
        """Predict the photograph of a pair."""
        return self.predict(pair.image)
