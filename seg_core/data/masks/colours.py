"""Colours of masks: distances between them, and names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from PIL import Image

from seg_core.data.masks.pixels import unpack
from seg_core.errors import some_of

Colour = tuple[int, int, int]

NEAR = 48
"""Colours that differ by no more than this in red, green and blue are the same mark, as compression leaves it."""

FEW = 16
"""At most so many exact values or colours are taken for classes; smoothed edges and probabilities have more."""

AN_AREA = 0.005
"""Share of the pixels, from which on an area of its own is a mark."""

PLAIN = 0.5
"""Share of the pixels within areas of one value, below which a picture is none of plain marks. Photographs have next to none."""


def along(image: Image.Image, start: Colour, end: Colour) -> np.ndarray:
    """Return (H, W) uint8: how far each colour of an RGB image is on the way from ``start``, 0, to ``end``, 255."""
    way = np.subtract(end, start)
    weights = 255 * way / (way @ way)
    return np.asarray(image.convert("L", (*weights.tolist(), float(-(weights @ np.array(start))))))


def table(counts: Mapping[float, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return colours (N, 3) and their shares of the pixels (N,), from packed colours and how many pixels hold each."""
    numbers = np.fromiter(counts.keys(), np.uint32, len(counts))
    colours = np.stack([numbers & 255, numbers >> 8 & 255, numbers >> 16], axis=1).astype(np.float32)
    pixels = np.fromiter(counts.values(), np.float64, len(counts))
    return colours, pixels / pixels.sum()


def distance(colours: np.ndarray, colour: Sequence[float]) -> np.ndarray:
    """Return (N,): the largest difference in red, green or blue of each of N colours (N, 3) to one."""
    largest: np.ndarray = np.abs(colours - np.array(colour, np.float32)).max(axis=1)
    return largest


def distance_to_way(colours: np.ndarray, start: Colour, end: Colour) -> np.ndarray:
    """Return (N,): the distance of each of N colours (N, 3) to the nearest one on the straight way between two."""
    first, way = np.array(start, np.float32), np.subtract(end, start, dtype=np.float32)
    place = np.clip((colours - first) @ way / (way @ way), 0, 1)
    largest: np.ndarray = np.abs(colours - (first + place[:, None] * way)).max(axis=1)
    return largest


def share_off(counts: Mapping[float, int], kinds: Sequence[Colour]) -> float:
    """Return the share of pixels whose colour is neither one of ``kinds`` nor between two of them."""
    colours, shares = table(counts)
    off = np.ones(len(colours), bool)
    for place, start in enumerate(kinds):
        off &= distance(colours, start) > NEAR
        for end in kinds[place + 1 :]:
            off &= distance_to_way(colours, start, end) > NEAR
    return float(shares[off].sum())


def hex_of(colour: Sequence[float]) -> str:
    """Return a colour as ``#rrggbb``."""
    red, green, blue = (int(value) for value in colour)
    return f"#{red:02x}{green:02x}{blue:02x}"


def listed_colours(colours: Iterable[Sequence[float]]) -> str:
    """Join colours for a sentence."""
    return some_of([hex_of(colour) for colour in colours])


def kinds_of(counts: Mapping[float, int], areas: Mapping[float, int], *, lossy: bool) -> list[Colour]:
    """Return the colours of the marks, those of the largest areas first; empty if the picture does not consist of plain marks.

    A colour that fills areas is a mark. Others are what smoothing and compression leave beside marks and between two of them.
    """
    if len(counts) <= 2:
        return [unpack(value) for value in sorted(counts, key=lambda value: -counts[value])]
    pixels = sum(counts.values())
    if sum(areas.values()) < PLAIN * pixels:
        return []
    exact = not lossy and len(counts) <= FEW
    colours, filled = table(areas)
    filled *= sum(areas.values()) / pixels
    kinds: list[Colour] = []
    for place in np.argsort(-filled, kind="stable").tolist():
        colour = colours[place]
        is_apart = all(distance(colours[place : place + 1], kind)[0] > NEAR for kind in kinds)
        if exact or (is_apart and filled[distance(colours, colour) <= NEAR].sum() >= AN_AREA):
            kinds.append((int(colour[0]), int(colour[1]), int(colour[2])))
    if exact:  # thin lines fill no areas
        kinds += [unpack(value) for value in counts if share_off({value: 1}, kinds)]
    return kinds
