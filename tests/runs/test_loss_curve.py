"""The curve of single batches: hand-worked means and extremes, and no spike lost."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seg_core.runs.loss_curve import extremes, loss_curve, rolling_mean
from seg_core.runs.run import BatchLosses


def epoch(number: int, losses: list[float], batches: int | None = None) -> BatchLosses:
    return BatchLosses(number, batches or len(losses), np.array(losses, np.float32))


@pytest.mark.parametrize(
    ("window", "means"),
    [(1, [8, 1, 6, 3, 2]), (2, [8, 4.5, 3.5, 4.5, 2.5]), (3, [4.5, 5, 10 / 3, 11 / 3, 2.5]), (99, [4, 4, 4, 4, 4])],
)
def test_the_mean_goes_over_what_is_around(window: int, means: list[float]) -> None:
    assert rolling_mean(np.array([8, 1, 6, 3, 2], np.float32), window) == pytest.approx(means)


def test_the_mean_of_a_million_values_is_that_of_each_window() -> None:
    values = np.random.default_rng(1).random(1_000_000).astype(np.float32)
    means = rolling_mean(values, 5000)
    for at in (0, 2499, 500_000, 999_999):
        assert means[at] == pytest.approx(values[max(0, at - 2500) : at + 2500].mean(dtype=np.float64), abs=1e-9)


def test_of_each_bucket_both_extremes_stay_in_their_order() -> None:
    #                  bucket 1   bucket 2      bucket 3
    values = np.array([5, 9, 1, 4, 4, 4, 7, 0, 3, 2])
    assert extremes(values, np.array([0, 3, 7])).tolist() == [1, 2, 3, 6, 7, 8]


def test_a_short_run_is_shown_as_it_is() -> None:
    curve = loss_curve([epoch(1, [0.9, 0.7]), epoch(2, [0.5], batches=4)], points=100)
    assert (curve.steps, curve.window) == (3, 1)
    assert curve.x.tolist() == [0.5, 1.0, 1.25]
    assert curve.to_json()["loss"] == curve.to_json()["low"] == [0.9, 0.7, 0.5]


def test_smoothing_comes_first() -> None:
    # Alternating 0 and 1: thinned out first, minima and maxima would stay apart; the mean over two of them is a half.
    curve = loss_curve([epoch(1, [0, 1] * 500)], points=10, window=2)
    assert curve.loss.tolist() == [0, *[0.5] * 9]  # before the first value there is none
    assert (curve.low.tolist(), curve.high.tolist()) == ([0.0] * 10, [1.0] * 10)
    assert len(curve.x) == 10


def test_a_part_is_shown_at_its_own_resolution() -> None:
    epochs = [epoch(number, [number + batch / 1000 for batch in range(1000)]) for number in range(1, 11)]
    part = loss_curve(epochs, points=5000, begin=3.5, end=4.0, window=1)
    assert part.steps == 501  # both ends belong to it
    assert (part.x[0], part.x[-1]) == (3.5, 4.0)
    assert part.loss[0] == pytest.approx(4.499)


def test_nothing_is_nothing() -> None:
    assert loss_curve([], points=2000).to_json() == {"steps": 0, "window": 1, "x": [], "loss": [], "low": [], "high": []}


@given(
    st.lists(st.integers(1, 400), min_size=1, max_size=6),
    st.integers(2, 60),
    st.integers(1, 50),
    st.integers(0, 2**32 - 1),
)
def test_the_lowest_and_the_highest_survive(lengths: list[int], points: int, window: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    epochs = [epoch(number, random.uniform(0, 10, length).tolist()) for number, length in enumerate(lengths, start=1)]
    curve = loss_curve(epochs, points, window=window)
    losses = np.concatenate([each.losses for each in epochs])
    smooth = rolling_mean(losses, window)
    assert len(curve.x) <= max(points, 2)
    assert (curve.loss.min(), curve.loss.max()) == (smooth.min(), smooth.max())
    assert (curve.low.min(), curve.high.max()) == (losses.min(), losses.max())
    assert (np.diff(curve.x) >= 0).all()
    json.dumps(curve.to_json(), allow_nan=False)
