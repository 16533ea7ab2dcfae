"""Better, no worse within a margin, worse, or not shown: on values worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import wilcoxon

from seg_core.errors import InputError
from seg_core.evaluation.evaluate import evaluate
from seg_core.evaluation.improvement import checked_margin, improvement, improvement_of
from tests.evaluation.stub import PROBABILITY, TRUTH, Stub, mask, write

BEFORE = np.linspace(0.7, 0.9, 10)


@pytest.mark.parametrize(
    ("gains", "outcome", "begins"),
    [
        ([0.02, 0.03, 0.01, 0.04, 0.02, 0.03, 0.02, 0.01, 0.03, 0.02], "better", "Better: mean IoU 0.800 before and 0.823 after"),
        ([0.0] * 10, "no worse", "No worse within 0.01, and not shown to be better: mean IoU 0.800 before and 0.800 after"),
        ([0.002, -0.003] * 5, "no worse", "No worse within 0.01, and not shown to be better: mean IoU 0.800 before and 0.799"),
        ([-0.004, -0.003, -0.005, -0.006, -0.004] * 2, "no worse", "No worse within 0.01, though lower: mean IoU 0.800"),
        ([-0.03, -0.02, -0.04, -0.02, -0.03] * 2, "worse", "Worse: mean IoU 0.800 before and 0.772 after"),
        ([0.04, -0.05] * 5, "not shown", "Not shown to be better, nor to be no worse within 0.01: mean IoU 0.800"),
        # The interval of a mean of two values says little, and Wilcoxon's test of five nothing.
        ([0.02] * 5, "not shown", "Not shown to be better"),
        ([0.02] * 6, "better", "Better"),
    ],
)
def test_the_verdict_follows_from_interval_and_test(gains: Sequence[float], outcome: str, begins: str) -> None:
    before = BEFORE[: len(gains)]
    found = improvement_of(before, before + gains, 0.01)
    assert found.outcome == outcome
    assert found.sentence.startswith(begins)
    mean, low, high = found.difference.interval
    assert mean == pytest.approx(np.mean(gains))
    if outcome == "no worse":
        assert low > -0.01
    if outcome == "worse":
        assert high < 0


def test_a_loss_as_large_as_the_margin_is_not_excluded() -> None:
    gains = np.full(10, -0.01)
    assert improvement_of(BEFORE, BEFORE + gains, 0.01).outcome == "worse"
    assert improvement_of(BEFORE, BEFORE + gains, 0.02).outcome == "no worse"  # the interval is −0.01 alone


def test_non_inferiority_is_a_test_against_the_margin() -> None:
    """Ten gains whose shifted signed ranks are summed by hand: one of −0.03 + 0.01 has rank 5, so W = 5 of 55."""
    gains = np.array([0.001, 0.002, 0.003, 0.004, -0.03, 0.011, 0.012, 0.013, 0.014, 0.015])
    shifted = gains + 0.01
    assert np.argsort(np.argsort(np.abs(shifted)))[4] == 4
    assert wilcoxon(shifted).statistic == 5
    found = improvement_of(BEFORE, BEFORE + gains, 0.01)
    assert found.is_no_worse == (wilcoxon(shifted).pvalue < 0.05 and found.difference.interval.low > -0.01)
    assert found.outcome == "no worse"


def test_the_sentence_and_its_values() -> None:
    gains = [0.02, 0.03, 0.01, 0.04, 0.02, 0.03, 0.02, 0.01, 0.03, 0.02]
    found = improvement_of(BEFORE, BEFORE + gains, 0.01)
    _, low, high = found.difference.interval
    assert found.sentence == (
        f"Better: mean IoU 0.800 before and 0.823 after on 10 held-out photographs, +0.023 (+{low:.3f} to +{high:.3f}); "
        "better on 10, worse on 0, equal on 0; statistically significant."
    )
    values = found.to_json()
    assert values["outcome"] == "better"
    assert (values["n"], values["better"], values["worse"], values["margin"]) == (10, 10, 0, 0.01)
    assert values["difference"] == {"mean": pytest.approx(0.023), "low": low, "high": high}


def test_a_single_photograph_shows_nothing() -> None:
    found = improvement_of([0.5], [0.9], 0.01)
    assert found.sentence == (
        "Not shown to be better, nor to be no worse within 0.01: mean IoU 0.500 before and 0.900 after on 1 held-out "
        "photograph, +0.400; better on 1, worse on 0, equal on 0."
    )
    assert found.to_json()["difference"] == {"mean": pytest.approx(0.4), "low": None, "high": None}


@pytest.mark.parametrize("margin", [0, -0.01, 0.3, float("nan")])
def test_a_margin_that_is_none_is_refused(margin: float) -> None:
    with pytest.raises(
        InputError, match=r"^The margin cannot be .*; give a loss in IoU above 0 and up to 0\.2, such as 0\.01\.$"
    ):
        checked_margin(margin)
    assert checked_margin(0.02) == 0.02


def test_each_model_is_scored_at_its_own_threshold(tmp_path: Path) -> None:
    pairs = write(tmp_path, {"a": mask(TRUTH)})
    before, after = (evaluate(Stub({"a": PROBABILITY}, threshold), pairs) for threshold in (0.85, 0.55))
    found = improvement(before, after, 0.01)
    assert (found.before, found.after) == (1 / 5, 4 / 5)  # one pixel of the five, and four
    with pytest.raises(ValueError, match="different photographs"):
        improvement(before, replace(after, ids=("b",)), 0.01)
