"""Confidence intervals of means over images, and significance tests between two models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

RESAMPLES = 9999
AT_ONCE = 2_000_000
"""Images drawn at a time, which bounds the memory."""
KEPT_UP_TO = 1_500
"""Images of which the draws are kept for the next score; they take up to 15 MB."""
SIGNIFICANCE_LEVEL = 0.05
TIE = 1e-9
"""Smaller differences come from rounding."""
MOST_PERMUTED = 13
"""Images up to which scipy computes the Wilcoxon test with ties by going through all signs."""
EXACT_UP_TO = 50
"""Images that differ up to which scipy computes the Wilcoxon test exactly, where no two differ by as much."""


class Interval(NamedTuple):
    """A mean and its 95 % confidence interval."""

    mean: float
    low: float
    high: float


def mean_interval(values: Sequence[float] | np.ndarray, resamples: int = RESAMPLES) -> Interval:
    """As `mean_intervals`, for one score: values (N,)."""
    return mean_intervals(np.asarray(values, np.float64)[:, None], resamples)[0]


def mean_intervals(values: np.ndarray, resamples: int = RESAMPLES) -> list[Interval]:
    """Return the means of M scores of N images, values (N, M), with their 95 % bootstrap intervals (BCa; Efron, 1987).

    Images are resampled ``resamples`` times from a fixed seed, the same for all scores, so the same values always give the same
    intervals. Equal values have an interval of width 0; the bounds for a single image are unknown (NaN). Where a score is
    undefined (NaN) for some images, its mean and interval are over the others; without any, all three are NaN.

    Raises:
        ValueError: if there are no values.
    """
    if not len(values):
        raise ValueError("there are no values to average")
    defined = ~np.isnan(values)
    intervals: dict[int, Interval] = {}
    for images in np.unique(defined, axis=1).T:
        columns = np.flatnonzero((defined == images[:, None]).all(axis=0))
        known = np.ascontiguousarray(values[images][:, columns])
        found = _intervals_of_known(known, resamples) if images.any() else [Interval(np.nan, np.nan, np.nan)] * len(columns)
        intervals |= zip(columns.tolist(), found, strict=True)
    return [intervals[column] for column in range(len(intervals))]


def mean_of_known(values: np.ndarray) -> np.ndarray:
    """Return the means (R,) of R models over images from scores (R, N), without images for which one is undefined (NaN)."""
    defined = ~np.isnan(values).any(axis=0)
    if not defined.any():
        return np.full(len(values), np.nan)
    means: np.ndarray = (values if defined.all() else values[:, defined]).mean(axis=1)
    return means


def _intervals_of_known(values: np.ndarray, resamples: int) -> list[Interval]:
    """As `mean_intervals`, of values that are all defined."""
    from scipy.special import ndtr, ndtri

    count = len(values)
    means, deviations = values.mean(axis=0), values - values.mean(axis=0)
    resampled = resampled_means(deviations, resamples)
    with np.errstate(invalid="ignore", divide="ignore"):
        bias = ndtri(((resampled < 0).mean(axis=0) + (resampled <= 0).mean(axis=0)) / 2)
        acceleration = (deviations**3).sum(axis=0) / (6 * (deviations**2).sum(axis=0) ** 1.5)
    intervals = []
    for column, mean in enumerate(means.tolist()):
        if count == 1:
            intervals.append(Interval(mean, np.nan, np.nan))
        elif np.ptp(values[:, column]) < TIE:
            intervals.append(Interval(mean, mean, mean))
        else:
            from_bias = bias[column] + ndtri([0.025, 0.975])
            quantiles = ndtr(bias[column] + from_bias / (1 - acceleration[column] * from_bias))
            low, high = np.quantile(resampled[:, column], quantiles)
            intervals.append(Interval(mean, mean + float(low), mean + float(high)))
    return intervals


def resampled_means(values: np.ndarray, resamples: int) -> np.ndarray:
    """Return the means (resamples, M) of values (N, M) over images drawn with replacement, some draws at a time."""
    count = len(values)
    times = _kept_draws(count, resamples) if count <= KEPT_UP_TO else _draws(count, resamples)
    return np.concatenate([some.astype(np.float64) @ values / count for some in times])


@lru_cache(maxsize=4)  # a comparison asks for the same draws again and again
def _kept_draws(count: int, resamples: int) -> tuple[np.ndarray, ...]:
    return tuple(_draws(count, resamples))


def _draws(count: int, resamples: int) -> Iterator[np.ndarray]:
    """Yield how often each of some images is drawn, (draws, count), for some draws at a time; most often in bytes."""
    random, at_once = np.random.default_rng(0), max(1, AT_ONCE // count)
    for start in range(0, resamples, at_once):
        draws = min(at_once, resamples - start)
        images = random.integers(count, size=(draws, count)) + count * np.arange(draws)[:, None]
        times = np.bincount(images.ravel(), minlength=draws * count).reshape(draws, count)
        yield times.astype(np.min_scalar_type(times.max()))


def models_margin(groups: Sequence[np.ndarray], times: int = 1) -> float:
    """Return half the width of the 95 % interval that variation between models gives the difference of group means.

    By Student's t for one group and Welch's t (1947) for two. A group of one model says nothing of others and adds nothing.

    Args:
        groups: for each group the scores (R,) of its R models, each a mean over the same images.
        times: how many times as many models to reckon with, which vary as these do.
    """
    from scipy.stats import t

    several = [(float(np.var(means, ddof=1)), times * len(means)) for means in groups if len(means) > 1]
    variances = [(variance / models, models - 1) for variance, models in several]
    total = sum(variance for variance, _ in variances)
    if not total:
        return 0.0
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
    return paired_differences(np.subtract(ours, theirs)[:, None])[0]


def paired_differences(gains: np.ndarray) -> list[Difference]:
    """Return the paired differences of P pairs of models, from what the first of each scores above the second: gains (N, P).

    Raises:
        ValueError: if there are no images.
    """
    gains = without_rounding(gains)
    intervals, (p, effect) = mean_intervals(gains), signed_ranks(gains)
    wins, losses = (gains > 0).sum(axis=0).tolist(), (gains < 0).sum(axis=0).tolist()
    ties = [len(gains) - won - lost for won, lost in zip(wins, losses, strict=True)]
    return [Difference(*each) for each in zip(intervals, p, wins, ties, losses, effect, strict=True)]


def without_rounding(gains: np.ndarray) -> np.ndarray:
    """Return differences with 0 where there is nothing but rounding."""
    return np.where(np.abs(gains) < TIE, 0.0, gains)


def signed_ranks(gains: np.ndarray) -> tuple[list[float], list[float]]:
    """Return p-value and matched-pairs rank-biserial correlation (see `Difference`) of every column of gains (N, P)."""
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
    return p_values.tolist(), effects.tolist()


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
