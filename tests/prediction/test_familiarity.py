"""Photographs that are unlike those that trained a model."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from seg_core.prediction.familiarity import DIRECTIONS, Familiarity, learn

FEATURES = 60


def photographs(count: int, seed: int, spread: float = 1.0) -> np.ndarray:
    """Features (N, 60) that vary in ten directions, and by ``spread`` besides."""
    common = np.random.default_rng(0).normal(size=(10, FEATURES))
    random = np.random.default_rng(seed)
    noise = random.normal(size=(count, FEATURES)) * 0.3 * spread
    return 5 + random.normal(size=(count, 10)) @ common + noise


def test_photographs_of_another_kind_are_unlike_those_that_trained() -> None:
    values = learn(photographs(300, seed=1), photographs(100, seed=2))
    assert values is not None
    known = Familiarity.of(values, FEATURES)
    assert known.directions.shape == (DIRECTIONS, FEATURES)
    assert known.directions @ known.directions.T == pytest.approx(np.eye(DIRECTIONS), abs=0.01)
    like, unlike = (np.mean([known.is_unlike(each) for each in photographs(500, 3, spread)]) for spread in (1, 2))
    assert like == pytest.approx(0.02, abs=0.03)
    assert unlike > 0.95


def test_the_distance_is_what_the_directions_leave() -> None:
    known = Familiarity(np.array([1.0, 1, 1]), np.array([1.0, 2, 1]), np.array([[1.0, 0, 0]]), limit=1.0)
    features = np.array([[9.0, 1, 1], [1, 5, 1], [1, 3, 2]])
    assert known.distance(features).tolist() == pytest.approx([0, 4 / 3, 2 / 3])
    assert [known.is_unlike(each) for each in features] == [False, True, False]


def test_too_few_photographs_teach_nothing() -> None:
    assert learn(photographs(99, seed=1), photographs(100, seed=2)) is None
    assert learn(photographs(100, seed=1), photographs(19, seed=2)) is None


@pytest.mark.parametrize(
    "numbers",
    [
        "not base64!",
        base64.b64encode(b"\0" * 7).decode(),
        base64.b64encode(np.ones(FEATURES + 1, "<f2").tobytes()).decode(),
        base64.b64encode(np.zeros((3, FEATURES), "<f2").tobytes()).decode(),
        base64.b64encode(np.full((3, FEATURES), np.nan, "<f2").tobytes()).decode(),
        "",
    ],
)
def test_numbers_that_do_not_fit_are_refused(numbers: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Familiarity.of({"photographs": 100, "numbers": numbers, "limit": 1.0}, FEATURES)
