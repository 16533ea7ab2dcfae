"""Means over images with their 95 % bootstrap intervals, of images or of clusters of them, such as those of one patient."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from itertools import chain
from typing import NamedTuple

import numpy as np

from seg_core.common.parallel import ordered_map
from seg_core.evaluation.kept_numbers import kept

RESAMPLES = 9999
AT_ONCE = 2_000_000
"""Images drawn at a time, which bounds the memory."""
KEPT_UP_TO = 1_500
"""Images of which the draws are kept for the next score; they take up to 15 MB."""
SCORES_AT_ONCE = 32
"""Scores of which a core compares the draws: as many as its cache holds."""
TIE = 1e-9
"""Smaller differences come from rounding."""


class Interval(NamedTuple):
    """A mean and its 95 % confidence interval."""

    mean: float
    low: float
    high: float


def without_rounding(differences: np.ndarray) -> np.ndarray:
    """Return differences with 0 where there is nothing but rounding."""
    return np.where(np.abs(differences) < TIE, 0.0, differences)


def mean_interval(values: Sequence[float] | np.ndarray, resamples: int = RESAMPLES) -> Interval:
    """As `mean_intervals`, for one score: values (N,)."""
    return mean_intervals(np.asarray(values, np.float64)[:, None], resamples)[0]


def mean_intervals(values: np.ndarray, resamples: int = RESAMPLES, clusters: np.ndarray | None = None) -> list[Interval]:
    """Return the means of M scores of N images, values (N, M), with their 95 % bootstrap intervals (BCa; Efron, 1987).

    Images are resampled ``resamples`` times from a fixed seed, the same for all scores, so the same values always give the same
    intervals. Equal values have an interval of width 0; the bounds for a single image are unknown (NaN). Where a score is
    undefined (NaN) for some images, its mean and interval are over the others; without any, all three are NaN.

    Args:
        values: of N images.
        resamples: number of draws.
        clusters: (N,) the number of each image's cluster. Clusters are drawn then, each with all of its images (Davison and
            Hinkley, 1997, section 3.8); the mean stays that over images. None where every image stands alone.

    Raises:
        ValueError: if there are no values.
    """
    if not len(values):
        raise ValueError("there are no values to average")
    found = kept("intervals", values, (resamples, clusters), lambda: _mean_intervals(values, resamples, clusters))
    return [Interval(*each) for each in found.tolist()]


def _mean_intervals(values: np.ndarray, resamples: int, clusters: np.ndarray | None) -> list[Interval]:
    defined, alike = ~np.isnan(values), defaultdict[bytes, list[int]](list)
    for column, images in enumerate(defined.T):
        alike[images.tobytes()].append(column)
    intervals: dict[int, Interval] = {}
    for columns in alike.values():
        images = defined[:, columns[0]]
        if images.any():
            known = np.ascontiguousarray(values[images][:, columns])
            of_known = None if clusters is None else clusters[images]
            means = resampled_means(known - known.mean(axis=0), resamples, of_known)
            found = bca_intervals(known, partial(_columns, means), of_known)
        else:
            found = [Interval(np.nan, np.nan, np.nan)] * len(columns)
        intervals |= zip(columns, found, strict=True)
    return [intervals[column] for column in range(len(intervals))]


def _columns(table: np.ndarray, some: slice) -> np.ndarray:
    return table[:, some]


def mean_of_known(values: np.ndarray) -> np.ndarray:
    """Return the means (R,) of R models over images from scores (R, N), without images for which one is undefined (NaN)."""
    defined = ~np.isnan(values).any(axis=0)
    if not defined.any():
        return np.full(len(values), np.nan)
    means: np.ndarray = (values if defined.all() else values[:, defined]).mean(axis=1)
    return means


def bca_intervals(
    values: np.ndarray, resampled: Callable[[slice], np.ndarray], clusters: np.ndarray | None = None
) -> list[Interval]:
    """As `mean_intervals`, of values (N, M) that are all defined.

    Args:
        values: of N images.
        resampled: gives by how much the mean of each draw is off, (resamples, m), for some m of the M scores.
        clusters: as `mean_intervals`.
    """
    some = [slice(start, start + SCORES_AT_ONCE) for start in range(0, values.shape[1], SCORES_AT_ONCE)]

    def intervals(scores: slice) -> list[Interval]:
        return _bca_intervals(values[:, scores], resampled(scores), clusters)

    return list(chain.from_iterable(ordered_map(intervals, some) if len(some) > 1 else map(intervals, some)))


def _bca_intervals(values: np.ndarray, resampled: np.ndarray, clusters: np.ndarray | None) -> list[Interval]:
    from scipy.special import ndtr, ndtri

    means = values.mean(axis=0)
    sums, _ = _by_cluster(values - means, clusters)
    resampled = without_rounding(resampled)  # else a draw that has the sample's mean would count as above or below it
    with np.errstate(invalid="ignore", divide="ignore"):
        bias = ndtri(((resampled < 0).mean(axis=0) + (resampled <= 0).mean(axis=0)) / 2)
        acceleration = (sums**3).sum(axis=0) / (6 * (sums**2).sum(axis=0) ** 1.5)
    intervals = []
    for column, mean in enumerate(means.tolist()):
        if len(sums) == 1:
            intervals.append(Interval(mean, np.nan, np.nan))
        elif np.abs(sums[:, column]).max() < TIE:  # whatever is drawn, the mean is the same
            intervals.append(Interval(mean, mean, mean))
        else:
            from_bias = bias[column] + ndtri([0.025, 0.975])
            quantiles = ndtr(bias[column] + from_bias / (1 - acceleration[column] * from_bias))
            low, high = np.quantile(resampled[:, column], quantiles)
            intervals.append(Interval(mean, mean + float(low), mean + float(high)))
    return intervals


def resampled_means(values: np.ndarray, resamples: int, clusters: np.ndarray | None = None) -> np.ndarray:
    """Return the means (resamples, M) of values (N, M) over images, or clusters of them, that are drawn with replacement."""
    sums, sizes = _by_cluster(values, clusters)
    count = len(sums)
    times = _kept_draws(count, resamples) if count <= KEPT_UP_TO else _draws(count, resamples)
    drawn = (some.astype(np.float64) for some in times)
    return np.concatenate([some @ sums / (count if clusters is None else (some @ sizes)[:, None]) for some in drawn])


def cluster_means(values: np.ndarray, clusters: np.ndarray | None) -> np.ndarray:
    """Return the means (K, M) of values (N, M) over the images of each of K clusters; the values themselves without clusters."""
    sums, sizes = _by_cluster(values, clusters)
    means: np.ndarray = sums / sizes[:, None]
    return means


def _by_cluster(values: np.ndarray, clusters: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the sums (K, M) of values (N, M) over the images of each cluster, by its number, and how many images it has (K,)."""
    if clusters is None or not len(values):
        return values, np.ones(len(values))
    _, of_image, sizes = np.unique(clusters, return_inverse=True, return_counts=True)
    first = np.concatenate([[0], sizes.cumsum()[:-1]])
    return np.add.reduceat(values[np.argsort(of_image, kind="stable")], first, axis=0), sizes.astype(np.float64)


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
