"""Boundary metrics of a mask: boundary IoU, normalised surface Dice, the Hausdorff distance and its 95th percentile."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from PIL import Image

BAND = 0.02
"""Width of the band along a boundary, as a share of the image's diagonal (Cheng et al., 2021)."""

TOLERANCE = 0.01
"""Distance up to which outlines agree, as a share of the image's diagonal: 13 pixels of 1024 × 768."""

LONGEST_SIDE = 1024
"""Larger masks are shrunk to this, in pixels: what is told is relative to the diagonal, but the work grows with the pixels."""


class BoundaryScores(NamedTuple):
    """The boundary metrics of one mask."""

    boundary_iou: float
    """As the function of this name."""
    hausdorff_95: float
    """As the function of this name: a share of the diagonal."""
    surface_dice: float
    """As the function of this name."""
    hausdorff_px: float
    """As `hausdorff`, in pixels of the mask as it is stored."""
    hausdorff_95_px: float
    """Likewise, of the 95th percentile."""


class Apart(NamedTuple):
    """Distances between two outlines in pixels, each pixel's to the nearest of the other; the diagonal where that has none."""

    there: np.ndarray
    """(n,) from the outline of the prediction."""
    back: np.ndarray
    """(m,) from the outline of the truth."""

    def hausdorff(self, percentile: float) -> float:
        """A percentile of the distances, the larger of both directions (Huttenlocher et al., 1993); 0 where both are empty."""
        return max((float(np.percentile(one, percentile)) for one in self if len(one)), default=0.0)

    def within(self, tolerance: float) -> float:
        """Share of both outlines that is within a tolerance in pixels of the other; 1 where both are empty."""
        pixels = len(self.there) + len(self.back)
        return int(sum((one <= tolerance).sum() for one in self)) / pixels if pixels else 1.0


def boundary_scores(prediction: np.ndarray, truth: np.ndarray) -> BoundaryScores:
    """Return the boundary metrics of two masks (H, W) bool, as stored.

    Masks with a longer side than `LONGEST_SIDE` are shrunk to it first, and distances in pixels scaled back: these are then true
    to about as many pixels as became one.
    """
    small, small_truth = shrunk(prediction), shrunk(truth)
    apart, diagonal = distances(small, small_truth), math.hypot(*small_truth.shape)
    stored = math.hypot(*truth.shape) / diagonal
    largest, most = apart.hausdorff(100), apart.hausdorff(95)
    return BoundaryScores(
        boundary_iou=boundary_iou(small, small_truth),
        hausdorff_95=most / diagonal,
        surface_dice=apart.within(TOLERANCE * diagonal),
        hausdorff_px=largest * stored,
        hausdorff_95_px=most * stored,
    )


def shrunk(mask: np.ndarray) -> np.ndarray:
    """Return a mask (H, W) bool with a longest side of at most `LONGEST_SIDE` pixels, scaled by nearest pixel."""
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
    box = bounding_box(prediction | truth)
    ours, theirs = _band(prediction[box], width), _band(truth[box], width)
    either = int((ours | theirs).sum())
    return int((ours & theirs).sum()) / either if either else 1.0


def surface_dice(prediction: np.ndarray, truth: np.ndarray, tolerance: float = TOLERANCE) -> float:
    """Normalised surface Dice: the share of both outlines within a tolerance of the other (Nikolov et al., 2021).

    1 where both masks are empty, and 0 where only one is. Outlines are counted in pixels, as by MONAI, where Nikolov et al.
    measure their length. They are the pixels of a mask that touch its background or the edge of the image, at a corner too; MONAI
    leaves out those that touch it at a corner alone.

    Args:
        prediction, truth: boolean masks (H, W).
        tolerance: as a share of the image's diagonal.
    """
    return distances(prediction, truth).within(tolerance * math.hypot(*truth.shape))


def hausdorff(prediction: np.ndarray, truth: np.ndarray, percentile: float = 100) -> float:
    """Hausdorff distance between two outlines, or a percentile of it, in pixels.

    The largest of the distances from each outline pixel of one mask to the nearest of the other, the larger of both directions.
    0 where both masks are empty; where only one is, the image's diagonal, the largest that there could be, as in the BraTS
    challenges. Outlines are as in `surface_dice`.

    Args:
        prediction, truth: boolean masks (H, W).
        percentile: 0 to 100, of the distances in each direction.
    """
    return distances(prediction, truth).hausdorff(percentile)


def hausdorff_95(prediction: np.ndarray, truth: np.ndarray) -> float:
    """95th percentile of the Hausdorff distance between two outlines, as a share of the image's diagonal.

    0 where both masks are empty, and 1 where only one is.

    Args:
        prediction, truth: boolean masks (H, W).
    """
    return hausdorff(prediction, truth, 95) / math.hypot(*truth.shape)


def distances(prediction: np.ndarray, truth: np.ndarray) -> Apart:
    """Return the distances between the outlines of two boolean masks (H, W)."""
    box, diagonal = bounding_box(prediction | truth), math.hypot(*truth.shape)
    ours, theirs = (np.argwhere(_outline(mask[box])) for mask in (prediction, truth))
    return Apart(_to_nearest(ours, theirs, diagonal), _to_nearest(theirs, ours, diagonal))


def _to_nearest(points: np.ndarray, others: np.ndarray, diagonal: float) -> np.ndarray:
    from scipy.spatial import KDTree

    if not len(others):
        return np.full(len(points), diagonal)
    # A tree that is not balanced gives the same distances in half the time.
    apart: np.ndarray = KDTree(others, balanced_tree=False, compact_nodes=False).query(points)[0]
    return apart


def bounding_box(mask: np.ndarray) -> tuple[slice, slice]:
    """Return the smallest box around the true pixels; an empty one where there are none."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)) if len(rows) else (slice(0), slice(0))


def _outline(mask: np.ndarray) -> np.ndarray:
    """Return the pixels of a mask (H, W) that one erosion by 3×3 pixels removes."""
    padded = np.pad(mask, 1)
    rows = padded[:-2] & padded[1:-1] & padded[2:]
    outline: np.ndarray = mask & ~(rows[:, :-2] & rows[:, 1:-1] & rows[:, 2:])
    return outline


def _band(mask: np.ndarray, width: int) -> np.ndarray:
    """Return the pixels of a mask (H, W) within ``width`` of the background, by chessboard distance."""
    from scipy.ndimage import distance_transform_cdt

    if not mask.size:
        return mask
    depth = distance_transform_cdt(np.pad(mask, 1), metric="chessboard")[1:-1, 1:-1]
    band: np.ndarray = (depth > 0) & (depth <= width)
    return band
