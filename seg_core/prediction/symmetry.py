"""The views of photographs that a network sees, and what it gives for them as probabilities of the photographs themselves.

A network answers the mirror image of a photograph with a mask that is nearly, but not quite, the mirror image of its mask.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np

Network = Callable[[np.ndarray], np.ndarray]
"""From photographs (B, S, S, 3) uint8 to probabilities (B, S, S) float32."""


def in_one_view(network: Network, photos: np.ndarray) -> np.ndarray:
    """Let a network see photographs with their darker side to the left, so that mirror images get mirrored masks.

    Which of two equivalent views it is, the photograph says, and not whoever holds it: canonicalization (Kaba et al., 2023), here
    by the side on which the centre of brightness lies. Where that is the very middle, the photograph is seen as it is.

    Args:
        network: what predicts.
        photos: (B, S, S, 3) uint8.

    Returns:
        Probabilities (B, S, S) float32.
    """
    columns = photos.sum(axis=(1, 3), dtype=np.int64)
    mirrored = columns @ np.arange(1 - photos.shape[2], photos.shape[2], 2) < 0
    return _mirrored(network(_mirrored(photos, mirrored)), mirrored)


def in_all_views(network: Network, photos: np.ndarray) -> np.ndarray:
    """Test-time augmentation: the mean over the eight symmetries of the square. Takes and gives what `in_one_view` does."""
    found = []
    for side, turns in product((1, -1), range(4)):
        turned = network(np.rot90(photos[:, :, ::side], turns, axes=(1, 2)))
        found.append(np.rot90(turned, -turns, axes=(1, 2))[:, :, ::side])
    mean: np.ndarray = np.mean(found, axis=0)
    return mean


def _mirrored(arrays: np.ndarray, which: np.ndarray) -> np.ndarray:
    """Arrays (B, H, W, ...), those of ``which`` (B,) mirrored."""
    result: np.ndarray = np.where(which.reshape(-1, *[1] * (arrays.ndim - 1)), arrays[:, :, ::-1], arrays)
    return result
