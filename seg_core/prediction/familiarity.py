"""Whether a photograph is like those that trained a model, by what its encoder sees.

The features of most training photographs lie near a few directions. How far a photograph lies from these is the squared
prediction error of a principal component model (Jackson & Mudholkar, 1979); photographs of another camera, or of no skin, lie far
away.
"""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from seg_core.prediction.metadata import FamiliarityValues

LEAST, LEAST_HELD_OUT = 100, 20
"""Photographs that it is learnt on, and held-out ones that the limit is set by."""
MOST = 600
"""Training photographs whose features say enough."""
DIRECTIONS = 24
FAMILIAR = 0.98
"""Share of held-out photographs of the same kind that are within the limit."""
_LEAST_SCALE = 1e-3


@dataclass(frozen=True, eq=False)
class Familiarity:
    """What the training photographs of a model have in common."""

    mean: np.ndarray
    """(F,) of the features."""
    scale: np.ndarray
    """(F,) their standard deviations."""
    directions: np.ndarray
    """(K, F) orthonormal."""
    limit: float
    """Photographs that are farther away are unlike those."""

    @classmethod
    def of(cls, values: FamiliarityValues, features: int) -> Familiarity:
        """Read it from the metadata of a model that has so many features. Raises ValueError if the numbers do not fit it."""
        numbers = np.frombuffer(base64.b64decode(values["numbers"], validate=True), "<f2").astype(np.float32)
        mean, scale, *directions = numbers.reshape(-1, features)
        if not (np.isfinite(numbers).all() and (scale > 0).all()):
            raise ValueError("its familiarity is damaged")
        return cls(mean, scale, np.array(directions).reshape(-1, features), values["limit"])

    def distance(self, features: np.ndarray) -> np.ndarray:
        """Return how far photographs with features (N, F) lie from the training photographs: (N,), 0 or more."""
        scaled = (features - self.mean) / self.scale
        rest = scaled - scaled @ self.directions.T @ self.directions
        distance: np.ndarray = (rest**2).mean(axis=1)
        return distance

    def is_unlike(self, features: np.ndarray) -> bool:
        """True if a photograph with features (F,) is unlike those that trained the model."""
        return bool(self.distance(features[None])[0] > self.limit)


def learn(train: np.ndarray, held_out: np.ndarray) -> FamiliarityValues | None:
    """Learn it from the features (N, F) of training photographs, and the limit from those (M, F) of held-out ones.

    Returns None where there are too few. The limit lets `FAMILIAR` of photographs like the held-out ones pass (conformal).
    """
    if len(train) < LEAST or len(held_out) < LEAST_HELD_OUT:
        return None
    mean, scale = train.mean(axis=0), np.maximum(train.std(axis=0), _LEAST_SCALE)
    _, _, directions = np.linalg.svd((train - mean) / scale, full_matrices=False)
    numbers = np.vstack([mean, scale, directions[:DIRECTIONS]]).astype("<f2")
    text = base64.b64encode(numbers.tobytes()).decode()
    values: FamiliarityValues = {"photographs": len(train), "numbers": text, "limit": 0.0}
    distances = np.sort(Familiarity.of(values, train.shape[1]).distance(held_out))
    rank = min(math.ceil(FAMILIAR * (len(distances) + 1)), len(distances))
    return {**values, "limit": round(float(distances[rank - 1]), 4)}
