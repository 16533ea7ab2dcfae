"""What masks of one photograph measure: their areas, and how well two of them agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seg_core import metrics

BOTH_EMPTY = "Both find no lesion."
"""Said in place of an agreement of two empty masks: an IoU of 0/0 counts as 1 in scores, but is no agreement on a lesion."""


@dataclass(frozen=True)
class Measures:
    """Measures of one mask, or of two masks of the same photograph."""

    areas: tuple[int, ...]
    """Pixels of lesion of each mask."""
    pixels: int
    """Those of the photograph."""
    agreement: float | None
    """IoU of two masks; None for one, and where neither marks anything."""

    @property
    def shares(self) -> tuple[float, ...]:
        """Share of the photograph that is lesion, 0 to 1, of each mask."""
        return tuple(area / self.pixels for area in self.areas)

    @property
    def both_empty(self) -> bool:
        """True if two masks mark nothing."""
        return len(self.areas) == 2 and not any(self.areas)


def measure(masks: Sequence[np.ndarray]) -> Measures:
    """Measure one or two masks (H, W) bool of the same size.

    Raises:
        ValueError: if the masks differ in shape.
    """
    areas = tuple(int(np.count_nonzero(mask)) for mask in masks)
    compared = len(masks) == 2 and any(areas)
    return Measures(areas, masks[0].size, float(metrics.iou(masks[0], masks[1])) if compared else None)
