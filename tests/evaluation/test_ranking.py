"""AUROC and average precision of pixels, against scikit-learn and values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import average_precision_score, roc_auc_score

from seg_core.evaluation.ranking import ranking_scores


def scores(lesion: list[float], skin: list[float]) -> tuple[float, float]:
    truth = np.array([[True] * len(lesion) + [False] * len(skin)])
    return ranking_scores(np.array([[*lesion, *skin]], np.float32), truth)


@pytest.mark.parametrize(
    ("lesion", "skin", "auroc", "precision"),
    [
        ([0.9, 0.7], [0.8, 0.1], 3 / 4, 1 / 2 * 1 + 1 / 2 * 2 / 3),  # three of four pairs; the second comes third of all
        ([0.9, 0.8], [0.2, 0.1, 0], 1, 1),
        ([0.1], [0.9, 0.8, 0.7], 0, 1 / 4),
        ([0.5], [0.5], 1 / 2, 1 / 2),  # a tie counts half
        ([1, 1, 0], [1, 0, 0, 0, 0], (2 / 3 + 4 / 5) / 2, 2 / 3 * 2 / 3 + 1 / 3 * 3 / 8),  # a mask: one point between the ends
    ],
)
def test_by_hand(lesion: list[float], skin: list[float], auroc: float, precision: float) -> None:
    assert scores(lesion, skin) == pytest.approx((auroc, precision))


def test_without_lesion_or_without_skin_both_are_undefined() -> None:
    assert np.isnan([scores([], [0.1, 0.9]), scores([0.1, 0.9], [])]).all()


SHAPE = (6, 7)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    arrays(np.float32, SHAPE, elements=st.floats(0, 1, width=32) | st.sampled_from([0, 0.25, 0.5, 1])),
    arrays(np.bool_, SHAPE),
)
def test_both_are_scikit_learns(probability: np.ndarray, truth: np.ndarray) -> None:
    assume(0 < truth.sum() < truth.size)
    for values in (probability, (probability >= 0.5).astype(np.float32)):
        expected = [score(truth.ravel(), values.ravel()) for score in (roc_auc_score, average_precision_score)]
        assert ranking_scores(values, truth) == pytest.approx(expected)


def test_what_is_no_number_counts_as_0() -> None:
    assert scores([0.9, float("nan")], [0.5, 0.0]) == scores([0.9, 0.0], [0.5, 0.0])
