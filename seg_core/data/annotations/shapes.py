"""Outlined regions of photographs, and how they are drawn into a mask."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from seg_core.data.image_file import MAX_PIXELS, MAX_SIDE

Size = tuple[int, int]
"""Width and height in pixels."""

_ELLIPSE_CORNERS = 180


@dataclass(frozen=True)
class Shape:
    """A region of a photograph and its class.

    Attributes:
        label: the name of the class; empty if the file has none.
        region: a polygon as x, y, x, y, … in pixels; COCO's run lengths as ``{"size": [height, width], "counts": …}``; or a
            mask (H, W), True in the region.
    """

    label: str
    region: Sequence[float] | Mapping[str, Any] | np.ndarray


@dataclass
class Annotated:
    """What an annotation file says about a photograph.

    Attributes:
        name: the photograph's name or path, as written in the file.
        size: of the photograph.
        shapes: the regions; none if the file says that there are none.
    """

    name: str
    size: Size
    shapes: list[Shape] = field(default_factory=list)


@dataclass(frozen=True)
class Annotations:
    """The contents of an annotation file: its format's name, the photographs, and how many boxes without an outline it has."""

    form: str
    photos: list[Annotated]
    boxes: int = 0


def checked_size(width: Any, height: Any) -> Size:
    """Return the size of a photograph.

    Raises:
        ValueError: if it is none, or larger than photographs may be.
    """
    size = int(width), int(height)
    if not (min(size) > 0 and max(size) <= MAX_SIDE and size[0] * size[1] <= MAX_PIXELS):
        raise ValueError(f"a photograph of {width} × {height} pixels")
    return size


def ellipse(x: float, y: float, radius_x: float, radius_y: float, degrees: float = 0) -> list[float]:
    """Return an ellipse around (x, y), turned clockwise as one sees it, as a polygon."""
    way, turn = np.linspace(0, 2 * np.pi, _ELLIPSE_CORNERS, endpoint=False), np.deg2rad(degrees)
    across, down = radius_x * np.cos(way), radius_y * np.sin(way)
    corners = x + across * np.cos(turn) - down * np.sin(turn), y + across * np.sin(turn) + down * np.cos(turn)
    return [float(value) for corner in zip(*corners, strict=True) for value in corner]


def draw(photo: Annotated, labels: Collection[str]) -> np.ndarray:
    """Return the mask (H, W) of a photograph, True in the regions of these classes.

    Raises:
        ValueError: if a region cannot be drawn, as its numbers make no sense.
    """
    width, height = photo.size
    mask = np.zeros((height, width), dtype=bool)
    for shape in photo.shapes:
        if shape.label in labels:
            mask |= _region(shape.region, photo.size)
    return mask


def _region(region: Sequence[float] | Mapping[str, Any] | np.ndarray, size: Size) -> np.ndarray:
    width, height = size
    if isinstance(region, np.ndarray):
        drawn = region
    elif isinstance(region, Mapping):
        drawn = _of_run_lengths(region)
    else:
        drawn = _of_polygon(region, size)
    if drawn.shape != (height, width):
        raise ValueError(f"a region of {drawn.shape[1]} × {drawn.shape[0]} pixels in a photograph of {width} × {height}")
    return drawn


def _of_polygon(polygon: Sequence[float], size: Size) -> np.ndarray:
    corners = np.asarray(polygon, dtype=float)
    if corners.ndim != 1 or len(corners) < 6 or len(corners) % 2 or not np.isfinite(corners).all():
        raise ValueError("a polygon without three corners")
    width, height = size
    within = np.clip(corners.reshape(-1, 2), 0, size)
    drawn: np.ndarray = coco_mask.decode(coco_mask.frPyObjects([within.ravel().tolist()], height, width))
    return drawn[..., 0] > 0


def _of_run_lengths(region: Mapping[str, Any]) -> np.ndarray:
    """Run lengths go down the columns, and begin with a run outside of the region."""
    height, width = map(int, region["size"])
    counts = region["counts"]
    checked_size(width, height)
    if isinstance(counts, str | bytes):
        packed = {"size": [height, width], "counts": counts.encode() if isinstance(counts, str) else counts}
        drawn: np.ndarray = coco_mask.decode(packed)
        return drawn > 0
    return filled_runs(counts, height * width).reshape(height, width, order="F")


def filled_runs(counts: Sequence[int], pixels: int) -> np.ndarray:
    """Return pixels in a row, (N,) bool, from the lengths of runs that are in turn outside of a region and in it.

    Raises:
        ValueError: if they are more or fewer than ``pixels``.
    """
    lengths = np.asarray(counts, dtype=np.int64)
    if lengths.ndim != 1 or (lengths < 0).any() or lengths.sum() != pixels:
        raise ValueError("run lengths that do not fill the photograph")
    return np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)
