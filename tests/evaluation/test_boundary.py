"""Boundary IoU, surface Dice and the Hausdorff distance, against their definitions in SciPy and values computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays
from scipy.ndimage import binary_erosion
from scipy.spatial.distance import cdist

from seg_core.evaluation.boundary import boundary_iou, boundary_scores, hausdorff, hausdorff_95, surface_dice


def square(side: int, top: int, left: int, size: int) -> np.ndarray:
    mask = np.zeros((size, size), bool)
    mask[top : top + side, left : left + side] = True
    return mask


def test_a_square_beside_itself() -> None:
    first, second = square(20, 10, 10, 100), square(20, 10, 13, 100)  # the diagonal is 141, so a band is 3 wide
    assert boundary_iou(first, first) == 1
    band = 20 * 20 - 14 * 14
    both = sum(  # rows of 3 across 17 columns in common, above and below; in between, bands that only touch
        1
        for y in range(20)
        for x in range(23)
        if (y < 3 or y > 16 or x < 3 or 17 <= x < 20) and x < 20 and (y < 3 or y > 16 or 3 <= x < 6 or x >= 20) and x >= 3
    )
    assert boundary_iou(first, second) == pytest.approx(both / (2 * band - both))
    assert hausdorff_95(first, first) == 0
    assert hausdorff_95(first, second) == pytest.approx(3 / math.hypot(100, 100))
    assert hausdorff(first, second) == 3


def test_the_share_of_outlines_within_a_tolerance() -> None:
    # Two squares of 3 × 3, one to the right of the other by a pixel: of 8 outline pixels each, 4 are in both outlines.
    first, second = square(3, 0, 0, 10), square(3, 0, 1, 10)
    assert surface_dice(first, second) == (4 + 4) / 16  # 1 % of the diagonal is less than a pixel
    assert surface_dice(first, second, 1 / math.hypot(10, 10)) == 1
    assert surface_dice(first, square(3, 0, 3, 10), 1 / math.hypot(10, 10)) == (3 + 3) / 16  # one column of each
    far = first.copy()
    far[9, 9] = True
    assert surface_dice(far, first) == (8 + 8) / 17
    assert hausdorff(far, first) == hausdorff(first, far) == math.hypot(7, 7)  # one stray pixel decides it


def test_distances_are_in_pixels_of_the_mask_as_it_is_stored() -> None:
    small, moved = square(3, 0, 0, 10), square(3, 0, 1, 10)
    assert boundary_scores(small, moved)[2:] == (0.5, 1, 1)
    large = np.zeros((600, 2048), bool)  # half as large, this is 300 × 1024
    large[100:300, 100:500] = True
    scores = boundary_scores(np.roll(large, 40, axis=1), large)
    assert (scores.hausdorff_px, scores.hausdorff_95_px) == pytest.approx((40, 40))
    assert scores.hausdorff_95 == pytest.approx(40 / math.hypot(600, 2048))
    empty = boundary_scores(np.zeros_like(large), large)
    assert empty == pytest.approx((0, 1, 0, math.hypot(600, 2048), math.hypot(600, 2048)))


def test_empty_masks() -> None:
    empty, some = np.zeros((10, 10), bool), square(3, 0, 0, 10)
    assert (boundary_iou(empty, empty), hausdorff_95(empty, empty)) == (1, 0)
    assert (boundary_iou(empty, some), hausdorff_95(empty, some)) == (0, 1)
    assert (boundary_iou(some, empty), hausdorff_95(some, empty)) == (0, 1)
    assert (surface_dice(empty, empty), hausdorff(empty, empty)) == (1, 0)
    for pair in ((empty, some), (some, empty)):
        assert (surface_dice(*pair), hausdorff(*pair)) == (0, math.hypot(10, 10))


def test_one_stray_pixel_in_twenty_does_not_count() -> None:
    truth = square(10, 20, 20, 100)  # 36 boundary pixels
    stray = truth.copy()
    stray[90, 90] = True
    assert hausdorff_95(stray, truth) == 0
    assert hausdorff_95(truth, stray) == 0


MASKS = arrays(np.bool_, (12, 17))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(MASKS, MASKS)
def test_all_follow_their_definitions(prediction: np.ndarray, truth: np.ndarray) -> None:
    width = max(1, round(0.02 * math.hypot(12, 17)))
    bands = [mask & ~binary_erosion(mask, np.ones((3, 3)), width) for mask in (prediction, truth)]
    either = (bands[0] | bands[1]).sum()
    assert boundary_iou(prediction, truth) == pytest.approx((bands[0] & bands[1]).sum() / either if either else 1)
    ours, theirs = (np.argwhere(mask & ~binary_erosion(mask, np.ones((3, 3)))) for mask in (prediction, truth))
    if len(ours) and len(theirs):
        apart = cdist(ours, theirs)
        expected = max(np.percentile(apart.min(axis=axis), 95) for axis in (0, 1)) / math.hypot(12, 17)
        assert hausdorff_95(prediction, truth) == pytest.approx(expected)
        assert hausdorff(prediction, truth) == pytest.approx(max(apart.min(axis=axis).max() for axis in (0, 1)))
        for tolerance in (0.01, 0.06, 0.11):
            near = sum(int((apart.min(axis=axis) <= tolerance * math.hypot(12, 17)).sum()) for axis in (0, 1))
            assert surface_dice(prediction, truth, tolerance) == near / sum(apart.shape)


def test_the_truth_itself_scores_1_however_large_it_is() -> None:
    random = np.random.default_rng(0)
    truth = np.zeros((1500, 2000), bool)
    truth[500:900, 700:1300] = random.random((400, 600)) < 0.9
    assert boundary_scores(truth, truth) == (1, 0, 1, 0, 0)
    assert boundary_scores(np.roll(truth, 200, axis=1), truth).hausdorff_95 > 0.05
