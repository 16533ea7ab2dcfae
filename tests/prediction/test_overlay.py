"""Masks drawn over photographs."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from seg_core.prediction.overlay import draw_mask, outline_bands, preview_size


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
    assert (drawn[4, 4] == 100).all()
    assert (drawn[2, 2:7] == (0xD5, 0x5E, 0x00)).all()
    assert (drawn[1, 2:7] > 220).all()  # a light halo on both of its sides
    assert (drawn[3, 3:6] > 220).all()
    assert (drawn[0] == 100).all()
    assert (np.asarray(photo) == 100).all()  # the photograph itself is not drawn on


def test_a_white_outline_has_a_dark_halo() -> None:
    mask = np.zeros((9, 9), bool)
    mask[2:7, 2:7] = True
    drawn = np.asarray(draw_mask(Image.new("RGB", (9, 9), "#646464"), mask, "#ffffff", opacity=0))
    assert (drawn[2, 2:7] == 255).all()
    assert (drawn[[1, 3], 4] < 60).all()


def test_an_outline_is_as_wide_as_asked_and_its_halo_half() -> None:
    mask = np.zeros((40, 40), bool)
    mask[:, :20] = True
    line, halo = outline_bands(mask, 4)
    assert np.flatnonzero(line[20]).tolist() == [0, 1, 2, 3, 16, 17, 18, 19]  # along the border too
    assert np.flatnonzero(halo[20]).tolist() == [4, 5, 14, 15, 20, 21]
    assert not any(band.any() for band in outline_bands(np.zeros((5, 5), bool), 2))


def test_the_outline_lies_on_both_sides_of_the_edge_and_along_the_border_of_the_photograph() -> None:
    mask = np.zeros((8, 8), bool)
    mask[:, :6] = True
    drawn = np.asarray(draw_mask(Image.new("RGB", (8, 8), "#646464"), mask, "#ff0000", opacity=0, width=1))
    for column in (0, 5):
        assert (drawn[4, column] == [255, 0, 0]).all()
    for column in (2, 3):
        assert (drawn[4, column] == 100).all()
    assert (drawn[0, :6] == [255, 0, 0]).all()
    assert (drawn[:, 6] > 220).all()  # the halo beside it
    assert (drawn[:, 7] == 100).all()


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
    assert preview_size(size, 1024, 640) == expected


def test_mask_of_another_size_and_impossible_opacity_are_refused() -> None:
    photo = Image.new("RGB", (4, 4))
    with pytest.raises(ValueError, match="does not fit"):
        draw_mask(photo, np.zeros((4, 5), bool), "#ffffff")
    with pytest.raises(ValueError, match="opacity"):
        draw_mask(photo, np.zeros((4, 4), bool), "#ffffff", opacity=40)
