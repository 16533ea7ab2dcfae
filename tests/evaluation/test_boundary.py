"""Boundary IoU and the Hausdorff distance, against their definitions in SciPy and values computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays
from scipy.ndimage import binary_erosion
from scipy.spatial.distance import cdist

from seg_core.evaluation.boundary import boundary_iou, boundary_scores, hausdorff_95


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


def test_empty_masks() -> None:
    empty, some = np.zeros((10, 10), bool), square(3, 0, 0, 10)
    assert (boundary_iou(empty, empty), hausdorff_95(empty, empty)) == (1, 0)
    assert (boundary_iou(empty, some), hausdorff_95(empty, some)) == (0, 1)
    assert (boundary_iou(some, empty), hausdorff_95(some, empty)) == (0, 1)


def test_one_stray_pixel_in_twenty_does_not_count() -> None:
    truth = square(10, 20, 20, 100)  # 36 boundary pixels
    stray = truth.copy()
    stray[90, 90] = True
    assert hausdorff_95(stray, truth) == 0
    assert hausdorff_95(truth, stray) == 0


MASKS = arrays(np.bool_, (12, 17))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(MASKS, MASKS)
def test_both_follow_their_definitions(prediction: np.ndarray, truth: np.ndarray) -> None:
    width = max(1, round(0.02 * math.hypot(12, 17)))
    bands = [mask & ~binary_erosion(mask, np.ones((3, 3)), width) for mask in (prediction, truth)]
    either = (bands[0] | bands[1]).sum()
    assert boundary_iou(prediction, truth) == pytest.approx((bands[0] & bands[1]).sum() / either if either else 1)
    ours, theirs = (np.argwhere(mask & ~binary_erosion(mask, np.ones((3, 3)))) for mask in (prediction, truth))
    if len(ours) and len(theirs):
        apart = cdist(ours, theirs)
        expected = max(np.percentile(apart.min(axis=axis), 95) for axis in (0, 1)) / math.hypot(12, 17)
        assert hausdorff_95(prediction, truth) == pytest.approx(expected)


def test_the_truth_itself_scores_1_however_large_it_is() -> None:
    random = np.random.default_rng(0)
    truth = np.zeros((1500, 2000), bool)
    truth[500:900, 700:1300] = random.random((400, 600)) < 0.9
    assert boundary_scores(truth, truth) == (1, 0, 1, 0, 0)
    assert boundary_scores(np.roll(truth, 200, axis=1), truth).hausdorff_95 > 0.05
