"""Predicting photographs so that mirror images get mirrored masks, or as a mean over all symmetries of the square.

A network alone answers the mirror image of a photograph with a mask that is nearly, but not quite, the mirror image of its mask.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np

Network = Callable[[np.ndarray], np.ndarray]
"""From photographs (B, S, S, 3) uint8 to probabilities (B, S, S) float32."""


def canonical_probabilities(network: Network, photos: np.ndarray) -> np.ndarray:
    """Predict photographs with their darker side to the left, so that mirror images get mirrored masks.

    The photograph itself decides which of its two mirror images the network sees: canonicalization (Kaba et al., 2023), here by
    the side on which the centre of brightness lies. Where that is the very middle, the photograph is seen as it is.

    Args:
        network: the model alone.
        photos: (B, S, S, 3) uint8.

    Returns:
        Probabilities (B, S, S) float32.
    """
    columns = photos.sum(axis=(1, 3), dtype=np.int64)
    mirrored = columns @ np.arange(1 - photos.shape[2], photos.shape[2], 2) < 0
    return _mirror(network(_mirror(photos, mirrored)), mirrored)


def mean_over_symmetries(network: Network, photos: np.ndarray) -> np.ndarray:
    """Predict the mean over the eight symmetries of the square (test-time augmentation); as `canonical_probabilities`."""
    found = []
    for side, turns in product((1, -1), range(4)):
        turned = network(np.rot90(photos[:, :, ::side], turns, axes=(1, 2)))
        found.append(np.rot90(turned, -turns, axes=(1, 2))[:, :, ::side])
    mean: np.ndarray = np.mean(found, axis=0)
    return mean


def _mirror(arrays: np.ndarray, which: np.ndarray) -> np.ndarray:
    """Mirror those of the arrays (B, H, W, ...) that are marked in ``which`` (B,)."""
    result: np.ndarray = np.where(which.reshape(-1, *[1] * (arrays.ndim - 1)), arrays[:, :, ::-1], arrays)
    return result
