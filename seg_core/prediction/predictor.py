"""What a model says about a photograph, and what anything has to offer to be evaluated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PIL import Image

from seg_core.data.folders import Pair


@dataclass(frozen=True)
class Prediction:
    """What a model says about one photograph.

    ``probabilities`` is (h, w) float32 in [0, 1] at the resolution that the model works at; ``size`` is (width, height) of the
    photograph.
    """

    probabilities: np.ndarray
    size: tuple[int, int]
    threshold: float
    seconds: float

    def probability(self, size: tuple[int, int] | None = None) -> np.ndarray:
        """Probabilities (H, W) float32 at the photograph's own size, or at ``size`` (width, height)."""
        scaled = Image.fromarray(self.probabilities).resize(size or self.size, Image.Resampling.BILINEAR)
        return np.asarray(scaled)

    def mask(self, threshold: float | None = None, size: tuple[int, int] | None = None) -> np.ndarray:
        """Boolean mask (H, W): where the probability is at least ``threshold`` (the model's own by default)."""
        # Python's float is compared in float32. NumPy's would be in float64, where 0.7 is more than what float32 makes of it.
        return self.probability(size) >= float(self.threshold if threshold is None else threshold)

    def picture(self, longest_side: int) -> np.ndarray:
        """Probabilities as grey (H, W) uint8, 255 standing for 1, in the photograph's proportions.

        It is ``longest_side`` pixels long, or as long as the photograph where that is smaller. A pixel belongs to the mask of a
        threshold where its value is at least 255 times that, but for what the rounding to whole numbers takes or adds.
        """
        shrunk = min(1.0, longest_side / max(self.size))
        width, height = (max(1, round(side * shrunk)) for side in self.size)
        grey: np.ndarray = np.rint(self.probability((width, height)) * 255).astype(np.uint8)
        return grey


class Predictor(Protocol):
    """What can be evaluated: a checkpoint, or a folder of masks that another program predicted."""

    @property
    def label(self) -> str:
        """Its name in the app and in messages."""

    @property
    def threshold(self) -> float:
        """The probability from which it calls a pixel lesion."""

    @property
    def notes(self) -> Sequence[str]:
        """Sentences for whoever reads its scores."""

    def missing(self, pairs: Sequence[Pair]) -> list[str]:
        """The ids of those pairs that it has no prediction for."""

    def predict_pair(self, pair: Pair) -> Prediction:
        """Its prediction for the photograph of a pair.

        Raises:
            InputError: if a file cannot be read.
        """
