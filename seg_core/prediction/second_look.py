"""A second look at small lesions: the part of a photograph that shows one is predicted again, enlarged.

In the whole frame a small lesion has few of the network's pixels, and its outline is coarse. Large ones gain nothing by it.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

MARGIN = 2.5
"""Side of the part that is looked at again, in sides of what was marked."""
LEAST_SIDE = 16
"""Smallest side that counts as marked, in pixels of the network."""
ENLARGED = 4
"""Sides of the result and of the photograph that the part is cut from, in sides of the network's frame."""


Box = tuple[int, int, int, int]
"""Left, top, right and bottom edges of a square part of the enlarged frame, in its pixels."""


def part_to_enlarge(mask: np.ndarray, most: float) -> Box | None:
    """Return the part around everything that is marked, with room around it.

    Args:
        mask: (S, S) bool.
        most: largest share of the frame that may be marked.

    Returns:
        None where nothing or more is marked, or the part would be the whole frame. Mirror images have mirrored parts.
    """
    if not 0 < mask.mean() <= most:
        return None
    (top, bottom), (left, right) = (
        (found[0], found[-1] + 1) for found in (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    )
    side = ENLARGED * int(max(bottom - top, right - left, LEAST_SIDE) * MARGIN)
    room = ENLARGED * len(mask) - side
    if room <= 0:
        return None
    x, y = (int(np.clip((ENLARGED * (low + high) - side) // 2, 0, room)) for low, high in ((left, right), (top, bottom)))
    return x, y, x + side, y + side


def pasted(whole: np.ndarray, enlarged: np.ndarray, part: Box) -> np.ndarray:
    """Return the probabilities (ENLARGED · S, ENLARGED · S) of the frame, with those of a part that was looked at again.

    Args:
        whole: probabilities (S, S) float32 of the frame.
        enlarged: probabilities (S, S) float32 of the part.
        part: where it lies.
    """
    left, top, right, bottom = part
    frame = np.array(_scaled(whole, ENLARGED * len(whole)))
    frame[top:bottom, left:right] = _scaled(enlarged, right - left)
    return frame


def _scaled(probabilities: np.ndarray, side: int) -> np.ndarray:
    return np.asarray(Image.fromarray(probabilities).resize((side, side), Image.Resampling.BILINEAR))
