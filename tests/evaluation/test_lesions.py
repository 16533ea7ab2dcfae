"""Detection of whole lesions, by hand and against regions and a matching that are found in another way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from seg_core.evaluation import lesions
from seg_core.evaluation.lesions import lesion_f1


def squares(*corners: tuple[int, int], side: int = 10, size: int = 100) -> np.ndarray:
    """A mask with a square at each of these rows and columns."""
    mask = np.zeros((size, size), bool)
    for top, left in corners:
        mask[top : top + side, left : left + side] = True
    return mask


def test_each_lesion_counts_once_however_large_it_is() -> None:
    truth = squares((10, 10), (60, 60))
    assert lesion_f1(truth, truth) == 1
    assert lesion_f1(squares((10, 10)), truth) == 2 * 1 / (1 + 2)  # one is missed
    assert lesion_f1(squares((10, 10), (60, 60), (10, 60)), truth) == 2 * 2 / (3 + 2)  # one is marked where none is
    # Moved by 3, an IoU of 70/130; by 4, of 60/140.
    assert lesion_f1(squares((13, 10), (64, 60)), truth) == 2 * 1 / (2 + 2)


def test_an_iou_of_exactly_one_half_does_not_do() -> None:
    assert lesion_f1(squares((0, 0), side=10), squares((0, 0), (10, 0), side=10)) == 0
    assert lesion_f1(squares((0, 0), (2, 0), side=10), squares((0, 0), (10, 0), side=10)) == 1


def test_a_region_over_two_lesions_finds_neither_and_two_over_one_find_it_at_most_once() -> None:
    apart, joined = squares((20, 10), (20, 21)), squares((20, 10), (20, 20), (20, 21))
    assert lesion_f1(joined, apart) == lesion_f1(apart, joined) == 0  # 100 of 210 pixels
    uneven = squares((20, 10), (20, 20), (20, 25))
    uneven[:, 15] = False  # 50 and 190 of 240 pixels
    assert lesion_f1(uneven, squares((20, 10), (20, 20), (20, 25))) == 2 * 1 / (2 + 1)


def test_regions_that_touch_at_a_corner_are_one() -> None:
    assert lesion_f1(squares((0, 0), (10, 10)), squares((0, 0), (10, 10))) == 1
    assert lesion_f1(squares((0, 0)), squares((0, 0), (10, 10), (20, 20))) == 0  # 100 of 300 pixels


def test_without_lesions() -> None:
    empty, some = squares(), squares((10, 10))
    assert (lesion_f1(empty, empty), lesion_f1(some, empty), lesion_f1(empty, some)) == (1, 0, 0)


def test_specks_are_left_out() -> None:
    truth, speck = squares((10, 10)), squares((50, 50), side=1)  # less than 0.02 % of 10,000 pixels, which are 2
    assert lesion_f1(truth | speck, truth) == lesion_f1(truth, truth | speck) == lesion_f1(speck, squares()) == 1
    two = speck | squares((50, 51), side=1)
    assert lesion_f1(truth | two, truth) == 2 * 1 / (2 + 1)


def test_large_masks_are_shrunk_alike() -> None:
    truth = squares((400, 400), (1600, 1600), side=200, size=3000)
    assert lesion_f1(truth, truth) == 1
    assert lesion_f1(squares((400, 400), side=200, size=3000), truth) == pytest.approx(2 / 3)


RECTANGLES = st.lists(st.tuples(*[st.integers(0, 20)] * 2, *[st.integers(1, 9)] * 2), max_size=5)


def drawn(rectangles: list[tuple[int, ...]]) -> np.ndarray:
    mask = np.zeros((24, 24), bool)
    for top, left, height, width in rectangles:
        mask[top : top + height, left : left + width] = True
    return mask


def regions(mask: np.ndarray) -> list[set[int]]:
    """The connected regions as sets of pixels, from the graph of all pixels that touch."""
    places = np.argwhere(mask)
    touching = (np.abs(places[:, None] - places).max(axis=2) == 1) if len(places) else np.zeros((0, 0))
    _, numbers = connected_components(coo_array(touching), directed=False) if len(places) else (0, np.zeros(0))
    flat = places @ [24, 1] if len(places) else np.zeros(0, int)
    return [set(flat[numbers == number].tolist()) for number in set(numbers.tolist())]


@settings(max_examples=80, deadline=None, derandomize=True)
@given(RECTANGLES, RECTANGLES, st.sampled_from([0, 0.01, 0.03]))
def test_it_is_the_f1_of_the_best_matching(ours: list[tuple[int, ...]], theirs: list[tuple[int, ...]], speck: float) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lesions, "SPECK", speck)
        found = lesion_f1(drawn(ours), drawn(theirs))
    marked, true = ([each for each in regions(drawn(one)) if len(each) >= speck * 24 * 24] for one in (ours, theirs))
    iou = np.array([[len(one & other) / len(one | other) for other in true] for one in marked]).reshape(len(marked), len(true))
    hits = int((iou[linear_sum_assignment(iou > 0.5, maximize=True)] > 0.5).sum())
    assert found == (2 * hits / (len(marked) + len(true)) if marked or true else 1)
