"""The result of an evaluation: its scores by hand, and its file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from seg_core.errors import InputError
from seg_core.evaluation.result import MASK_METRICS, METRICS, RANKING_METRICS, Evaluation
from tests.evaluation.stub import per_image


@pytest.mark.parametrize(
    ("threshold", "true_positive", "false_positive"),
    [
        (0.01, 5, 4),  # nine pixels reach it: the five of the lesion, and 0.1, 0.2, 0.3, 0.4
        (0.3, 5, 2),
        (1 / 3, 5, 1),
        (0.5, 5, 0),
        (0.8, 2, 0),  # 0.8 reaches 0.8
        (0.81, 1, 0),
        (0.99, 0, 0),
    ],
)
def test_by_hand_at_several_thresholds(threshold: float, true_positive: int, false_positive: int, evaluation: Evaluation) -> None:
    column = evaluation.index(threshold)
    assert evaluation.true_positive[:, column].tolist() == [true_positive, 0]
    assert evaluation.false_positive[:, column].tolist() == [false_positive, true_positive + false_positive]
    iou = true_positive / (5 + false_positive)
    with_lesion = {
        "accuracy": (11 + true_positive - false_positive) / 16,
        "iou": iou,
        "dice": 2 * true_positive / (5 + true_positive + false_positive),
        "sensitivity": true_positive / 5,
        "specificity": 1 - false_positive / 11,
        "thresholded_iou": iou if threshold in (0.3, 1 / 3, 0.5) else 0,
    }
    # The second image has no lesion: whatever is marked is wrong, nothing marked is right, and nothing can be missed.
    overlap = float(threshold == 0.99)
    without = {"iou": overlap, "dice": overlap, "thresholded_iou": overlap, "sensitivity": 1}
    without |= {"accuracy": 1 - (true_positive + false_positive) / 16, "specificity": 1 - (true_positive + false_positive) / 16}

    scores = evaluation.scores(threshold)
    assert {name: values.tolist() for name, values in scores.items()} == {
        name: pytest.approx([with_lesion[name], without[name]]) for name in METRICS
    }
    mean = {name: pytest.approx((with_lesion[name] + without[name]) / 2) for name in METRICS}
    assert evaluation.means_at(threshold) == mean
    assert {name: evaluation.curve(name)[column] for name in METRICS} == mean


def test_means_by_hand(evaluation: Evaluation) -> None:
    # Five of sixteen pixels are marked, and the first image is right throughout.
    assert evaluation.means_at(0.5) == pytest.approx(
        {"accuracy": 27 / 32, "iou": 1 / 2, "dice": 1 / 2, "sensitivity": 1, "specificity": 27 / 32, "thresholded_iou": 1 / 2}
    )
    assert evaluation.means_at(0.8) == pytest.approx(
        {"accuracy": 27 / 32, "iou": 1 / 5, "dice": 2 / 7, "sensitivity": 7 / 10, "specificity": 15 / 16, "thresholded_iou": 0}
    )


def test_a_threshold_that_was_not_counted_is_refused(evaluation: Evaluation) -> None:
    assert evaluation.index(0.1 + 0.2) == evaluation.index(0.3) == 29
    for threshold in (0.305, 0.0, 1.0, float("nan")):
        with pytest.raises(InputError, match=r"no scores at threshold [\w.]+; choose a hundredth"):
            evaluation.scores(threshold)


def test_means_are_over_images_and_not_over_pixels() -> None:
    # IoU 1/5, 2/5 and 9/10 of lesions of very different size: one half on average.
    true_positive = np.array([[1], [200], [9]])
    lesion = np.array([5, 500, 10])
    evaluation = Evaluation(
        ("a", "b", "c"),
        np.array([0.5]),
        0.5,
        true_positive,
        0 * true_positive,
        lesion,
        2 * lesion,
        np.zeros((3, 2)),
        **per_image(3),
    )
    assert evaluation.means["iou"] == pytest.approx(0.5)
    assert evaluation.curve("iou") == pytest.approx([0.5])


def test_counts_of_other_shapes_are_no_evaluation() -> None:
    one = np.array([1])
    with pytest.raises(ValueError, match=r"1 images and 1 thresholds"):
        Evaluation(("a",), np.array([0.5]), 0.5, one, one, one, one, one, **per_image(1))
    with pytest.raises(ValueError, match=r"1 images and 1 thresholds"):
        Evaluation(("a",), np.array([0.5]), 0.5, one[:, None], one[:, None], one, one, np.zeros((1, 2)), **per_image(2))


def same(one: Evaluation, other: Evaluation) -> bool:
    arrays = ("thresholds", "true_positive", "false_positive", "lesion", "pixels", *MASK_METRICS)
    alike = all(np.array_equal(getattr(one, name), getattr(other, name)) for name in arrays)
    alike &= all(np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True) for name in RANKING_METRICS)
    return alike and all(getattr(one, name) == getattr(other, name) for name in ("ids", "model_threshold", "missing", "notes"))


def test_what_is_saved_is_loaded(evaluation: Evaluation, tmp_path: Path) -> None:
    file = tmp_path / "new" / "folder" / "scores.npz"
    evaluation.save(file)
    loaded = Evaluation.load(file)
    assert same(loaded, evaluation)
    assert loaded.true_positive.dtype == loaded.lesion.dtype == np.int64
    assert loaded.means == evaluation.means
    assert [path.name for path in file.parent.iterdir()] == ["scores.npz"]

    with np.load(file) as archive:  # files of older versions have these names
        names = {"format", "own", "ids", "missing", "notes", "thresholds", "true_positive", "false_positive", "lesion", "pixels"}
        others = {"surface_dice", "hausdorff_px", "hausdorff_95_px", "lesion_f1", "auroc", "average_precision"}
        assert set(archive) == names | {"probability", "boundary_iou", "hausdorff_95"} | others

    odd = replace(evaluation, ids=("ä [1]", "b\udcff"), missing=("c",), notes=())
    odd.save(file)
    assert same(Evaluation.load(file), odd)


def test_an_interrupted_save_leaves_the_old_file(evaluation: Evaluation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "scores" / "scores.npz"
    evaluation.save(file)
    before = file.read_bytes()

    def write_half(target: object, **_: object) -> None:
        target.write(b"PK half")  # type: ignore[attr-defined]
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez_compressed", write_half)
    with pytest.raises(KeyboardInterrupt):
        evaluation.save(file)
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]


def spoil_text(file: Path) -> None:
    file.write_text("no archive")


def spoil_empty(file: Path) -> None:
    file.write_bytes(b"")


def spoil_end(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-200])


def spoil_middle(file: Path) -> None:
    content = bytearray(file.read_bytes())
    half = len(content) // 2
    content[half : half + 100] = bytes(100)
    file.write_bytes(content)


def spoil_pickle(file: Path) -> None:
    with np.load(file) as archive:
        values = dict(archive)
    np.savez(file, **{**values, "ids": np.array(["a", "b"], object)})


def spoil_array(file: Path) -> None:
    with file.open("wb") as target:
        np.save(target, np.zeros(3))


def spoil_version(file: Path) -> None:
    with np.load(file) as archive:
        values = dict(archive)
    np.savez(file, **{**values, "format": np.array(99)})


def spoil_counts(file: Path) -> None:
    with np.load(file) as archive:
        values = dict(archive)
    values.pop("lesion")
    np.savez(file, **values)


@pytest.mark.parametrize(
    "spoil",
    [spoil_text, spoil_empty, spoil_end, spoil_middle, spoil_pickle, spoil_array, spoil_version, spoil_counts],
    ids=lambda spoil: spoil.__name__.removeprefix("spoil_"),
)
def test_what_is_no_evaluation_is_refused(spoil: Callable[[Path], None], evaluation: Evaluation, tmp_path: Path) -> None:
    file = tmp_path / "scores.npz"
    evaluation.save(file)
    spoil(file)
    with pytest.raises(InputError, match=r"scores\.npz is no evaluation of this version of LesionLab, or is damaged; evaluate"):
        Evaluation.load(file)


def test_an_evaluation_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.npz cannot be read \(No such file or directory\); evaluate again"):
        Evaluation.load(tmp_path / "none.npz")
