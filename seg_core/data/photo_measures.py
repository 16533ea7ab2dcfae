"""Measures of a photograph that may make its lesion hard to outline: contrast, hair, place of the lesion, colour of the skin.

All are computed from a small copy, `SIDE` pixels on its longer side, so that lengths mean the same for every camera.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce

import numpy as np

SIDE = 256
"""Longer side in pixels of the copies that are measured."""

_LEAST_SKIN = 0.01
"""Least share of the frame that has to be skin for its colour to be known."""
_DARK, _DARK_GREY = 20.0, 50
"""Lightness, and grey level, below which there is no skin: the corners that a dermatoscope leaves black."""
_GAP, _RING = 3, 26
"""Pixels around a mask that are neither lesion nor skin, as outlines differ by about that much; and the width of the ring."""

_HAIR_WIDTH = 9
"""Length in pixels of the lines of the closings: hairs are thinner."""
_HAIR_DEPTH = 14
"""Grey levels by which a hair is darker than what it lies on."""
_HAIR_LENGTH, _HAIR_DIRECTIONS = 19, 12
"""Length in pixels over which a hair runs straight, and the number of directions that are tried."""


def lab_of(photo: np.ndarray) -> np.ndarray:
    """Convert sRGB (H, W, 3) uint8 to CIELAB (H, W, 3) under D65: lightness 0 to 100, then red to green and yellow to blue."""
    linear = _LINEAR[photo]
    curved = np.cbrt(linear @ _TO_XYZ.T)
    low = curved < 6 / 29
    curved[low] = (curved[low] ** 3) * (841 / 108) + 4 / 29
    x, y, z = np.moveaxis(curved, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def contrast(lab: np.ndarray, mask: np.ndarray) -> float:
    """Return how far the colour of a lesion is from that of the skin around it: a CIE76 difference, 0 to about 100.

    Both colours are medians. The skin is a ring around the lesion, a tenth of the longer side wide.

    Args:
        lab: (H, W, 3) of `lab_of`.
        mask: (H, W) bool, True where the lesion is.

    Returns:
        NaN where there is no lesion, or too little skin in the ring.
    """
    away = _distance(mask)
    ring = (away > _GAP) & (away <= _GAP + _RING) & (lab[..., 0] >= _DARK)
    if not mask.any() or ring.sum() < _LEAST_SKIN * mask.size:
        return float("nan")
    return float(np.linalg.norm(np.median(lab[mask], axis=0) - np.median(lab[ring], axis=0)))


def typology_angle(lab: np.ndarray, mask: np.ndarray) -> float:
    """Return the individual typology angle of the skin outside the lesion, in degrees: −90 to 90, higher for lighter skin.

    From the median lightness and yellowness (Chardon et al., 1991, doi:10.1111/j.1467-2494.1991.tb00561.x). NaN where there is
    too little skin, and where it is no more yellow than blue: the angle then says nothing of pigment.
    """
    skin = (_distance(mask) > _GAP) & (lab[..., 0] >= _DARK)
    if skin.sum() < _LEAST_SKIN * mask.size:
        return float("nan")
    lightness, _, yellow = np.median(lab[skin], axis=0)
    return float(np.degrees(np.arctan((lightness - 50) / yellow))) if yellow > 0 else float("nan")


def hair_share(grey: np.ndarray, mask: np.ndarray) -> float:
    """Return the share of the skin outside the lesion that dark hairs cover, 0 to 1; NaN where there is too little skin.

    A morphological black-hat finds what is thin and darker than its surroundings, with lines in four directions, as DullRazor
    begins (Lee et al., 1997, doi:10.1016/S0010-4825(97)00020-6); of that, what runs straight for a while counts. So do rulers,
    ink and, in close-ups, creases of the skin; light hairs do not. The lesion is left out: its network looks like hairs.

    Args:
        grey: (H, W) uint8.
        mask: (H, W) bool, True where the lesion is.
    """
    from scipy.ndimage import grey_closing

    closed = np.max([grey_closing(grey, footprint=line) for line in _LINES], axis=0).astype(int)
    skin = (_distance(mask) > _GAP) & (closed >= _DARK_GREY)
    if skin.sum() < _LEAST_SKIN * mask.size:
        return float("nan")
    hairs = _straight(closed - grey >= _HAIR_DEPTH)
    return float(hairs[skin].mean())


def _straight(marked: np.ndarray) -> np.ndarray:
    """Return what is left of a mask (H, W) after openings by lines in `_HAIR_DIRECTIONS` directions."""
    reach, (height, width) = _HAIR_LENGTH // 2, marked.shape
    found, steps = np.zeros_like(marked), np.arange(-reach, reach + 1)

    def moved(picture: np.ndarray, fill: bool) -> Iterator[np.ndarray]:
        padded = np.pad(picture, reach, constant_values=fill)
        return (padded[reach + y : reach + y + height, reach + x : reach + x + width] for y, x in line)

    for angle in np.pi * np.arange(_HAIR_DIRECTIONS) / _HAIR_DIRECTIONS:
        line = np.round(np.outer(steps, [np.sin(angle), np.cos(angle)])).astype(int).tolist()
        eroded = reduce(np.logical_and, moved(marked, True))
        if eroded.any():
            found |= reduce(np.logical_or, moved(eroded, False))
    return found


def off_centre(mask: np.ndarray) -> float:
    """Return how far the middle of a lesion is from that of the frame (H, W), as a share of the diagonal; NaN without lesion."""
    if not mask.any():
        return float("nan")
    middle, size = np.argwhere(mask).mean(axis=0) + 0.5, np.array(mask.shape)
    return float(np.linalg.norm(middle - size / 2) / np.linalg.norm(size))


def touches_border(mask: np.ndarray) -> bool:
    """Return True if a lesion (H, W) reaches an edge of the frame."""
    return bool(mask[[0, -1]].any() or mask[:, [0, -1]].any())


def _distance(mask: np.ndarray) -> np.ndarray:
    """Return the distance (H, W) of every pixel from the lesion, in pixels; infinite without lesion."""
    from scipy.ndimage import distance_transform_edt

    away: np.ndarray = distance_transform_edt(~mask) if mask.any() else np.full(mask.shape, np.inf)
    return away


_LINES = [
    np.eye(_HAIR_WIDTH, dtype=bool),
    np.eye(_HAIR_WIDTH, dtype=bool)[::-1],
    np.ones((1, _HAIR_WIDTH), bool),
    np.ones((_HAIR_WIDTH, 1), bool),
]
_VALUES = np.arange(256) / 255
_LINEAR = np.where(_VALUES <= 0.04045, _VALUES / 12.92, ((_VALUES + 0.055) / 1.055) ** 2.4)
"""Light of each value of sRGB (IEC 61966-2-1)."""
_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
) / np.array([[0.95047], [1.0], [1.08883]])
"""From linear sRGB to XYZ, as shares of the white of D65."""
