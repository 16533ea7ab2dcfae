"""One truth of several experts' masks, on masks worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK

from seg_core.data.consensus import majority, staple


def masks(*pictures: str) -> np.ndarray:
    """Masks (R, H, W) from rows of ``#`` and ``.``, divided by spaces."""
    return np.array([[[pixel == "#" for pixel in row] for row in picture.split()] for picture in pictures])


def disk(radius: float, side: int = 41) -> np.ndarray:
    y, x = np.ogrid[:side, :side]
    found: np.ndarray = (y - side // 2) ** 2 + (x - side // 2) ** 2 <= radius**2
    return found


def test_more_than_half_of_three_is_lesion() -> None:
    three = masks("##. ...", "#.. #..", "### ...")
    assert majority(three).tolist() == masks("##. ...")[0].tolist()
    assert majority(three[:1]).tolist() == three[0].tolist()


def test_a_tie_is_divided_in_the_middle() -> None:
    two = np.stack([disk(6), disk(12)])
    found = majority(two)
    assert found[20].sum() == disk(9)[20].sum()  # 19 pixels, between 13 and 25
    assert abs(int(found.sum()) - int(disk(9).sum())) <= 8
    assert not (found & ~two[1]).any()
    assert not (two[0] & ~found).any()
    assert majority(two[::-1]).tolist() == found.tolist()


def test_a_tie_of_four_is_divided_by_all_of_them() -> None:
    # Of 8 pixels, two experts mark 2 and two mark 6, in every row: the middle is at 4.
    assert majority(masks("##......", "##......", "######..", "######..")).tolist() == masks("####....")[0].tolist()
    # One of them marks 8, all there are, and one 5: on the pixels 3 to 5 it is two to two, and the first is infinitely wide.
    assert majority(masks("##......", "##......", "########", "#####...")).tolist() == masks("#####...")[0].tolist()


def test_ties_with_an_expert_who_marks_nothing_are_not_lesion() -> None:
    assert not majority(masks("##..", "....")).any()
    assert majority(masks("##..", "##..", "....", ".#..")).tolist() == masks(".#..")[0].tolist()


def test_apart_is_no_agreement() -> None:
    assert not majority(masks("##......", "......##")).any()


def test_nothing_and_everything() -> None:
    for each in (np.zeros((3, 4, 4), bool), np.ones((2, 4, 4), bool)):
        assert majority(each).tolist() == staple(each).tolist() == each[0].tolist()


@pytest.mark.parametrize("experts", [2, 3, 5])
def test_staple_is_that_of_simpleitk_at_one_half(experts: int) -> None:
    rng = np.random.default_rng(experts)
    drawn = np.stack([disk(radius) ^ (rng.random((41, 41)) < 0.02) for radius in 8 + 2 * rng.random(experts)])
    images = [SimpleITK.GetImageFromArray(each.astype(np.uint8)) for each in drawn]
    reference = SimpleITK.GetArrayFromImage(SimpleITK.STAPLE(images, 1.0))  # type: ignore[no-untyped-call]
    found = staple(drawn)
    assert found.tolist() == (reference >= 0.5).tolist()
    assert 0 < found.sum() < found.size


def test_staple_distrusts_the_expert_who_disagrees() -> None:
    # Two agree; the third marks another place. The majority, worked out by hand, is that of the two.
    three = masks("###... ###... ......", "###... ###... ......", "...### ...### ......")
    assert staple(three).tolist() == three[0].tolist()


def test_staple_of_masks_that_mark_nothing() -> None:
    for pictures in (("##.. ....", ".... ....", ".... ...."), ("##.. ....", ".... ....")):
        assert not staple(masks(*pictures)).any()
