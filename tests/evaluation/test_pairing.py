"""Every two models in one score: better, as good within a margin, or open."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import wilcoxon

from seg_core.evaluation.bootstrap import mean_interval
from seg_core.evaluation.columns import COLUMNS, Column
from seg_core.evaluation.pairing import pairings, score_pairings, standing
from tests.evaluation.test_tables import evaluation

HD95 = next(column for column in COLUMNS if column.name == "hausdorff_95")
RANDOM = np.random.default_rng(3)
BASE = RANDOM.uniform(0.6, 0.95, 200)
ROUGH = RANDOM.normal(0, 0.02, 200)


def test_models_that_differ_by_less_than_the_margin_are_as_good_as_each_other() -> None:
    (pairing,) = score_pairings({"A": BASE, "B": BASE + ROUGH - ROUGH.mean() + 0.001})
    assert (pairing.first, pairing.finding) == ("B", "as good within 0.01")
    assert pairing.sentence.startswith("B and A are as good as each other within 0.01: no difference shown")
    assert pairing.outlook == ""  # nothing is open


def test_the_margin_decides_by_two_one_sided_tests() -> None:
    gains = 0.002 + ROUGH - ROUGH.mean()
    low, high = mean_interval(gains)[1:]
    (pairing,) = score_pairings({"A": BASE + gains, "B": BASE}, margin=0.005)
    assert pairing.p_first == pytest.approx(wilcoxon(gains + 0.005).pvalue)
    assert pairing.p_second == pytest.approx(wilcoxon(0.005 - gains).pvalue)
    assert pairing.second_no_worse is (high < 0.005) is True
    (narrow,) = score_pairings({"A": BASE + gains, "B": BASE}, margin=0.003)
    assert low > -0.003  # the first loses nothing, but by how much it is better is open
    assert high > 0.003
    assert (narrow.first_no_worse, narrow.second_no_worse, narrow.finding) == (True, False, "not settled")


def test_a_difference_can_be_significant_and_smaller_than_the_margin() -> None:
    (pairing,) = score_pairings({"A": BASE, "B": BASE + 0.004 + 0.1 * ROUGH})
    assert pairing.finding == "better by less than 0.01"
    assert "B is better than A, though by less than 0.01: score higher by 0.00" in pairing.sentence


def test_where_lower_is_better_the_lower_model_is_first() -> None:
    one, other = evaluation({"a": 50, "b": 60}), evaluation({"a": 50, "b": 60})
    one.hausdorff_95[:], other.hausdorff_95[:] = [0.2, 0.3], [0.1, 0.1]
    (pairing,) = pairings({"far": one, "near": other}, column=HD95)
    assert pairing.first == "near"
    assert pairing.difference.interval.mean == pytest.approx(0.15)
    assert "near has an HD95 lower by 0.150 on average" in pairing.sentence
    (plain,) = score_pairings({"far": [0.2, 0.3], "near": [0.1, 0.1]}, lower_is_better=True)
    assert plain.difference == pairing.difference


def test_images_without_the_score_are_left_out() -> None:
    (pairing,) = pairings({"A": evaluation({"a": 50, "b": 60, "c": 70}), "B": evaluation({"a": 40, "b": 50, "c": 60})})
    assert pairing.images == 3
    unknown = evaluation({"a": 50, "b": 60, "c": 70})
    unknown.hausdorff_95[1] = np.nan
    (pairing,) = pairings({"A": unknown, "B": evaluation({"a": 40, "b": 50, "c": 60})}, column=HD95)
    assert pairing.images == 2


def test_p_values_are_corrected_over_all_pairs() -> None:
    scores = {"A": BASE, "B": BASE + ROUGH, "C": BASE + 0.01 + ROUGH}
    three = {(each.first, each.second): each for each in score_pairings(scores)}
    (alone,) = score_pairings({"B": scores["B"], "C": scores["C"]})
    assert three["C", "B"].p == pytest.approx(3 * alone.p)  # the smallest of three
    assert three["C", "B"].gains == pytest.approx(np.full(200, 0.01))


@pytest.mark.parametrize(
    ("gain", "stands"),
    [
        pytest.param(0.03, "better or as good", id="better"),
        pytest.param(-0.002, "better or as good", id="no worse by the margin"),
        pytest.param(-0.03, "worse", id="worse"),
        pytest.param(-0.009, "not settled", id="open"),
    ],
)
def test_how_one_model_stands_beside_the_others(gain: float, stands: str) -> None:
    noise = 3 * (ROUGH - ROUGH.mean()) if stands == "not settled" else ROUGH - ROUGH.mean()
    found = score_pairings({"new": BASE + gain + noise, "old": BASE, "older": BASE - 0.001})
    assert standing(found, "new") == stands


def test_scores_of_different_images_are_refused() -> None:
    with pytest.raises(ValueError, match="same images"):
        score_pairings({"A": [0.1, 0.2], "B": [0.1]})
    assert score_pairings({"A": [0.1, 0.2]}) == []


def test_verdicts_agree_with_the_bayesian_signed_rank_test_of_baycomp() -> None:
    from baycomp import SignedRankTest

    for shift, spread, finding in ((0.03, 0.02, "better"), (0.0, 0.02, "as good within 0.01"), (0.008, 0.12, "not settled")):
        gains = shift + spread * np.random.default_rng(8).standard_normal(60)
        gains += shift - gains.mean()
        (pairing,) = score_pairings({"A": np.full(60, 0.5) + gains, "B": np.full(60, 0.5)})
        better_by_margin, equivalent, worse = SignedRankTest.probs(
            0.5 + gains, np.full(60, 0.5), rope=0.01, nsamples=10_000, random_state=1
        )
        assert pairing.finding == finding
        assert {"better": better_by_margin, "as good within 0.01": equivalent}.get(finding, 0.96) > 0.95
        if finding == "not settled":
            assert max(better_by_margin, equivalent, worse) < 0.95


@pytest.mark.slow  # autorank imports statsmodels, matplotlib and more
def test_the_p_value_is_that_of_autorank() -> None:
    import pandas as pd
    from autorank import autorank

    for shift in (0.0, 0.01):
        ours, theirs = BASE + shift + ROUGH - ROUGH.mean(), BASE
        found = autorank(pd.DataFrame({"A": ours, "B": theirs}), alpha=0.05, verbose=False, force_mode="nonparametric")
        (pairing,) = score_pairings({"A": ours, "B": theirs})
        one_sided = min(found.pvalue, 1 - found.pvalue)
        assert 2 * one_sided == pytest.approx(pairing.p, rel=1e-6)
        assert pairing.is_better is bool(2 * one_sided < 0.05)


def test_a_score_by_name_is_one_of_the_columns() -> None:
    assert [column.sign for column in COLUMNS].count(-1) == 1
    assert Column("score", "score", lower_is_better=True).higher == "lower"
