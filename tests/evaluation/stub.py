"""A model that predicts what it was told to, and pairs that it is evaluated on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from seg_core.data.folders import Pair
from seg_core.data.image import read_image
from seg_core.evaluation.result import MASK_METRICS, RANKING_METRICS
from seg_core.prediction.predictor import Prediction
from tests.helpers import find_pairs

HUNDREDTHS = [float(f"0.{hundredth:02d}") for hundredth in range(1, 100)]

PROBABILITY: list[list[float]] = [[0.9, 0.8, 0.3, 0], [0.7, 0.5, 0.2, 0], [0.6, 0.4, 0.1, 0], [0, 0, 0, 0]]
TRUTH = ["##..", "##..", "#...", "...."]  # 5 of 16 pixels


class Stub:
    """A model that predicts what it was told to."""

    def __init__(self, predictions: dict[str, list[list[float]]], threshold: float = 0.5) -> None:
        self.label, self.threshold, self.notes = "Stub", threshold, ("It is a stub.",)
        self.predictions = predictions
        self.asked: list[str] = []

    def missing(self, pairs: Sequence[Pair]) -> list[str]:
        return [pair.id for pair in pairs if pair.id not in self.predictions]

    def predict_pair(self, pair: Pair) -> Prediction:
        self.asked.append(pair.id)
        return Prediction(np.array(self.predictions[pair.id], np.float32), read_image(pair.image).size, self.threshold, 0.1)


def per_image(count: int, **values: float) -> dict[str, Any]:
    """Fields of an evaluation: one value for all images of each score that no pixel counts give, 0 where none is said."""
    return {name: np.full(count, values.get(name, 0.0)) for name in (*MASK_METRICS, *RANKING_METRICS)}


def mask(rows: list[str]) -> np.ndarray:
    return np.array([[pixel == "#" for pixel in row] for row in rows])


def write(folder: Path, masks: dict[str, np.ndarray]) -> list[Pair]:
    """Pairs of a black photograph and a mask, both as large as the mask."""
    for id, truth in masks.items():
        for name, pixels in (("images", np.zeros((*truth.shape, 3), np.uint8)), ("masks", truth.astype(np.uint8) * 255)):
            (folder / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(folder / name / f"{id}.png")
    return find_pairs(folder)
