"""One truth of the masks that several experts drew of a photograph."""

from __future__ import annotations

import numpy as np


def majority(masks: np.ndarray) -> np.ndarray:
    """Return what more than half of the experts mark; where exactly half do, what the middle between their outlines holds.

    The middle is where the mean of the signed distances to the experts' outlines is 0, negative within (shape-based averaging;
    Rohlfing & Maurer, 2007). Counting a tie as lesion would make the truth of two experts the union of their masks, and not
    counting it the intersection: both lie to one side of every expert. An expert who marks nothing is infinitely far from a
    pixel, so no tie with one is lesion.

    Args:
        masks: (R, H, W) bool, of R experts.

    Returns:
        (H, W) bool.
    """
    votes = masks.sum(axis=0)
    truth: np.ndarray = 2 * votes > len(masks)
    tied = 2 * votes == len(masks)
    if tied.any() and masks.any(axis=(1, 2)).all():
        rows, columns = (np.flatnonzero(votes.any(axis=axis)) for axis in (1, 0))
        # With a pixel around, where outlines within are complete; at the photograph's edge there is none.
        within = tuple(slice(max(0, one[0] - 1), one[-1] + 2) for one in (rows, columns))
        truth[within] |= tied[within] & _mean_distance_below_zero(masks[(slice(None), *within)])
    return truth


def _mean_distance_below_zero(masks: np.ndarray) -> np.ndarray:
    """Return (H, W) where the mean signed distance to the outlines of masks (R, H, W), none of them empty, is 0 or less."""
    from scipy.ndimage import distance_transform_edt

    inside = (np.full(mask.shape, np.inf) if mask.all() else distance_transform_edt(mask) for mask in masks)
    below: np.ndarray = sum(distance_transform_edt(~mask) - depth for mask, depth in zip(masks, inside, strict=True)) <= 0
    return below


def staple(masks: np.ndarray) -> np.ndarray:
    """Return the pixels that are lesion with a probability of one half or more, by STAPLE (Warfield et al., 2004).

    It weighs every expert by a sensitivity and a specificity that it estimates from this photograph's masks.

    Args:
        masks: (R, H, W) bool, of R experts.

    Returns:
        (H, W) bool.
    """
    if (masks == masks[0]).all():  # nothing to weigh, and where all or no pixels are lesion STAPLE divides by zero
        return np.array(masks[0])
    import SimpleITK

    images = [SimpleITK.GetImageFromArray(mask.astype(np.uint8)) for mask in masks]
    probability = SimpleITK.STAPLE(images, 1.0)  # type: ignore[no-untyped-call]
    found = SimpleITK.GetArrayFromImage(probability)
    return majority(masks) if np.isnan(found).any() else found >= 0.5
