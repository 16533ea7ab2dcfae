"""How sure a model is of a mask, by its probabilities alone."""

from __future__ import annotations

import numpy as np


def soft_iou(probabilities: np.ndarray, threshold: float) -> float:
    """Return the IoU, 0 to 1, that a mask may be expected to have if the probabilities are right.

    It is the Soft Dice Confidence as IoU: the Dice of the mask with the probabilities instead of a truth (Borges et al., 2024,
    arXiv:2402.10665). It puts masks in order; as a value it is too high where a model is surer than it should be.

    Args:
        probabilities: (h, w) float32 in [0, 1].
        threshold: the mask is where they are at least this much. An empty mask has an expected IoU of 0.
    """
    mask = probabilities >= threshold
    both = float(probabilities.sum(dtype=float, where=mask))
    either = float(probabilities.sum(dtype=float)) + int(mask.sum()) - both
    return both / either if either else 0.0
