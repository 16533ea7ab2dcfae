"""The picture of masks that loggers get."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seg_core.training.events import Sample

MOST_SAMPLES = 4
PICTURES = 10
"""About how many pictures a training logs, so that long ones do not fill a disk."""


def has_picture(epoch: int, epochs: int) -> bool:
    """Return True for the first epoch, the last one, and about every tenth part of the training."""
    return epoch in (1, epochs) or epoch % max(1, epochs // PICTURES) == 0


def masks_picture(samples: Sequence[Sample]) -> np.ndarray:
    """Draw samples: (N · S, 3 · S, 3) uint8, a row for each of the first four, with photograph, true mask and probability."""
    rows = [
        np.hstack([sample.photo, _grey(sample.truth.astype(np.float32)), _grey(sample.probability)])
        for sample in samples[:MOST_SAMPLES]
    ]
    return np.vstack(rows)


def _grey(share: np.ndarray) -> np.ndarray:
    grey: np.ndarray = np.rint(share * 255).astype(np.uint8)[..., None].repeat(3, axis=2)
    return grey
