"""The masks of one of several experts, evaluated as a model is: beside those of another expert."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seg_core.data.folders import Pair
from seg_core.data.truth import read_truth
from seg_core.errors import InputError
from seg_core.prediction.predictor import Prediction


@dataclass(frozen=True)
class ExpertMasks:
    """What an expert marks on each photograph, a `seg_core.prediction.predictor.Predictor`; ``label`` is the expert's name."""

    label: str
    notes: tuple[str, ...] = ()

    @property
    def threshold(self) -> float:
        """One half: pixels have the probabilities 0 and 1."""
        return 0.5

    def missing(self, pairs: Sequence[Pair]) -> list[str]:
        """Return the ids of those pairs that the expert did not outline."""
        return [pair.id for pair in pairs if pair.by([self.label]) is None]

    def predict_pair(self, pair: Pair) -> Prediction:
        """Read the expert's mask at the size of the photograph.

        Raises:
            InputError: if a file cannot be read, or the expert did not outline the photograph.
        """
        started = time.perf_counter()
        own = pair.by([self.label])
        if own is None:
            raise InputError(f"{self.label} did not outline {pair.id}.")
        mask = read_truth(own).mask
        size = mask.shape[1], mask.shape[0]
        return Prediction(mask.astype(np.float32), size, self.threshold, time.perf_counter() - started)
