"""Robustness, of models whose masks are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image

from seg_core.data.folders import Pair
from seg_core.evaluation.robustness import largest_square, robustness
from seg_core.prediction.checkpoint import Checkpoint
from seg_core.prediction.predictor import Prediction
from tests.helpers import find_pairs, make_dataset


class Darkness:
    """Marks pixels darker than a cut, and so the lesions of the tests, however they are rotated."""

    def __init__(self, cut: float = 150) -> None:
        self.cut = cut

    def predict(self, photo: np.ndarray) -> Prediction:
        grey = Image.fromarray(photo).convert("L").resize((128, 128), Image.Resampling.BILINEAR)
        return Prediction((np.asarray(grey) < self.cut).astype(np.float32), (photo.shape[1], photo.shape[0]), 0.5, 0.01)


def measured(model: Any, pairs: list[Pair]) -> Any:
    return robustness(cast("Checkpoint", model), pairs)


@pytest.fixture
def pairs(tmp_path: Path) -> list[Pair]:
    return find_pairs(make_dataset(tmp_path, size=(128, 96), test=3))


def test_a_model_that_looks_at_each_pixel_alone_is_robust(pairs: list[Pair]) -> None:
    result = measured(Darkness(), pairs)
    assert list(result.agreement) == ["mirrored", "turned by 90°", "turned by 30°", "half the size", "twice the size"]
    assert result.agreement["mirrored"] > 0.99
    assert min(result.agreement.values()) > 0.93
    assert list(result.iou_drop) == ["warmer", "cooler", "brighter", "darker"]
    assert abs(result.iou_drop["warmer"]) < 0.01
    assert result.iou_drop["darker"] > 0.3  # skin falls below its line
    assert (result.skin, result.unmarked) == (3, 1.0)


class Side:
    """Always calls the left half of the frame lesion."""

    def predict(self, photo: np.ndarray) -> Prediction:
        probabilities = np.zeros((64, 64), np.float32)
        probabilities[:, :32] = 1
        return Prediction(probabilities, (photo.shape[1], photo.shape[0]), 0.5, 0.01)


def test_a_model_that_looks_at_nothing_is_not(pairs: list[Pair]) -> None:
    result = measured(Side(), pairs)
    assert result.agreement["mirrored"] == 0
    assert result.agreement["turned by 90°"] == pytest.approx(1 / 3, abs=0.01)  # a quarter in common, of three
    assert result.agreement["turned by 30°"] == pytest.approx(5 / 7, abs=0.03)  # half-circles 30° apart: 150° of 210°
    assert result.agreement["half the size"] == 1
    assert set(result.iou_drop.values()) == {0}
    assert result.unmarked == 0


def test_progress_is_told_and_large_photographs_are_shrunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seg_core.evaluation.robustness.LONGEST_SIDE", 64)
    sizes: set[tuple[int, ...]] = set()

    class Looks(Darkness):
        def predict(self, photo: np.ndarray) -> Prediction:
            sizes.add(photo.shape[:2])
            return super().predict(photo)

    told: list[tuple[int, int]] = []
    pairs = find_pairs(make_dataset(tmp_path, size=(256, 192), test=2))
    robustness(cast("Checkpoint", Looks()), pairs, lambda done, total: told.append((done, total)))
    assert told == [(1, 2), (2, 2)]
    assert {(48, 64), (64, 48), (24, 32), (96, 128)} <= sizes
    assert max(max(size) for size in sizes) == 128


def test_where_all_is_lesion_there_is_no_skin_to_mark(tmp_path: Path) -> None:
    pairs = find_pairs(make_dataset(tmp_path, size=(64, 64), test=1))
    Image.fromarray(np.full((64, 64), 255, np.uint8)).save(pairs[0].mask)
    result = measured(Darkness(), pairs)
    assert result.skin == 0
    assert np.isnan(result.unmarked)


@pytest.mark.parametrize(
    ("rows", "side", "place"),
    [
        (["...", "...", "..."], 3, (0, 0)),
        (["....#", ".....", ".....", "....."], 3, None),  # several are as large
        (["###", "###"], 0, None),
        (["#####", "#...#", "#...#", "#...#", "#####"], 3, (1, 1)),
        (["#####", "#.###", "###..", "###.."], 1, None),  # the side is odd
    ],
)
def test_the_largest_square_without_lesion(rows: list[str], side: int, place: tuple[int, int] | None) -> None:
    free = np.array([[pixel == "." for pixel in row] for row in rows])
    top, left, found = largest_square(free)
    assert found == side
    assert free[top : top + side, left : left + side].sum() == side * side
    assert place in (None, (top, left))
