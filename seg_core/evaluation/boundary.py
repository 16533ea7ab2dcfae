"""How well the outline of a mask fits: boundary IoU and the 95th percentile of the Hausdorff distance."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from seg_core.prediction.predictor import Prediction

BAND = 0.02
"""Width of the band along an outline, as a share of the image's diagonal (Cheng et al., 2021)."""


LONGEST_SIDE = 1024
"""Masks of larger photographs are shrunk to this, in pixels: both measures are relative to the diagonal, and the work is not."""


def outline_scores(prediction: Prediction, truth: np.ndarray) -> tuple[float, float]:
    """`boundary_iou` and `hausdorff_95` of a prediction at its model's own threshold; ``truth`` is (H, W) bool."""
    mask, truth = _shrunk(prediction.mask()), _shrunk(truth)
    return boundary_iou(mask, truth), hausdorff_95(mask, truth)


def _shrunk(mask: np.ndarray) -> np.ndarray:
    height, width = mask.shape
    factor = min(1.0, LONGEST_SIDE / max(width, height))
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return np.asarray(Image.fromarray(mask).resize(size, Image.Resampling.NEAREST))


def boundary_iou(prediction: np.ndarray, truth: np.ndarray) -> float:
    """IoU of the bands along the inside of both outlines, which are 2 % of the diagonal wide; 1 where both masks are empty.

    Boundary IoU (Cheng et al., 2021), as their code computes it: the band is what that many erosions by 3×3 pixels take away,
    and the image's edge is an outline too.

    Args:
        prediction, truth: boolean masks (H, W).
    """
    width = max(1, round(BAND * math.hypot(*truth.shape)))
    box = _box(prediction | truth)
    ours, theirs = _band(prediction[box], width), _band(truth[box], width)
    either = int((ours | theirs).sum())
    return int((ours & theirs).sum()) / either if either else 1.0


def hausdorff_95(prediction: np.ndarray, truth: np.ndarray) -> float:
    """How far apart the outlines are, as a share of the image's diagonal: the 95th percentile of the Hausdorff distance.

    Of the distances from each pixel of one outline to the nearest of the other, the 95th percentile; the larger of both
    directions (Huttenlocher et al., 1993). 0 where both masks are empty, and 1 where only one is.

    Args:
        prediction, truth: boolean masks (H, W).
    """
    from scipy.spatial import KDTree

    box = _box(prediction | truth)
    ours, theirs = (np.argwhere(_band(mask[box], 1)) for mask in (prediction, truth))
    if not len(ours) or not len(theirs):
        return float(len(ours) != len(theirs))
    there, back = KDTree(theirs).query(ours)[0], KDTree(ours).query(theirs)[0]
    return float(max(np.percentile(there, 95), np.percentile(back, 95)) / math.hypot(*truth.shape))


def _box(mask: np.ndarray) -> tuple[slice, slice]:
    """The smallest box around what is true; empty where nothing is."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)) if len(rows) else (slice(0), slice(0))


def _band(mask: np.ndarray, width: int) -> np.ndarray:
    """The pixels of a mask (H, W) that are at most ``width`` away from what is outside, in steps of a king."""
    from scipy.ndimage import distance_transform_cdt

    if not mask.size:
        return mask
    depth = distance_transform_cdt(np.pad(mask, 1), metric="chessboard")[1:-1, 1:-1]
    band: np.ndarray = (depth > 0) & (depth <= width)
    return band
