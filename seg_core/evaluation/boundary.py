"""Boundary metrics of a mask: boundary IoU and the 95th percentile of the Hausdorff distance."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from seg_core.prediction.predictor import Prediction

BAND = 0.02
"""Width of the band along a boundary, as a share of the image's diagonal (Cheng et al., 2021)."""

LONGEST_SIDE = 1024
"""Larger masks are shrunk to this, in pixels: both metrics are relative to the diagonal, but the work grows with the pixels."""


def boundary_scores(prediction: Prediction, truth: np.ndarray) -> tuple[float, float]:
    """Return `boundary_iou` and `hausdorff_95` of a prediction at its model's threshold; ``truth`` is (H, W) bool."""
    mask, truth = _shrunk(prediction.mask()), _shrunk(truth)
    return boundary_iou(mask, truth), hausdorff_95(mask, truth)


def _shrunk(mask: np.ndarray) -> np.ndarray:
    height, width = mask.shape
    factor = min(1.0, LONGEST_SIDE / max(width, height))
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return np.asarray(Image.fromarray(mask).resize(size, Image.Resampling.NEAREST))


def boundary_iou(prediction: np.ndarray, truth: np.ndarray) -> float:
    """IoU of the bands inside both boundaries, 2 % of the diagonal wide; 1 where both masks are empty.

    As Cheng et al. (2021) compute it in their code: the band is what that many erosions by 3×3 pixels remove, and the edge of
    the image is a boundary too.

    Args:
        prediction, truth: boolean masks (H, W).
    """
    width = max(1, round(BAND * math.hypot(*truth.shape)))
    box = _bounding_box(prediction | truth)
    ours, theirs = _band(prediction[box], width), _band(truth[box], width)
    either = int((ours | theirs).sum())
    return int((ours & theirs).sum()) / either if either else 1.0


def hausdorff_95(prediction: np.ndarray, truth: np.ndarray) -> float:
    """95th percentile of the Hausdorff distance between two boundaries, as a share of the image's diagonal.

    The 95th percentile of the distances from each boundary pixel of one mask to the nearest of the other, the larger of both
    directions (Huttenlocher et al., 1993). 0 where both masks are empty, and 1 where only one is.

    Args:
        prediction, truth: boolean masks (H, W).
    """
    from scipy.spatial import KDTree

    box = _bounding_box(prediction | truth)
    ours, theirs = (np.argwhere(_band(mask[box], 1)) for mask in (prediction, truth))
    if not len(ours) or not len(theirs):
        return float(len(ours) != len(theirs))
    there, back = KDTree(theirs).query(ours)[0], KDTree(ours).query(theirs)[0]
    return float(max(np.percentile(there, 95), np.percentile(back, 95)) / math.hypot(*truth.shape))


def _bounding_box(mask: np.ndarray) -> tuple[slice, slice]:
    """Return the smallest box around the true pixels; an empty one where there are none."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)) if len(rows) else (slice(0), slice(0))


def _band(mask: np.ndarray, width: int) -> np.ndarray:
    """Return the pixels of a mask (H, W) within ``width`` of the background, by chessboard distance."""
    from scipy.ndimage import distance_transform_cdt

    if not mask.size:
        return mask
    depth = distance_transform_cdt(np.pad(mask, 1), metric="chessboard")[1:-1, 1:-1]
    band: np.ndarray = (depth > 0) & (depth <= width)
    return band
