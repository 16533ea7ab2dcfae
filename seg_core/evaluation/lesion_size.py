"""IoU of the photographs whose lesion is small, medium or large in the frame."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seg_core.evaluation.bootstrap import Interval, mean_interval
from seg_core.evaluation.group import Scored

SMALL, LARGE = 0.05, 0.2
"""Shares of the frame: a lesion is small below the first, and large above the second."""
LESION_SIZES = ("below 5 %", "5 to 20 %", "above 20 %")
"""Names of the three sizes, by the lesion's share of the frame."""

RESAMPLES = 1999
"""Draws for an interval: a fifth of those for other scores, since Compare makes three more intervals at every threshold."""


class SizeScore(NamedTuple):
    """Mean IoU of the photographs whose lesion has one size."""

    photographs: int
    iou: Interval
    """With its 95 % interval over photographs; NaN where there are none."""


def iou_by_size(evaluation: Scored, threshold: float | None = None) -> dict[str, SizeScore]:
    """Return the IoU by lesion size, at a threshold or the model's own.

    The size is that of the true lesion. Photographs without a lesion are left out: their IoU is 0 or 1.
    """
    share, iou = evaluation.lesion / evaluation.pixels, evaluation.scores(threshold)["iou"]
    size = np.where(share == 0, -1, np.where(share < SMALL, 0, np.where(share <= LARGE, 1, 2)))
    return {name: _mean(iou[size == place]) for place, name in enumerate(LESION_SIZES)}


def _mean(values: np.ndarray) -> SizeScore:
    return SizeScore(len(values), mean_interval(values, RESAMPLES) if len(values) else Interval(np.nan, np.nan, np.nan))
