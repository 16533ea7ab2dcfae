"""Evaluation: at the size that the masks are stored at, per image, then averaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from isic_challenge_scoring import metrics as challenge
from isic_challenge_scoring.confusion import create_binary_confusion_matrix
from PIL import Image

from seg_core.checkpoint import Checkpoint, Prediction, load_checkpoint, save_checkpoint
from seg_core.data.folders import find_pairs
from seg_core.errors import InputError
from seg_core.evaluation import METRICS, Evaluation, evaluate
from seg_core.model import build_model
from tests.helpers import make_dataset, tiny_config

pytestmark = pytest.mark.usefixtures("thin_decoder")

SIZE = (150, 90)  # stored; the network sees 64 × 64


@pytest.fixture
def checkpoint(tmp_path: Path) -> Checkpoint:
    config = tiny_config()
    metadata = {"name": "", "label": "untrained", "config": config.model_dump()}
    save_checkpoint(tmp_path / "a.safetensors", build_model(config), metadata)
    return load_checkpoint(tmp_path / "a.safetensors")


def test_an_evaluation_is_the_challenges_at_stored_resolution(checkpoint: Checkpoint, tmp_path: Path) -> None:
    pairs = find_pairs(make_dataset(tmp_path / "data", size=SIZE, test=4))
    progress: list[tuple[int, int]] = []
    evaluation = evaluate(checkpoint, pairs, lambda done, total: progress.append((done, total)))
    assert list(evaluation.images) == [pair.id for pair in pairs]
    assert progress == [(1, 4), (2, 4), (3, 4), (4, 4)]

    for pair in pairs:
        truth = np.asarray(Image.open(pair.mask)) >= 128
        small = checkpoint.predict(pair.image).probabilities
        # By another way than the checkpoint's own: every pixel of the photograph looks its probability up between the network's.
        prediction = bilinear(small, SIZE) >= 0.5
        matrix = create_binary_confusion_matrix(truth, prediction)
        expected = {
            "accuracy": challenge.binary_accuracy(matrix),
            "iou": challenge.binary_jaccard(matrix),
            "dice": challenge.binary_dice(matrix),
            "sensitivity": challenge.binary_sensitivity(matrix),
            "specificity": challenge.binary_specificity(matrix),
            "thresholded_iou": challenge.binary_threshold_jaccard(matrix),
        }
        assert evaluation.images[pair.id] == pytest.approx(expected, abs=2e-3)  # a pixel on the threshold may differ
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


def test_by_hand(checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The network sees four pixels, the truth is stored at 8 × 8: the left half, and nothing.
    for name, columns in (("a", 4), ("b", 0)):
        mask = np.zeros((8, 8), np.uint8)
        mask[:, :columns] = 255
        for folder, pixels in (("images", np.zeros((8, 8, 3), np.uint8)), ("masks", mask)):
            (tmp_path / folder).mkdir(exist_ok=True)
            Image.fromarray(pixels).save(tmp_path / folder / f"{name}.png")
    # Probability 1 in the left column and 0 in the right: of eight columns the left four lie at or above one half.
    prediction = Prediction(np.array([[1, 0], [1, 0]], np.float32), (8, 8), 0.5, 0.1)
    monkeypatch.setattr(Checkpoint, "predict", lambda self, image: prediction)
    evaluation = evaluate(checkpoint, find_pairs(tmp_path))
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


def test_means_are_over_images_and_not_over_pixels() -> None:
    scores = [dict.fromkeys(METRICS, value) for value in (0.2, 0.4, 0.9)]
    assert Evaluation(dict(zip("abc", scores, strict=True))).means["iou"] == pytest.approx(0.5)


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
