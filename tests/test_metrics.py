"""Metrics against the challenge's own scoring code, scikit-learn, and values worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sklearn.metrics
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from isic_challenge_scoring import metrics as challenge
from isic_challenge_scoring.confusion import create_binary_confusion_matrix
from PIL import Image

from seg_core import metrics
from tests.helpers import SHARED_DATA

Measure = Callable[[Any, Any], Any]

CHALLENGE: dict[str, Callable[[Any], float]] = {
    "accuracy": challenge.binary_accuracy,
    "iou": challenge.binary_jaccard,
    "dice": challenge.binary_dice,
    "sensitivity": challenge.binary_sensitivity,
    "specificity": challenge.binary_specificity,
    "thresholded_iou": challenge.binary_threshold_jaccard,
}
OURS: dict[str, Measure] = {name: getattr(metrics, name) for name in CHALLENGE}

few_examples = settings(max_examples=60, deadline=None, derandomize=True)


@st.composite
def mask_pairs(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Draw two boolean masks of the same small shape; hypothesis often draws empty and full ones."""
    shape = draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    masks = arrays(np.bool_, shape)
    return draw(masks), draw(masks)


def mask(*rows: str) -> np.ndarray:
    """Make a mask from text, in which # is lesion."""
    return np.array([[pixel == "#" for pixel in row] for row in rows])


def agrees_with_the_challenge(prediction: np.ndarray, truth: np.ndarray) -> None:
    matrix = create_binary_confusion_matrix(truth, prediction)
    expected = {name: float(score(matrix)) for name, score in CHALLENGE.items()}
    one_by_one = {name: float(measure(prediction, truth)) for name, measure in OURS.items()}
    together = {name: float(value) for name, value in metrics.all_metrics(prediction, truth).items()}
    assert one_by_one == pytest.approx(expected, abs=1e-6)
    assert together == pytest.approx(expected, abs=1e-6)


@few_examples
@given(mask_pairs())
def test_metrics_are_those_of_the_challenges_scoring_code(pair: tuple[np.ndarray, np.ndarray]) -> None:
    agrees_with_the_challenge(*pair)


@pytest.mark.parametrize("truth", [0, 1])
@pytest.mark.parametrize("prediction", [0, 1])
def test_empty_and_full_masks_score_as_in_the_challenge(prediction: int, truth: int) -> None:
    agrees_with_the_challenge(np.full((4, 5), bool(prediction)), np.full((4, 5), bool(truth)))


@few_examples
@given(mask_pairs())
def test_numpy_and_torch_give_the_same(pair: tuple[np.ndarray, np.ndarray]) -> None:
    for name in (*OURS, "report_iou", "report_dice", "area_similarity"):
        measure: Measure = getattr(metrics, name)
        tensors = measure(*(torch.from_numpy(one) for one in pair))
        assert isinstance(tensors, torch.Tensor)
        assert tensors.item() == pytest.approx(float(measure(*pair)), abs=1e-6), name


@few_examples
@given(mask_pairs())
def test_metrics_are_those_of_scikit_learn_where_it_defines_them(pair: tuple[np.ndarray, np.ndarray]) -> None:
    prediction, truth = (one.ravel() for one in pair)
    assert float(metrics.accuracy(*pair)) == pytest.approx(sklearn.metrics.accuracy_score(truth, prediction))
    # With 0/0 scikit-learn scores 0 where the challenge scores 1.
    if (prediction | truth).any():
        assert float(metrics.iou(*pair)) == pytest.approx(sklearn.metrics.jaccard_score(truth, prediction))
        assert float(metrics.dice(*pair)) == pytest.approx(sklearn.metrics.f1_score(truth, prediction))
    if truth.any():
        assert float(metrics.sensitivity(*pair)) == pytest.approx(sklearn.metrics.recall_score(truth, prediction))
    if not truth.all():
        assert float(metrics.specificity(*pair)) == pytest.approx(
            sklearn.metrics.recall_score(truth, prediction, pos_label=False)
        )


@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="the real masks (../shared/data) are not here")
@pytest.mark.parametrize(("folder", "count"), [("isic2016-fullres", 3), ("isic2016-256", 12)])
def test_real_masks_at_stored_resolution_score_as_in_the_challenge(folder: str, count: int) -> None:
    files = sorted((SHARED_DATA / folder).glob("*Training_GroundTruth/*.png"))[:count]
    assert len(files) == count
    for number, file in enumerate(files):
        truth = np.asarray(Image.open(file)) >= 128
        shift = tuple(side * number // 50 for side in truth.shape)  # the first prediction is perfect, the others ever worse
        agrees_with_the_challenge(np.roll(truth, shift, axis=(0, 1)), truth)


def test_by_hand() -> None:
    prediction = mask("..#.", ".##.", ".##.", "..#.")
    truth = mask(".#..", ".##.", ".##.", "....")
    # 4 pixels in both, 7 in either, 6 predicted, 5 true, of 16.
    assert float(metrics.accuracy(prediction, truth)) == pytest.approx(13 / 16)
    assert float(metrics.iou(prediction, truth)) == pytest.approx(4 / 7)
    assert float(metrics.dice(prediction, truth)) == pytest.approx(8 / 11)
    assert float(metrics.sensitivity(prediction, truth)) == pytest.approx(4 / 5)
    assert float(metrics.specificity(prediction, truth)) == pytest.approx(9 / 11)
    assert float(metrics.thresholded_iou(prediction, truth)) == 0


def test_the_reports_metrics_by_hand() -> None:
    prediction = mask("..#.", ".##.", ".##.", "..#.")
    truth = mask(".#..", ".##.", ".##.", "....")
    # Column by column: 1 (empty in both), 2 of 3, 2 of 4, 1; and as Dice 1, 4/5, 4/6, 1.
    assert float(metrics.report_iou(prediction, truth)) == pytest.approx((1 + 2 / 3 + 1 / 2 + 1) / 4)
    assert float(metrics.report_dice(prediction, truth)) == pytest.approx((1 + 4 / 5 + 2 / 3 + 1) / 4)


def test_the_reports_metrics_rate_an_empty_prediction_at_the_share_of_columns_without_lesion() -> None:
    truth = mask(".#..", ".##.", ".##.", "....")
    nothing = np.zeros_like(truth)
    assert float(metrics.report_iou(nothing, truth)) == 2 / 4
    assert float(metrics.report_dice(nothing, truth)) == 2 / 4
    assert float(metrics.report_iou(nothing, truth.T)) == 1 / 4  # columns, not rows


@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="the real masks (../shared/data) are not here")
def test_an_empty_prediction_scores_0_484_on_the_reports_scale() -> None:
    files = sorted((SHARED_DATA / "isic2016-256").glob("*Training_GroundTruth/*.png"))
    truth = np.stack([np.asarray(Image.open(file)) >= 128 for file in files])
    assert float(metrics.report_iou(np.zeros_like(truth), truth).mean()) == pytest.approx(0.484, abs=5e-4)


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_an_image_fails_below_an_iou_of_exactly_0_65(library: str) -> None:
    truth = np.ones((4, 5), bool)
    found = [np.arange(20).reshape(4, 5) < count for count in (12, 13, 14)]
    prediction, truths = np.stack(found), np.stack([truth] * 3)
    values = (
        metrics.thresholded_iou(prediction, truths)
        if library == "numpy"
        else metrics.thresholded_iou(torch.from_numpy(prediction), torch.from_numpy(truths))
    )
    assert [float(value) for value in values] == pytest.approx([0, 13 / 20, 14 / 20])


def test_area_similarity_by_hand() -> None:
    two, three = mask("##..", "...."), mask("....", ".###")
    assert float(metrics.area_similarity(two, three)) == 1 - 1 / 5  # wherever they lie
    assert float(metrics.area_similarity(two, mask("....", "..##"))) == 1
    assert [float(metrics.area_similarity(*pair)) for pair in ((two, two & False), (two & False, two))] == [0, 0]
    assert float(metrics.area_similarity(two & False, two & False)) == 1


@few_examples
@given(mask_pairs())
def test_area_similarity_follows_its_definition(pair: tuple[np.ndarray, np.ndarray]) -> None:
    ours, theirs = (int(one.sum()) for one in pair)
    expected = 1 - abs(ours - theirs) / (ours + theirs) if ours + theirs else 1
    assert float(metrics.area_similarity(*pair)) == pytest.approx(expected)


@pytest.mark.parametrize("name", [*CHALLENGE, "report_iou", "report_dice", "area_similarity"])
def test_a_batch_has_one_value_per_image(name: str) -> None:
    random = np.random.default_rng(0)
    prediction, truth = random.random((2, 3, 6, 5)) > 0.3, random.random((2, 3, 6, 5)) > 0.5
    measure: Measure = getattr(metrics, name)
    together = measure(prediction, truth)
    assert together.shape == (2, 3)
    alone = [[float(measure(prediction[i, j], truth[i, j])) for j in range(3)] for i in range(2)]
    np.testing.assert_allclose(together, alone, atol=1e-12)
    on_torch = measure(torch.from_numpy(prediction), torch.from_numpy(truth))
    np.testing.assert_allclose(on_torch.numpy(), alone, atol=1e-6)


def test_masks_of_different_shape_are_refused_rather_than_broadcast() -> None:
    with pytest.raises(ValueError, match=r"prediction \(1, 4\), truth \(4, 4\)"):
        metrics.iou(np.ones((1, 4), bool), np.ones((4, 4), bool))
    with pytest.raises(ValueError, match="different shape"):
        metrics.report_iou(np.ones((1, 4), bool), np.ones((4, 4), bool))
