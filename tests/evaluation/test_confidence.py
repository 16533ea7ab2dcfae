"""Intervals and tests, against SciPy and by hand, and their special cases."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import bootstrap, t, wilcoxon

from seg_core.evaluation.bootstrap import Interval, mean_interval, mean_intervals, mean_of_known
from seg_core.evaluation.confidence import Difference, holm, paired_difference


def test_an_interval_is_close_to_the_normal_one_and_always_the_same() -> None:
    values = np.random.default_rng(3).normal(0.8, 0.1, 200)
    interval = mean_interval(values)
    assert interval == mean_interval(list(values))
    low, high = t.interval(0.95, 199, loc=values.mean(), scale=values.std(ddof=1) / math.sqrt(200))
    assert interval.mean == pytest.approx(values.mean())
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=1e-3)


def test_equal_values_leave_nothing_open() -> None:
    assert mean_interval([0.75] * 5) == Interval(0.75, 0.75, 0.75)
    mean, low, high = mean_interval(np.array([0.3, 0.5, 0.7]) + 0.01 - np.array([0.3, 0.5, 0.7]))  # but for rounding
    assert (mean, low, high) == pytest.approx((0.01, 0.01, 0.01))


def test_one_value_says_nothing_of_others() -> None:
    interval = mean_interval([0.75])
    assert interval.mean == 0.75
    assert math.isnan(interval.low)
    assert math.isnan(interval.high)


def test_nothing_has_no_mean() -> None:
    with pytest.raises(ValueError, match="no values"):
        mean_interval([])


def test_what_is_undefined_is_left_out_and_changes_nothing_else() -> None:
    random = np.random.default_rng(5)
    whole, some = random.uniform(size=(60, 3)), random.uniform(size=(60, 2))
    some[::3] = np.nan
    nothing, one = np.full(60, np.nan), np.full(60, np.nan)
    one[7] = 0.25
    found = mean_intervals(np.column_stack([whole[:, 0], some[:, 0], nothing, whole[:, 1:], one, some[:, 1]]))
    of_some = mean_intervals(some[~np.isnan(some[:, 0])])
    assert [found[0], *found[3:5]] == mean_intervals(whole)
    assert [found[1], found[6]] == of_some
    for column, interval in enumerate(of_some):
        assert tuple(mean_interval(some[:, column])) == pytest.approx(tuple(interval))
    assert np.isnan(found[2]).all()
    assert np.isnan(mean_interval([math.nan])).all()
    assert found[5].mean == 0.25
    assert np.isnan(found[5][1:]).all()  # a single image says nothing of others


def test_models_are_averaged_over_the_images_for_which_all_have_a_score() -> None:
    assert mean_of_known(np.array([[1, 2, 6], [4, math.nan, 8]])).tolist() == [3.5, 6]
    assert mean_of_known(np.array([[1, 2], [3, 4]])).tolist() == [1.5, 3.5]
    assert np.isnan(mean_of_known(np.full((2, 3), math.nan))).all()


SCORES = np.random.default_rng(7).uniform(0.5, 0.95, 80)


def test_a_model_and_itself() -> None:
    difference = paired_difference(SCORES, SCORES)
    assert difference == Difference(Interval(0, 0, 0), 1.0, 0, 80, 0, 0.0)


def test_one_always_better_by_a_hundredth() -> None:
    difference = paired_difference(SCORES + 0.01, SCORES)
    assert difference.interval == pytest.approx((0.01, 0.01, 0.01))
    assert (difference.wins, difference.ties, difference.losses, difference.effect) == (80, 0, 0, 1.0)
    assert difference.p < 1e-10
    other_way = paired_difference(SCORES, SCORES + 0.01)
    assert other_way.interval == pytest.approx(difference.reversed.interval)
    assert (other_way.losses, other_way.effect) == (80, -1.0)
    assert other_way.p == pytest.approx(difference.p)


def test_a_single_image_decides_nothing() -> None:
    difference = paired_difference([0.9], [0.5])
    assert difference.interval.mean == pytest.approx(0.4)
    assert (difference.wins, difference.p) == (1, 1.0)
    assert math.isnan(difference.interval.low)
    assert not difference.is_significant(difference.p)


def test_rounding_is_a_tie() -> None:
    difference = paired_difference([0.1 + 0.2, 0.5, 0.9], [0.3, 0.5, 0.8])
    assert (difference.wins, difference.ties, difference.losses) == (1, 2, 0)


def test_the_p_value_is_scipys_and_the_effect_follows_its_definition() -> None:
    random = np.random.default_rng(1)
    ours, theirs = SCORES + random.normal(0.01, 0.03, 80), SCORES
    difference = paired_difference(ours, theirs)
    result = wilcoxon(ours, theirs)
    assert difference.p == pytest.approx(result.pvalue)
    assert abs(difference.effect) == pytest.approx(1 - 4 * result.statistic / (80 * 81))  # the statistic is the smaller sum
    assert difference.effect > 0


@pytest.mark.parametrize(
    "gains", [[1, 2, -2], [1, 1, 1, 1, 1], [-1, 2, 2, 3, 3, -3], [1, -1], [3, -1, 1, 2, -2, 1, 3, -2], [1, 2, -3]]
)
def test_the_p_value_of_few_is_scipys_with_ties_too(gains: list[int]) -> None:
    assert paired_difference(gains, [0] * len(gains)).p == wilcoxon(gains).pvalue


@pytest.mark.parametrize(
    ("raw", "corrected"),
    [
        ([0.01, 0.04, 0.03], [0.03, 0.06, 0.06]),  # 3 × 0.01, then 2 × 0.03, and no less than that
        ([0.005, 0.011, 0.02, 0.04, 0.13], [0.025, 0.044, 0.06, 0.08, 0.13]),
        ([0.6, 0.7], [1.0, 1.0]),
        ([0.02], [0.02]),
        ([], []),
    ],
)
def test_holms_correction(raw: list[float], corrected: list[float]) -> None:
    assert holm(raw) == pytest.approx(corrected)


def test_a_difference_is_not_significant_where_test_and_interval_disagree() -> None:
    gains = np.concatenate([np.full(60, 0.01), [-0.9]])  # nearly always a little better, once far worse
    difference = paired_difference(gains, 0 * gains)
    assert difference.p < 0.001
    assert difference.interval.low < 0 < difference.interval.high
    assert not difference.is_significant(difference.p)


def test_a_mean_against_the_ranks_is_not_significant() -> None:
    gains = np.concatenate([-0.01 - 0.0001 * np.arange(80), 0.3 + 0.001 * np.arange(20)])
    difference = paired_difference(gains, 0 * gains)
    assert difference.p < 0.05
    assert difference.interval.low > 0 > difference.effect
    assert not difference.is_significant(difference.p)


@pytest.mark.parametrize("count", [8, 60, 400])
def test_intervals_are_scipys(count: int) -> None:
    random = np.random.default_rng(count)
    values = np.column_stack([random.beta(8, 1.5, count), random.normal(0.5, 0.2, count)])
    for column, interval in enumerate(mean_intervals(values)):
        expected = bootstrap((values[:, column],), np.mean, n_resamples=9999, method="BCa", rng=np.random.default_rng(1))
        low, high = expected.confidence_interval
        assert interval.mean == pytest.approx(values[:, column].mean())
        assert (interval.low, interval.high) == pytest.approx((low, high), abs=0.06 * (high - low))


def test_resampling_in_chunks_is_as_good(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = mean_interval(SCORES)
    monkeypatch.setattr("seg_core.evaluation.bootstrap.AT_ONCE", 1000)
    assert mean_interval(SCORES) == pytest.approx(expected)
