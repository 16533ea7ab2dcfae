"""A mask at a photograph's own size, without the probability of every pixel: most pixels have neighbours of one kind."""

from __future__ import annotations

import numpy as np
from PIL import Image


def enlarged_mask(probabilities: np.ndarray, size: tuple[int, int], cut: float) -> np.ndarray:
    """Return where the probabilities, scaled bilinearly to a size, are at least ``cut``: what Pillow's are, to the bit.

    A pixel between two rows of the network lies between their probabilities. So where both reach the cut, or neither does, so
    does it or not, and only what lies between different ones is computed.

    Args:
        probabilities: (h, w) float32.
        size: width and height.
        cut: compared in float32.

    Returns:
        The mask (H, W) bool.
    """
    (rows, _), (width, height) = probabilities.shape, size
    small = Image.fromarray(probabilities)
    if height <= rows:
        shrunk: np.ndarray = np.asarray(small.resize(size, Image.Resampling.BILINEAR)) >= cut
        return shrunk
    wide = np.asarray(small.resize((width, rows), Image.Resampling.BILINEAR))  # Pillow too scales rows first
    reached = wide >= cut
    upper, shares = _rows_between(rows, height)
    mask: np.ndarray = reached[upper]
    for row in np.flatnonzero((reached[1:] != reached[:-1]).any(axis=1)):
        columns = np.flatnonzero(reached[row] != reached[row + 1])
        first, end = np.searchsorted(upper, (row, row + 1))
        between = sum(shares[first:end, each, None] * wide[row + each, columns].astype(float) for each in (0, 1))
        mask[first:end, columns] = between.astype(np.float32) >= cut
    return mask


def _rows_between(rows: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the upper (H,) of the two rows that each row of a higher picture lies between, and the shares (H, 2) of both.

    As Pillow computes them (``precompute_coeffs`` of its Resample.c), in the same order.
    """
    centre = (np.arange(height) + 0.5) * (rows / height)
    upper = (centre - 1 + 0.5).astype(int)
    shares = 1 - np.abs(upper[:, None] + [0, 1] - centre[:, None] + 0.5)
    shares[(upper[:, None] + [0, 1] >= rows) | (shares < 0)] = 0
    return upper, shares / shares.sum(axis=1, keepdims=True)
