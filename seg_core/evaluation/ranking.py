"""How well the probabilities of a photograph rank its pixels, whatever the threshold: AUROC and average precision."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class RankingScores(NamedTuple):
    """Both are undefined (NaN) where there is no lesion or nothing else."""

    auroc: float
    """Area under the ROC curve: the chance that a pixel of the lesion has a higher probability than another; ties count half."""
    average_precision: float
    """Area under the precision-recall curve, as a sum over its steps: each probability's precision times the recall it adds."""


def ranking_scores(probability: np.ndarray, truth: np.ndarray) -> RankingScores:
    """Return both scores over the pixels of one image, exactly: those of scikit-learn.

    The counts at the thresholds of an evaluation do not do: most pixels lie below the first or above the last, where the counts
    know no ranks. On the 146 test photographs of ISIC 2016 they were off by up to 0.19, and by 0.005 and 0.011 on the mean.

    Args:
        probability: (H, W) float32; NaN counts as 0. Of a mask, 0 and 1, the curves have one point between their ends.
        truth: (H, W) bool.
    """
    known = np.nan_to_num(probability, nan=0.0)
    lesion, skin = np.sort(known[truth]), np.sort(known[~truth])
    if not len(lesion) or not len(skin):
        return RankingScores(np.nan, np.nan)
    values, first, pixels = np.unique(lesion, return_index=True, return_counts=True)
    below, up_to = (np.searchsorted(skin, values, side) for side in ("left", "right"))
    found = len(lesion) - first
    precision = found / (found + len(skin) - below)
    return RankingScores(
        auroc=float((pixels * (below + up_to)).sum() / (2 * len(lesion) * len(skin))),
        average_precision=float((pixels * precision).sum() / len(lesion)),
    )
