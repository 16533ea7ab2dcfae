"""Predictions: masks at a threshold, and the picture that a page shows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from seg_core.prediction.predictor import Prediction


def prediction(rows: Sequence[Sequence[float | np.float32]], size: tuple[int, int]) -> Prediction:
    return Prediction(np.array(rows, np.float32), size, threshold=0.5, seconds=0.1)


@pytest.mark.parametrize("hundredth", range(1, 100))
def test_a_probability_on_the_threshold_is_lesion_whatever_kind_of_number_it_is(hundredth: int) -> None:
    threshold = hundredth / 100
    on_it = np.float32(threshold)
    predicted = prediction([[on_it, np.nextafter(on_it, np.float32(0))]], (2, 1))
    for same in (threshold, np.float64(threshold), np.array([threshold])[0]):
        assert predicted.mask(same).tolist() == [[True, False]]


def test_a_picture_is_the_probability_as_grey() -> None:
    picture = prediction([[0, 0.2, 0.5, 1]], (4, 1)).picture(4)
    assert picture.dtype == np.uint8
    assert picture.tolist() == [[0, 51, 128, 255]]  # 127.5 goes to the side of the lesion


@pytest.mark.parametrize(
    ("size", "longest_side", "shape"),
    [
        ((100, 60), 50, (30, 50)),
        ((60, 100), 50, (50, 30)),
        ((100, 60), 500, (60, 100)),  # never larger than the photograph
        ((400, 1), 100, (1, 100)),
        ((3072, 2304), 640, (480, 640)),
    ],
)
def test_a_picture_has_the_photographs_proportions(size: tuple[int, int], longest_side: int, shape: tuple[int, int]) -> None:
    assert prediction([[0.1, 0.9], [0.3, 0.7]], size).picture(longest_side).shape == shape


def test_a_picture_is_drawn_between_the_networks_pixels() -> None:
    # As of a photograph four pixels wide: 0, 1/4, 3/4, 1.
    assert prediction([[0, 1]], (8, 2)).picture(4).tolist() == [[0, 64, 191, 255]]


def test_the_lesion_of_a_picture_is_that_of_the_mask_but_for_rounding() -> None:
    probabilities = np.linspace(0, 1, 10_000, dtype=np.float32).reshape(100, 100)
    predicted = Prediction(probabilities, (100, 100), 0.5, 0.1)
    for threshold in (0.01, 0.3, 0.5, 0.77, 0.99):
        differs = (predicted.picture(100) >= 255 * threshold) != predicted.mask(threshold)
        assert np.all(np.abs(probabilities[differs] - threshold) <= 0.5 / 255 + 1e-6)
    assert ((predicted.picture(100) >= 127.5) == predicted.mask(0.5)).all()


@pytest.mark.parametrize("size", [(701, 467), (64, 48), (30, 4001), (4001, 30), (48, 64), (1, 1), (128, 96)])
@pytest.mark.parametrize("threshold", [0.0, 0.25, 0.5, 1.0])
def test_a_mask_is_where_the_probability_reaches_the_threshold_to_the_bit(size: tuple[int, int], threshold: float) -> None:
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[:48, :64]
    disc = np.hypot(rows - 20, columns - 25) < 15
    kinds = random.random((48, 64)), random.integers(0, 5, (48, 64)) / 4, disc, np.full((48, 64), threshold)
    for probabilities in kinds:
        prediction = Prediction(probabilities.astype(np.float32), size, threshold, 0.0)
        np.testing.assert_array_equal(prediction.mask(), prediction.probability() >= threshold)


@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (3, 1)])
def test_a_mask_of_few_probabilities_is_enlarged_too(shape: tuple[int, int]) -> None:
    prediction = Prediction(np.linspace(1, 0, shape[0] * shape[1], dtype=np.float32).reshape(shape), (90, 70), 0.5, 0.0)
    np.testing.assert_array_equal(prediction.mask(), prediction.probability() >= 0.5)


def test_between_two_rows_the_mask_ends_where_the_probability_falls_below_the_threshold() -> None:
    # Eight rows of one and zero: 1, 1, 7/8, 5/8, 3/8, 1/8, 0, 0.
    rows = prediction([[1], [0]], (1, 8))
    assert rows.mask(0.625).ravel().tolist() == [True] * 4 + [False] * 4
    assert rows.mask(0.626).ravel().tolist() == [True] * 3 + [False] * 5


def test_what_is_no_number_is_no_lesion() -> None:
    nan = np.float32(np.nan)
    assert not prediction([[0.9, nan], [nan, nan]], (2, 2)).mask().tolist()[1][1]
    assert prediction([[nan, nan], [nan, nan]], (3, 5)).mask().sum() == 0
