"""Significance tests between two models on the same images, and intervals that know of the variation between models."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import starmap
from typing import NamedTuple

import numpy as np

from seg_core.evaluation.bootstrap import RESAMPLES, Interval, bca_intervals, cluster_means, resampled_means, without_rounding
from seg_core.evaluation.kept_numbers import kept

SIGNIFICANCE_LEVEL = 0.05
MOST_PERMUTED = 13
"""Images up to which scipy computes the Wilcoxon test with ties by going through all signs."""
EXACT_UP_TO = 50
"""Images that differ up to which scipy computes the Wilcoxon test exactly, where no two differ by as much."""


def models_margin(groups: Sequence[np.ndarray], times: int = 1) -> float:
    """Return half the width of the 95 % interval that variation between models gives the difference of group means.

    By Student's t for one group and Welch's t (1947) for two. A group of one model says nothing of others and adds nothing.

    Args:
        groups: for each group the scores (R,) of its R models, each a mean over the same images.
        times: how many times as many models to reckon with, which vary as these do.
    """
    several = [(float(np.var(means, ddof=1)), times * len(means)) for means in groups if len(means) > 1]
    variances = [(variance / models, models - 1) for variance, models in several]
    total = sum(variance for variance, _ in variances)
    if not total:
        return 0.0
    from scipy.stats import t

    freedom = total**2 / sum(variance**2 / degrees for variance, degrees in variances)
    return float(t.ppf(0.975, freedom) * np.sqrt(total))


def widened(interval: Interval, margin: float, least: float = 0, most: float = 1) -> Interval:
    """Widen an interval over images by the variation between models: the two are independent, so their widths add as squares.

    The bounds stay between ``least`` and ``most``, the range of the value.
    """
    mean, low, high = interval
    down, up = float(np.hypot(mean - low, margin)), float(np.hypot(high - mean, margin))
    return Interval(mean, float(np.maximum(mean - down, least)), float(np.minimum(mean + up, most)))


class Difference(NamedTuple):
    """Paired difference in a score (higher is better) between two models on the same N images."""

    interval: Interval
    """Mean difference and its 95 % bootstrap interval over images."""
    p: float
    """Two-sided p-value of the Wilcoxon signed-rank test, ties left out; 1 where all images are ties."""
    wins: int
    ties: int
    losses: int
    effect: float
    """Matched-pairs rank-biserial correlation, -1 to 1: positive where ranks of gains outweigh those of losses (Kerby, 2014)."""

    @property
    def reversed(self) -> Difference:
        """The difference of the second model from the first."""
        mean, low, high = self.interval
        return Difference(Interval(-mean, -high, -low), self.p, self.losses, self.ties, self.wins, -self.effect)

    def is_significant(self, p: float) -> bool:
        """True if the test and the interval find a difference in the same direction; ``p`` is corrected for all comparisons.

        The Wilcoxon test looks at ranks, the bootstrap interval at sizes: a model that is a hair better on most images and far
        worse on one is not called better.
        """
        mean, low, high = self.interval
        return p < SIGNIFICANCE_LEVEL and low * high > 0 and mean * self.effect > 0


def paired_difference(ours: Sequence[float] | np.ndarray, theirs: Sequence[float] | np.ndarray) -> Difference:
    """Compare the scores (N,) of two models on the same images in the same order.

    Raises:
        ValueError: if there are no images, or the models have different numbers of scores.
    """
    return paired_differences(np.column_stack([ours, theirs]), [(0, 1)])[0]


def paired_differences(
    scores: np.ndarray, pairs: Sequence[tuple[int, int]], clusters: np.ndarray | None = None
) -> list[Difference]:
    """Return by how much the first of each pair of models scores above the second.

    Of clusters the interval draws whole ones, and the test ranks the mean difference of each, so that each counts once.

    Args:
        scores: (N, M) of M models on N images.
        pairs: the columns of the models that are compared.
        clusters: (N,) as `seg_core.evaluation.bootstrap.mean_intervals`.

    Raises:
        ValueError: if there are no images.
    """
    if not len(scores):
        raise ValueError("there are no images to compare on")
    first, second = np.array(pairs).T
    gains = without_rounding(scores[:, first] - scores[:, second])

    def intervals() -> list[Interval]:
        resampled = resampled_means(scores - scores.mean(axis=0), RESAMPLES, clusters)
        return bca_intervals(gains, lambda some: resampled[:, first[some]] - resampled[:, second[some]], clusters)

    found = kept("differences", scores, (first, second, clusters), intervals)
    p, effect = signed_ranks(without_rounding(cluster_means(gains, clusters)))
    wins, losses = (gains > 0).sum(axis=0).tolist(), (gains < 0).sum(axis=0).tolist()
    ties = [len(gains) - won - lost for won, lost in zip(wins, losses, strict=True)]
    each = zip(starmap(Interval, found.tolist()), p, wins, ties, losses, effect, strict=True)
    return list(starmap(Difference, each))


def signed_ranks(gains: np.ndarray) -> tuple[list[float], list[float]]:
    """Return p-value and matched-pairs rank-biserial correlation (see `Difference`) of every column of gains (N, P)."""
    p_values, effects = kept("ranks", gains, (), lambda: _signed_ranks(gains)).tolist()
    return p_values, effects


def _signed_ranks(gains: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from scipy.special import ndtr
    from scipy.stats import rankdata, wilcoxon

    p_values, effects = np.ones(gains.shape[1]), np.zeros(gains.shape[1])
    moved = np.count_nonzero(gains, axis=0)
    many = moved > EXACT_UP_TO
    if many.any():
        found = wilcoxon(gains[:, many], axis=0, method="asymptotic", alternative="greater")  # so that its signs are known
        p_values[many] = 2 * ndtr(-np.abs(found.zstatistic))
        effects[many] = 4 * found.statistic / (moved[many] * (moved[many] + 1)) - 1  # the statistic is the sum of ranks of gains
    for column in np.flatnonzero(~many & (moved > 0)).tolist():
        values = gains[gains[:, column] != 0, column]
        ranks = rankdata(np.abs(values))
        p_values[column] = _p_of_few(values, ranks)
        effects[column] = (ranks * np.sign(values)).sum() / ranks.sum()
    return p_values, effects


def _p_of_few(gains: np.ndarray, ranks: np.ndarray) -> float:
    """Return SciPy's p-value of the signed-rank test for gains (N,) other than 0, whose sizes have ``ranks``.

    With ties among up to 13 gains SciPy goes through all signs that they could have, one by one, for up to a second.
    """
    from scipy.stats import wilcoxon

    count = len(gains)
    if count > MOST_PERMUTED or len(np.unique(ranks)) == count:
        return float(wilcoxon(gains).pvalue)
    signs = np.arange(2**count)[:, None] >> np.arange(count) & 1
    sums, seen = signs @ ranks, ranks[gains > 0].sum()
    return float(min(1, 2 * min((sums <= seen).mean(), (sums >= seen).mean())))


def no_worse(gains: np.ndarray, intervals: Sequence[Interval], margin: float) -> list[float]:
    """Return the p-value of each pair for this: the first is not worse than the second by the margin (non-inferiority).

    That is so where it is significantly better than a model that scores the margin less than the second on every image: the lower
    bound of the 95 % interval lies above minus the margin, and Wilcoxon's test agrees (Piaggio et al., 2012). The p-value is 1
    where the interval, or the direction of the ranks, says otherwise. Where it holds in both directions, the two are equivalent
    (two one-sided tests; Schuirmann, 1987).

    Args:
        gains: (N, P) scores of the first of each pair above the second.
        intervals: of the mean gains, (P,).
        margin: loss that counts as none, in units of the score.
    """
    p_values, effects = signed_ranks(without_rounding(gains + margin))
    holds = [interval.low > -margin and effect > 0 for interval, effect in zip(intervals, effects, strict=True)]
    return [p if held else 1.0 for p, held in zip(p_values, holds, strict=True)]


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p-values for multiple tests by Holm's method (1979), which controls the family-wise error rate."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    corrected, highest = [0.0] * len(p_values), 0.0
    for place, index in enumerate(order):
        highest = max(highest, min(1.0, p_values[index] * (len(p_values) - place)))
        corrected[index] = highest
    return corrected
