"""Robustness of a model: agreement of its masks when the photograph changes, and false alarms on skin without a lesion."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial

import numpy as np
from PIL import Image

from seg_core import metrics
from seg_core.common.parallel import ordered_map
from seg_core.data.folders import Pair
from seg_core.data.image import read_image
from seg_core.data.truth import read_truth
from seg_core.prediction.checkpoint import Checkpoint

LONGEST_SIDE = 1024
"""Larger photographs are shrunk to this first, in pixels: the work of a rotation by 30° grows with the pixels."""
ANGLE = 30
SKIN_SIDE = 0.25
"""Smallest side of a crop without lesion, as a share of the photograph's shorter side."""
MARKED = 0.02
"""Share of a crop's pixels from which the crop counts as marked."""

Change = Callable[[np.ndarray], np.ndarray]
"""Maps pixels (H, W, ...) to changed pixels of any size."""


@dataclass(frozen=True)
class Robustness:
    """Robustness of a model, as means over photographs."""

    agreement: dict[str, float]
    """By change of geometry: IoU of the photograph's mask and that of the changed photograph, changed back."""
    iou_drop: dict[str, float]
    """By change of light: drop in IoU with the truth; negative where IoU rises."""
    skin: int
    """Number of photographs with a crop without lesion; the largest such square was predicted alone."""
    unmarked: float
    """Share of these crops with less than 2 % of the pixels marked; NaN where there are none."""


def robustness(model: Checkpoint, pairs: Sequence[Pair], on_progress: Callable[[int, int], None] | None = None) -> Robustness:
    """Measure how a model's masks change with the photograph, on all cores.

    Every photograph is predicted as it is, mirrored, rotated by 90° and by 30° (corners are filled by reflection, and masks are
    compared within the circle that stays in the frame), at half and twice the size, warmer and cooler (a tenth more red and less
    blue, or the reverse), and brighter and darker by a quarter; its largest square without lesion is predicted alone.

    Raises:
        InputError: if a file cannot be read.
    """
    measured = []
    with closing(ordered_map(partial(_measure, model), pairs)) as results:
        for done, row in enumerate(results, start=1):
            measured.append(row)
            if on_progress:
                on_progress(done, len(pairs))
    skin = [row.marked for row in measured if row.marked is not None]
    return Robustness(
        {name: float(np.mean([row.agreement[name] for row in measured])) for name in measured[0].agreement},
        {name: float(np.mean([row.iou_drop[name] for row in measured])) for name in measured[0].iou_drop},
        len(skin),
        float(np.mean([marked < MARKED for marked in skin])) if skin else math.nan,
    )


@dataclass(frozen=True)
class _Measured:
    agreement: dict[str, float]
    iou_drop: dict[str, float]
    marked: float | None


def _measure(model: Checkpoint, pair: Pair) -> _Measured:
    photo, truth = open_pair(pair)
    height, width = truth.shape
    original, everywhere, circle = _mask(model, photo), np.ones_like(truth), _circle(truth.shape)
    frames: dict[str, tuple[Change, Change, np.ndarray]] = {  # the change, the way back, and where masks are compared
        "mirrored": (np.fliplr, np.fliplr, everywhere),
        "turned by 90°": (np.rot90, partial(np.rot90, k=-1), everywhere),
        "turned by 30°": (partial(_rotated, angle=ANGLE), partial(_rotated, angle=-ANGLE), circle),
        "half the size": (partial(_resized, factor=0.5), partial(_scaled, size=(width, height)), everywhere),
        "twice the size": (partial(_resized, factor=2), partial(_scaled, size=(width, height)), everywhere),
    }
    agreement = {
        name: float(metrics.iou(original & where, back(_mask(model, change(photo))) & where))
        for name, (change, back, where) in frames.items()
    }
    colours = {"warmer": (1.1, 1, 1 / 1.1), "cooler": (1 / 1.1, 1, 1.1), "brighter": (1.25,) * 3, "darker": (0.75,) * 3}
    at_best = float(metrics.iou(original, truth))
    iou_drop = {name: at_best - float(metrics.iou(_mask(model, _lit(photo, gains)), truth)) for name, gains in colours.items()}
    skin = bare_skin(photo, truth)
    return _Measured(agreement, iou_drop, None if skin is None else float(_mask(model, skin).mean()))


def open_pair(pair: Pair) -> tuple[np.ndarray, np.ndarray]:
    """Read a photograph (H, W, 3) uint8, shrunk to `LONGEST_SIDE` where it is larger, and its lesion mask (H, W) at that size.

    Raises:
        InputError: if a file cannot be read.
    """
    image = read_image(pair.image)
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    return np.asarray(image), _scaled(read_truth(pair).mask, image.size)


def bare_skin(photo: np.ndarray, lesion: np.ndarray) -> np.ndarray | None:
    """Return the largest square of a photograph (H, W, 3) outside its lesion mask (H, W); None where that is too small."""
    top, left, side = largest_square(~lesion)
    return photo[top : top + side, left : left + side] if side >= SKIN_SIDE * min(lesion.shape) else None


def largest_square(free: np.ndarray) -> tuple[int, int, int]:
    """Return top, left and side of the largest square of odd side that is true all over in a mask (H, W); the side may be 0."""
    from scipy.ndimage import distance_transform_cdt

    reach = distance_transform_cdt(np.pad(free, 1), metric="chessboard")[1:-1, 1:-1]  # 1 where a neighbour is not free
    row, column = np.unravel_index(reach.argmax(), reach.shape)
    half = int(reach[row, column]) - 1
    return int(row) - half, int(column) - half, max(0, 2 * half + 1)


def _mask(model: Checkpoint, photo: np.ndarray) -> np.ndarray:
    return model.predict(np.ascontiguousarray(photo)).mask()


def _circle(shape: tuple[int, ...]) -> np.ndarray:
    """Return the largest circle around the centre of (H, W)."""
    rows, columns = (np.arange(side) - (side - 1) / 2 for side in shape)
    within: np.ndarray = np.hypot(rows[:, None], columns) <= min(shape) / 2
    return within


def _rotated(pixels: np.ndarray, angle: float) -> np.ndarray:
    height, width = pixels.shape[:2]
    edge = math.ceil(math.hypot(height, width) / 2)
    wide = np.pad(pixels, [(edge, edge), (edge, edge), *[(0, 0)] * (pixels.ndim - 2)], mode="symmetric")
    how = Image.Resampling.NEAREST if pixels.dtype == bool else Image.Resampling.BICUBIC
    rotated = np.asarray(Image.fromarray(wide).rotate(angle, how))
    return rotated[edge : edge + height, edge : edge + width]


def _resized(photo: np.ndarray, factor: float) -> np.ndarray:
    height, width = photo.shape[:2]
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return np.asarray(Image.fromarray(photo).resize(size, Image.Resampling.BICUBIC))


def _scaled(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return np.asarray(Image.fromarray(mask).resize(size, Image.Resampling.NEAREST))


def _lit(photo: np.ndarray, gains: Sequence[float]) -> np.ndarray:
    lit: np.ndarray = np.clip(photo * np.array(gains), 0, 255).round().astype(np.uint8)
    return lit
