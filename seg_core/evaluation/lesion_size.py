"""IoU of the photographs whose lesion is small, medium or large in the frame."""

from __future__ import annotations

import numpy as np

from seg_core.evaluation.confidence import Interval, mean_interval
from seg_core.evaluation.group import Scored

SMALL, LARGE = 0.05, 0.2
"""Shares of the frame: a lesion is small below the first, and large above the second."""
LESION_SIZES = ("below 5 %", "5 to 20 %", "above 20 %")
"""Names of the three sizes, by the lesion's share of the frame."""


def iou_by_size(evaluation: Scored) -> dict[str, tuple[int, Interval]]:
    """Return by lesion size the number of photographs and their mean IoU at the model's threshold; NaN where there are none.

    The size is that of the true lesion. Photographs without a lesion are left out: their IoU is 0 or 1.
    """
    share, iou = evaluation.lesion / evaluation.pixels, evaluation.scores()["iou"]
    size = np.where(share == 0, -1, np.where(share < SMALL, 0, np.where(share <= LARGE, 1, 2)))
    return {name: _mean(iou[size == place]) for place, name in enumerate(LESION_SIZES)}


def _mean(values: np.ndarray) -> tuple[int, Interval]:
    return len(values), mean_interval(values) if len(values) else Interval(np.nan, np.nan, np.nan)
