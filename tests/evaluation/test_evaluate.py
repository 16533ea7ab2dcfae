"""Evaluation: at the size that the masks are stored at, per image, at every threshold, then averaged."""

from __future__ import annotations

from itertools import pairwise
from math import nan
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from isic_challenge_scoring import metrics as challenge
from isic_challenge_scoring.confusion import create_binary_confusion_matrix
from PIL import Image
from sklearn.calibration import calibration_curve
from sklearn.metrics import average_precision_score, roc_auc_score

from seg_core import metrics
from seg_core.common.parallel import MOST_WORKERS
from seg_core.data.folders import Pair
from seg_core.errors import InputError
from seg_core.evaluation import evaluate as evaluation_module
from seg_core.evaluation.boundary import boundary_iou, hausdorff, hausdorff_95, surface_dice
from seg_core.evaluation.evaluate import count, evaluate
from seg_core.evaluation.lesions import lesion_f1
from seg_core.evaluation.result import METRICS, Evaluation
from seg_core.network import build_model
from seg_core.prediction.checkpoint import Checkpoint, load_checkpoint
from seg_core.prediction.checkpoint_file import save_checkpoint
from seg_core.prediction.predictor import Prediction
from tests.evaluation.stub import HUNDREDTHS, PROBABILITY, TRUTH, Stub, mask, write
from tests.helpers import find_pairs, make_dataset, metadata_of, read_mask, tiny_config

pytestmark = pytest.mark.usefixtures("thin_network")

SIZE = (150, 90)  # stored; the network sees 64 × 64


@pytest.fixture
def checkpoint(tmp_path: Path) -> Checkpoint:
    config = tiny_config()
    save_checkpoint(tmp_path / "a.safetensors", build_model(config), metadata_of(config, label="untrained"))
    return load_checkpoint(tmp_path / "a.safetensors")


def by_the_challenge(prediction: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    matrix = create_binary_confusion_matrix(truth, prediction)
    return {
        "accuracy": challenge.binary_accuracy(matrix),
        "iou": challenge.binary_jaccard(matrix),
        "dice": challenge.binary_dice(matrix),
        "sensitivity": challenge.binary_sensitivity(matrix),
        "specificity": challenge.binary_specificity(matrix),
        "thresholded_iou": challenge.binary_threshold_jaccard(matrix),
    }


def test_an_evaluation_is_the_challenges_at_stored_resolution(checkpoint: Checkpoint, tmp_path: Path) -> None:
    pairs = find_pairs(make_dataset(tmp_path / "data", size=SIZE, test=4))
    progress: list[tuple[int, int]] = []
    evaluation = evaluate(checkpoint, pairs, lambda done, total: progress.append((done, total)))
    assert list(evaluation.images) == list(evaluation.ids) == [pair.id for pair in pairs]
    assert progress == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert (evaluation.model_threshold, evaluation.missing, evaluation.notes) == (0.55, (), ())

    for row, pair in enumerate(pairs):
        truth = np.asarray(Image.open(pair.mask)) >= 128
        assert (evaluation.lesion[row], evaluation.pixels[row]) == (truth.sum(), SIZE[0] * SIZE[1])
        predicted = checkpoint.predict(pair.image)
        for threshold in (0.42, 0.5, 0.57):  # an untrained model is never sure
            # By another way than the checkpoint's: every pixel of the photograph looks its probability up between the network's.
            expected = by_the_challenge(bilinear(predicted.probabilities, SIZE) >= threshold, truth)
            scores = {name: values[row] for name, values in evaluation.scores(threshold).items()}
            assert scores == pytest.approx(expected, abs=2e-3)  # a pixel on the threshold may differ
            exactly = by_the_challenge(predicted.mask(threshold), truth)
            assert scores == pytest.approx(exactly, abs=1e-12)
        assert evaluation.images[pair.id] == {name: values[row] for name, values in evaluation.scores(0.55).items()}
    assert evaluation.means == {
        name: pytest.approx(np.mean([scores[name] for scores in evaluation.images.values()])) for name in METRICS
    }


def bilinear(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    def along(axis: int, count: int, values: np.ndarray) -> np.ndarray:
        old = values.shape[axis]
        at = np.clip((np.arange(count) + 0.5) * old / count - 0.5, 0, old - 1)
        below = np.minimum(at.astype(int), old - 2)
        share = np.expand_dims(at - below, 1 - axis)
        between: np.ndarray = np.take(values, below, axis) * (1 - share) + np.take(values, below + 1, axis) * share
        return between

    return along(1, size[0], along(0, size[1], values))


def test_counts_are_those_of_the_mask_at_every_threshold(tmp_path: Path) -> None:
    pairs = find_pairs(make_dataset(tmp_path, size=SIZE, test=2))
    model = Stub({pair.id: np.random.default_rng(seed).random((9, 9)).tolist() for seed, pair in enumerate(pairs)}, 0.123)
    evaluation = evaluate(model, pairs)
    for row, pair in enumerate(pairs):
        truth = np.asarray(Image.open(pair.mask)) >= 128
        prediction = model.predict_pair(pair)
        for column, threshold in enumerate(evaluation.thresholds):
            counted = metrics.counts(prediction.mask(threshold), truth)
            assert counted.true_positive == evaluation.true_positive[row, column]
            assert counted.false_positive == evaluation.false_positive[row, column]


# Probabilities on a threshold, beside it, and far from it; NaN is what a model with broken weights predicts.
ON_A_THRESHOLD = st.sampled_from([np.float32(value) for value in HUNDREDTHS])
BESIDE_A_THRESHOLD = st.builds(np.nextafter, ON_A_THRESHOLD, st.sampled_from([np.float32(0), np.float32(1)]))
PROBABILITIES = ON_A_THRESHOLD | BESIDE_A_THRESHOLD | st.floats(0, 1, width=32) | st.sampled_from([0.0, 1.0, float("nan")])


@st.composite
def predictions(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    shape = draw(st.tuples(st.integers(1, 7), st.integers(1, 7)))
    return draw(arrays(np.float32, shape, elements=PROBABILITIES)), draw(arrays(np.bool_, shape))


@settings(max_examples=80, deadline=None, derandomize=True)
@given(predictions(), st.floats(0.001, 0.999) | st.sampled_from(HUNDREDTHS), st.sampled_from([1, 8, 1 << 20]))
def test_one_look_at_each_pixel_counts_as_a_mask_for_each_threshold(
    case: tuple[np.ndarray, np.ndarray], own: float, at_once: int
) -> None:
    probability, truth = case
    thresholds = np.unique([*HUNDREDTHS, own])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluation_module, "_AT_ONCE", at_once)
        true_positive, false_positive, sums = count(probability, truth, thresholds)
    height, width = truth.shape
    prediction = Prediction(probability, (width, height), own, 0.1)
    expected = [metrics.counts(prediction.mask(threshold), truth) for threshold in thresholds]
    assert true_positive.tolist() == [outcome.true_positive for outcome in expected]
    assert false_positive.tolist() == [outcome.false_positive for outcome in expected]
    edges = [-np.inf, *thresholds.astype(np.float32), np.inf]
    held = np.nan_to_num(probability).astype(np.float64)
    between = [held[(held >= low) & (held < high)].sum() for low, high in pairwise(edges)]
    assert sums == pytest.approx(between)


def test_by_hand_at_another_size_than_the_networks(tmp_path: Path) -> None:
    # The network sees four pixels, the truth is stored at 8 × 8: the left half, and nothing.
    pairs = write(tmp_path, {"a": mask(["####...."] * 8), "b": mask(["........"] * 8)})
    # Probability 1 in the left column and 0 in the right: of eight columns the left four lie at or above one half.
    evaluation = evaluate(Stub({id: [[1, 0], [1, 0]] for id in "ab"}), pairs)
    assert evaluation.images["a"] == dict.fromkeys(METRICS, 1.0)
    assert evaluation.images["b"] == {
        "accuracy": 0.5,
        "iou": 0.0,
        "dice": 0.0,
        "sensitivity": 1.0,  # no lesion to find
        "specificity": 0.5,
        "thresholded_iou": 0.0,
    }
    assert evaluation.means["accuracy"] == 0.75
    # Between the columns the probability falls over four pixels: 1, 1, 7/8, 5/8, 3/8, 1/8, 0, 0.
    assert evaluation.true_positive[0][[evaluation.index(at) for at in (0.2, 0.6, 0.7, 0.9)]].tolist() == [32, 32, 24, 16]
    assert evaluation.false_positive[0][[evaluation.index(at) for at in (0.1, 0.2, 0.6)]].tolist() == [16, 8, 0]


def test_the_thresholds_are_the_hundredths_and_the_models_own(evaluation: Evaluation, tmp_path: Path) -> None:
    assert evaluation.thresholds.tolist() == sorted([*HUNDREDTHS, 1 / 3])
    assert evaluation.model_threshold == 1 / 3
    assert evaluation.means == evaluation.means_at(1 / 3) == evaluation.means_at()
    own_is_one_of_them = evaluate(Stub({"a": PROBABILITY}, threshold=0.7), write(tmp_path / "one", {"a": mask(TRUTH)}))
    assert own_is_one_of_them.thresholds.tolist() == HUNDREDTHS


def test_each_image_has_the_scores_of_its_mask_and_of_its_probabilities(checkpoint: Checkpoint, tmp_path: Path) -> None:
    pairs = find_pairs(make_dataset(tmp_path / "data", size=SIZE, test=2))
    evaluation = evaluate(checkpoint, pairs)
    for row, pair in enumerate(pairs):
        truth, prediction = np.asarray(Image.open(pair.mask)) >= 128, checkpoint.predict(pair.image)
        mask, probability = prediction.mask(), prediction.probability()
        assert {name: values[row] for name, values in evaluation.all_scores.items()} == pytest.approx(
            {
                **evaluation.images[pair.id],
                "boundary_iou": boundary_iou(mask, truth),
                "hausdorff_95": hausdorff_95(mask, truth),
                "surface_dice": surface_dice(mask, truth),
                "hausdorff_px": hausdorff(mask, truth),
                "hausdorff_95_px": hausdorff(mask, truth, 95),
                "lesion_f1": lesion_f1(mask, truth),
                "area_similarity": metrics.area_similarity(mask, truth),
                "auroc": roc_auc_score(truth.ravel(), probability.ravel()),
                "average_precision": average_precision_score(truth.ravel(), probability.ravel()),
            }
        )


def test_without_a_lesion_the_ranking_of_pixels_is_undefined(evaluation: Evaluation) -> None:
    assert evaluation.auroc == pytest.approx([1, nan], nan_ok=True)
    assert evaluation.average_precision == pytest.approx([1, nan], nan_ok=True)
    assert evaluation.only({"a"}).auroc.tolist() == [1]
    # Of 16 pixels 5 are lesion and 6 marked, or 0 and 6: areas differ by 1 of 11, or wholly.
    assert evaluation.all_scores["area_similarity"] == pytest.approx([10 / 11, 0])
    assert evaluation.known_scores(0.5)["area_similarity"] == pytest.approx([1, 0])
    assert evaluation.hausdorff_px[1] == pytest.approx(np.hypot(4, 4))
    assert "hausdorff_px" not in evaluation.known_scores(0.5)


def test_reliability_sets_what_was_predicted_beside_what_is_lesion(tmp_path: Path) -> None:
    # Four pixels of 0.25 of which one is lesion, four of 0.95 of which all are; and a larger image, which counts as much.
    small = mask(["#...", "####"])
    large = np.zeros((20, 20), bool)
    pairs = write(tmp_path, {"large": large, "small": small})
    probabilities = {"small": [[0.25] * 4, [0.95] * 4], "large": [[0.05] * 20] * 20}
    reliability = evaluate(Stub(probabilities), pairs).reliability()
    assert reliability.weight == pytest.approx([0.5, 0, 0.25, 0, 0, 0, 0, 0, 0, 0.25])
    assert reliability.predicted == pytest.approx([0.05, nan, 0.25, nan, nan, nan, nan, nan, nan, 0.95], nan_ok=True)
    assert reliability.found == pytest.approx([0, nan, 0.25, nan, nan, nan, nan, nan, nan, 1], nan_ok=True)
    assert reliability.calibration_error == pytest.approx(0.5 * 0.05 + 0.25 * 0.05)


def test_the_calibration_error_is_that_of_scikit_learns_curve(checkpoint: Checkpoint, tmp_path: Path) -> None:
    pairs = find_pairs(make_dataset(tmp_path / "data", size=SIZE, test=4))  # all of one size, so that pixels count alike there
    predictions = np.concatenate([checkpoint.predict(pair.image).probability().ravel() for pair in pairs])
    truths = np.concatenate([read_mask(pair.mask)[0].ravel() for pair in pairs])
    found, predicted = calibration_curve(truths, predictions, n_bins=10)
    count = np.histogram(predictions, bins=10, range=(0, 1))[0]
    expected = np.average(abs(found - predicted), weights=count[count > 0])
    assert evaluate(checkpoint, pairs).reliability().calibration_error == pytest.approx(expected, abs=1e-6)


def test_the_caller_gets_every_prediction(tmp_path: Path) -> None:
    pairs = write(tmp_path, {id: mask(TRUTH) for id in "abc"})
    got: list[tuple[str, int, float]] = []

    def keep(pair: Pair, prediction: Prediction) -> None:
        got.append((pair.id, len(got), float(prediction.probabilities[0, 0])))

    evaluate(Stub({id: [[value]] for id, value in zip("abc", (0.1, 0.5, 0.9), strict=True)}), pairs, on_prediction=keep)
    assert got == [("a", 0, pytest.approx(0.1)), ("b", 1, 0.5), ("c", 2, pytest.approx(0.9))]


def test_what_progress_raises_ends_an_evaluation(tmp_path: Path) -> None:
    ids = [f"{number:02}" for number in range(40)]
    pairs = write(tmp_path, {id: mask(TRUTH) for id in ids})
    model = Stub(dict.fromkeys(ids, PROBABILITY))

    def stop_at_two(done: int, of: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(model, pairs, stop_at_two)
    assert len(model.asked) <= 2 + 2 * MOST_WORKERS  # some are begun ahead


def test_a_missing_prediction_is_refused_or_left_out(tmp_path: Path) -> None:
    pairs = write(tmp_path, {"a": mask(TRUTH), "b": mask(TRUTH), "c": mask(["...."] * 4)})
    model = Stub({"a": PROBABILITY, "c": PROBABILITY})
    with pytest.raises(InputError, match=r"Stub has no prediction for 1 of the 3 photographs \(b\); add them, or leave"):
        evaluate(model, pairs)
    evaluation = evaluate(model, pairs, allow_missing=True)
    assert (evaluation.ids, evaluation.missing, evaluation.notes) == (("a", "c"), ("b",), ("It is a stub.",))
    assert evaluation.means["accuracy"] == pytest.approx((16 + 11) / 32)
    with pytest.raises(InputError, match="a prediction for none of the 3 photographs"):
        evaluate(Stub({}), pairs, allow_missing=True)


def test_nothing_to_evaluate_is_refused(checkpoint: Checkpoint) -> None:
    with pytest.raises(InputError, match="no photographs to evaluate on"):
        evaluate(checkpoint, [])


def test_a_mask_of_another_size_is_refused_by_name(checkpoint: Checkpoint, tmp_path: Path) -> None:
    pairs = find_pairs(make_dataset(tmp_path / "data", train=1))
    Image.new("L", (30, 20), 255).save(pairs[0].mask)
    with pytest.raises(InputError, match=r"ISIC_0000000\.jpg and ISIC_0000000\.png differ in size"):
        evaluate(checkpoint, pairs)


def test_a_broken_file_is_refused_by_name(checkpoint: Checkpoint, tmp_path: Path) -> None:
    pairs = find_pairs(make_dataset(tmp_path / "data", train=2))
    pairs[1].image.write_bytes(b"no photograph")
    with pytest.raises(InputError, match=r"ISIC_0000001\.jpg is not an image"):
        evaluate(checkpoint, pairs)
