"""Contrast, hair, place and skin tone of made photographs, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from seg_core.data.photo_measures import contrast, hair_share, lab_of, off_centre, touches_border, typology_angle

SKIN, LESION = (220, 180, 160), (110, 70, 50)


def disk(size: tuple[int, int] = (192, 256), middle: tuple[float, float] = (96, 128), radius: float = 40) -> np.ndarray:
    """A mask (H, W) with a disk around ``middle``, row and column."""
    y, x = np.mgrid[: size[0], : size[1]] + 0.5
    mask: np.ndarray = (y - middle[0]) ** 2 + (x - middle[1]) ** 2 <= radius**2
    return mask


def painted(mask: np.ndarray, skin: tuple[int, int, int] = SKIN, lesion: tuple[int, int, int] = LESION) -> np.ndarray:
    return np.where(mask[..., None], lesion, skin).astype(np.uint8)


@pytest.mark.parametrize(
    ("colour", "lab"),
    [  # of white and the primaries of sRGB under D65 (Lindbloom); grey by CIE's formula: L* = 116 · 0.2122^(1/3) − 16
        ((255, 255, 255), (100, 0, 0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 255, 0), (87.73, -86.18, 83.18)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
        ((127, 127, 127), (53.19, 0, 0)),
        ((0, 0, 0), (0, 0, 0)),
    ],
)
def test_colours_are_those_of_cielab(colour: tuple[int, int, int], lab: tuple[float, float, float]) -> None:
    np.testing.assert_allclose(lab_of(np.array([[colour]], np.uint8))[0, 0], lab, atol=0.02)


def test_contrast_is_the_distance_of_the_colours_and_black_corners_do_not_count() -> None:
    mask = disk()
    photo = painted(mask)
    expected = np.linalg.norm(np.subtract(*lab_of(np.array([[SKIN, LESION]], np.uint8))[0]))
    assert contrast(lab_of(photo), mask) == pytest.approx(expected)
    photo[~disk(radius=55)] = 0  # most of the ring
    assert contrast(lab_of(photo), mask) == pytest.approx(expected)
    assert contrast(lab_of(painted(mask, lesion=SKIN)), mask) == 0


def test_what_has_no_lesion_or_no_skin_has_no_contrast() -> None:
    mask, nothing, full = disk(), np.zeros((192, 256), bool), np.ones((192, 256), bool)
    lab = lab_of(painted(mask))
    assert np.isnan(contrast(lab, nothing))
    assert np.isnan(contrast(lab, full))
    assert np.isnan(typology_angle(lab, full))
    assert np.isnan(hair_share(np.full((192, 256), 180, np.uint8), full))


def test_the_typology_angle_is_that_of_the_skin_alone() -> None:
    mask = disk()
    lightness, _, yellow = lab_of(np.array([[SKIN]], np.uint8))[0, 0]
    expected = np.degrees(np.arctan((lightness - 50) / yellow))
    assert 50 < expected < 70  # light skin
    assert typology_angle(lab_of(painted(mask)), mask) == pytest.approx(expected)
    assert typology_angle(lab_of(painted(mask)), np.zeros_like(mask)) == pytest.approx(expected, abs=1e-6)
    assert typology_angle(lab_of(painted(mask, skin=(90, 55, 40))), mask) < -30  # dark skin
    assert np.isnan(typology_angle(lab_of(painted(mask, skin=(150, 150, 220))), mask))  # bluer than any skin


def test_straight_dark_lines_are_hairs_and_spots_are_not() -> None:
    mask = disk(radius=20)
    bare = np.full(mask.shape, 180, np.uint8)
    assert hair_share(bare, mask) == 0
    haired = bare.copy()
    haired[10:180:20, 5:250] = 60  # nine hairs of one pixel across the frame
    skin = ~disk(radius=23)
    covered = (haired == 60)[skin].sum()
    assert hair_share(haired, mask) == pytest.approx(covered / skin.sum(), rel=0.02)
    slanted = bare.copy()
    for start in range(-150, 250, 40):
        rows = np.arange(20, 170)
        columns = start + rows
        inside = (columns >= 0) & (columns < 256)
        slanted[rows[inside], columns[inside]] = 60
    assert hair_share(slanted, mask) > 0.01
    spotted = bare.copy()
    for row in range(10, 180, 16):
        spotted[row : row + 5, 8:250:16] = 60
    assert hair_share(spotted, mask) == 0
    faint = bare.copy()
    faint[10:180:20] = 170  # ten grey levels darker: less than a hair
    assert hair_share(faint, mask) == 0


def test_hairs_on_the_lesion_do_not_count_nor_does_the_edge_of_a_dark_lesion() -> None:
    mask = disk(radius=60)
    grey = np.where(mask, 60, 180).astype(np.uint8)
    assert hair_share(grey, mask) == 0
    grey[90:100:3, 100:150] = 20
    assert hair_share(grey, mask) == 0


def test_the_place_of_a_lesion() -> None:
    assert off_centre(disk()) == pytest.approx(0, abs=1e-9)
    assert off_centre(disk(middle=(96, 128 + 32), radius=20)) == pytest.approx(32 / 320)  # the diagonal of 192 × 256 is 320
    assert np.isnan(off_centre(np.zeros((4, 4), bool)))
    assert not touches_border(disk())
    for middle in ((39, 128), (96, 39), (192 - 39, 128), (96, 256 - 39)):
        assert touches_border(disk(middle=middle))
