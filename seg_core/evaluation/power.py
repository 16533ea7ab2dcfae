"""How many more photographs, or models in a group, would settle what a comparison leaves open: a power estimate."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from seg_core.evaluation.bootstrap import without_rounding
from seg_core.evaluation.confidence import SIGNIFICANCE_LEVEL, models_margin

POWER = 0.8
"""Share of the studies that settle the question, from which a size is called enough."""
STUDIES = 100
"""Studies that are drawn for each size."""
TIMES = (1.25, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)
"""Sizes that are tried, as multiples of the number of photographs."""
MODEL_TIMES = (2, 3, 4, 5, 6, 8, 10)
"""Sizes of a group that are tried, as multiples of the number of its models."""


def photographs_to_settle(gains: np.ndarray, margin: float, of_models: Sequence[np.ndarray] = ()) -> int | None:
    """Return how many photographs like these would settle a comparison in 80 % of studies; None if ten times as many do not.

    Studies of each size draw from the gains with replacement. A study is settled where one model is significantly better, or the
    two are equivalent within the margin, by the rules of `seg_core.evaluation.pairing.Pairing`, but with the normal interval of
    the mean.

    Args:
        gains: (N,) what one model scores above the other on each photograph.
        margin: difference that counts as none.
        of_models: for each of the two that is a group, the mean scores (R,) of its models.
    """
    widening = models_margin(of_models)
    sizes = [int(np.ceil(len(gains) * times)) for times in TIMES]
    return _first(sizes, lambda size: settled_share(gains, margin, size, widening) >= POWER)


def models_to_settle(gains: np.ndarray, margin: float, of_models: Sequence[np.ndarray]) -> int | None:
    """Return how many times as many models, each on these photographs, would settle it; None if ten times as many do not.

    The arguments are those of `photographs_to_settle`. More models narrow the part of the interval that is due to the variation
    between models.
    """
    if not models_margin(of_models):
        return None
    return _first(MODEL_TIMES, lambda times: settled_share(gains, margin, len(gains), models_margin(of_models, times)) >= POWER)


def settled_share(gains: np.ndarray, margin: float, size: int, widening: float = 0.0) -> float:
    """Return the share of studies of a size that settle a comparison, as `photographs_to_settle`.

    Args:
        gains: (N,) what one model scores above the other on each photograph.
        margin: difference that counts as none.
        size: number of photographs of a study.
        widening: half the width of the interval that is due to the variation between models.
    """
    from scipy.stats import wilcoxon

    drawn = np.random.default_rng(0).choice(without_rounding(gains), (STUDIES, size))
    mean, reach = drawn.mean(axis=1), np.hypot(1.96 * drawn.std(axis=1, ddof=1) / np.sqrt(size), widening)

    def is_positive(shift: float, sign: int) -> np.ndarray:
        """Where the mean gain, in one direction and after a shift, is significantly above 0."""
        above: np.ndarray = sign * mean + shift - reach > 0
        if not above.any():
            return above
        p = wilcoxon(sign * drawn[above] + shift, axis=1, method="asymptotic", alternative="greater").pvalue
        above[above] = p < SIGNIFICANCE_LEVEL / 2
        return above

    better = is_positive(0, 1) | is_positive(0, -1)
    equivalent = is_positive(margin, 1) & is_positive(margin, -1)
    return float((better | equivalent).mean())


def _first(sizes: Sequence[int], is_enough: Callable[[int], bool]) -> int | None:
    """Return the smallest of rising sizes that is enough, taking it that all larger ones are too; None if the largest is not."""
    low, high = 0, len(sizes)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(sizes[middle]) else (middle + 1, high)
    return sizes[low] if low < len(sizes) else None
