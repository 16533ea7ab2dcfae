"""Masks drawn over photographs."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from seg_core.prediction.overlay import draw_mask, preview


def test_tint_colours_the_mask_and_nothing_else() -> None:
    photo = Image.new("RGB", (4, 4), "#646464")
    mask = np.zeros((4, 4), bool)
    mask[1:3, 1:3] = True
    drawn = np.asarray(draw_mask(photo, mask, "#0072B2", opacity=0.5, outline=False))
    assert (drawn[~mask] == 100).all()
    # Half way from 100 to 0, 114 and 178, with the rounding of 128/255.
    np.testing.assert_allclose(drawn[mask], [[50, 107, 139]] * 4, atol=1)


def test_outline_alone_leaves_the_inside_as_it_is() -> None:
    photo = Image.new("RGB", (9, 9), "#646464")
    mask = np.zeros((9, 9), bool)
    mask[2:7, 2:7] = True
    drawn = np.asarray(draw_mask(photo, mask, "#D55E00", opacity=0))
    assert (drawn[3:6, 3:6] == 100).all()
    assert (drawn[2, 2:7] == (0xD5, 0x5E, 0x00)).all()
    assert (drawn[1, 2:7] < 60).all()  # the dark line beside it
    assert (drawn[0] == 100).all()
    assert (np.asarray(photo) == 100).all()  # the photograph itself is not drawn on


def test_the_outline_lies_on_both_sides_of_the_edge_and_along_the_border_of_the_photograph() -> None:
    mask = np.zeros((6, 6), bool)
    mask[:, :4] = True
    drawn = np.asarray(draw_mask(Image.new("RGB", (6, 6), "#646464"), mask, "#ff0000", opacity=0, width=1))
    row = [[255, 0, 0], [100, 100, 100], [100, 100, 100], [255, 0, 0]]
    np.testing.assert_array_equal(drawn[3, :4], row)
    assert (drawn[0, :4] == [255, 0, 0]).all()
    assert (drawn[:, 4] < 60).all()  # darkened beside it
    assert (drawn[:, 5] == 100).all()


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((3072, 2304), (1024, 768)),
        ((800, 600), (800, 600)),
        ((300, 200), (640, 427)),
        ((20_000, 10), (1024, 1)),
        ((1, 1), (640, 640)),
    ],
)
def test_preview_sizes(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert preview(Image.new("RGB", size), 1024, 640).size == expected


def test_mask_of_another_size_and_impossible_opacity_are_refused() -> None:
    photo = Image.new("RGB", (4, 4))
    with pytest.raises(ValueError, match="does not fit"):
        draw_mask(photo, np.zeros((4, 5), bool), "#ffffff")
    with pytest.raises(ValueError, match="opacity"):
        draw_mask(photo, np.zeros((4, 4), bool), "#ffffff", opacity=40)
