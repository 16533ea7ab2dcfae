"""Training loss of every batch as a curve: a million batches in about a thousand points, without losing a spike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seg_core.runs.run import BatchLosses

SMOOTHED_OVER = 200
"""By default the mean is over a 200th of the batches shown: the width of a few pixels."""


@dataclass(frozen=True)
class LossCurve:
    """A curve over epochs: batch b of B in epoch e is at ``e - 1 + b / B``, so an epoch ends at its number.

    ``x`` and ``loss`` are the smoothed loss. ``low`` and ``high`` are the lowest and the highest loss of single batches around
    each point, and ``window`` is the number of batches in each mean; 1 for no smoothing.
    """

    steps: int
    window: int
    x: np.ndarray
    loss: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def to_json(self) -> dict[str, Any]:
        """Return plain values for JSON: losses to five digits, ``x`` to a ten-thousandth of an epoch."""
        values = {name: [float(f"{value:.5g}") for value in getattr(self, name).tolist()] for name in ("loss", "low", "high")}
        return {"steps": self.steps, "window": self.window, "x": np.round(self.x, 4).tolist(), **values}


def loss_curve(
    epochs: Sequence[BatchLosses], points: int, begin: float = 0.0, end: float = np.inf, window: int | None = None
) -> LossCurve:
    """Return the curve of some epochs in at most ``points`` points, first smoothed, then thinned out.

    1. Smoothing: the mean over ``window`` batches around each one (`rolling_mean`), by default a 200th of those shown.
    2. Thinning out, if there are more batches than points: batches are put into buckets of equal length, and each bucket keeps
       its lowest and its highest smoothed value, at their own places and in their order: the "MinMax" reduction of Jugel
       et al., M4: A Visualization-Oriented Time Series Data Aggregation (VLDB 2014). No peak of the curve is lost; thinning out
       first would leave noise to smooth.
    3. Each bucket also keeps the lowest and highest loss before smoothing, since a mean hides spikes.

    Args:
        epochs: the losses, in the order of their epochs.
        points: at least 2.
        begin: start of the curve, in epochs.
        end: its end, inclusive.
        window: number of batches in each mean.
    """
    places = [each.epoch - 1 + np.arange(1, len(each.losses) + 1) / each.batches for each in epochs]
    x = np.concatenate([np.empty(0), *places])
    losses = np.concatenate([np.empty(0, np.float32), *(each.losses for each in epochs)])
    shown = slice(np.searchsorted(x, begin, "left"), np.searchsorted(x, end, "right"))
    x, losses = x[shown], losses[shown]
    window = window or max(1, len(x) // SMOOTHED_OVER)
    smooth = rolling_mean(losses, window)
    if len(x) <= points:
        return LossCurve(len(x), window, x, smooth, losses, losses)
    starts = np.linspace(0, len(x), points // 2, endpoint=False).astype(int)
    at = extremes(smooth, starts)
    low, high = (np.repeat(reduce.reduceat(losses, starts), 2) for reduce in (np.minimum, np.maximum))
    return LossCurve(len(x), window, x[at], smooth[at], low, high)


def rolling_mean(values: np.ndarray, window: int) -> np.ndarray:
    """Return the mean over ``window`` values around each one, (N,) float64; near the ends over fewer.

    An even window takes its additional value from before.
    """
    sums = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    places = np.arange(len(values))
    first = np.maximum(places - window // 2, 0)
    last = np.minimum(places + (window - 1) // 2 + 1, len(values))
    means: np.ndarray = (sums[last] - sums[first]) / (last - first)
    return means


def extremes(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Return the indices of the lowest and the highest value of each bucket, (2 × buckets,), in order within each bucket.

    ``starts`` are the indices at which the buckets begin, in increasing order, from 0.
    """
    ends = np.append(starts[1:], len(values))
    longest = int((ends - starts).max())
    # Buckets as rows of equal length: a shorter one repeats its last value, and argmin and argmax return the first place.
    rows = np.minimum(starts[:, None] + np.arange(longest), ends[:, None] - 1)
    bucketed = values[rows]
    lowest, highest = starts + bucketed.argmin(axis=1), starts + bucketed.argmax(axis=1)
    return np.stack([np.minimum(lowest, highest), np.maximum(lowest, highest)], axis=1).ravel()
