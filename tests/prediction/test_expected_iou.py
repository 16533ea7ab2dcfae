"""The IoU to expect of a mask, and the bound that most masks reach."""

from __future__ import annotations

import numpy as np
import pytest

from seg_core.prediction.expected_iou import COVERAGE, STEPS, ExpectedIou, expected_iou, fit, reached, soft_iou


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [
        ([[0.9, 0.6], [0.4, 0.1]], 1.5 / 2.5),  # 1.5 of the lesion is marked; 2 pixels are, and 0.5 of it is not
        ([[1.0, 1.0], [0.0, 0.0]], 1.0),
        ([[0.5, 0.0], [0.0, 0.0]], 0.5),  # a probability equal to the threshold is marked
        ([[0.4, 0.4], [0.4, 0.4]], 0.0),
        ([[0.0, 0.0], [0.0, 0.0]], 0.0),
    ],
)
def test_the_expected_iou(probabilities: list[list[float]], expected: float) -> None:
    assert soft_iou(np.array(probabilities, np.float32), 0.5) == pytest.approx(expected, abs=1e-6)


def masks_of(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Soft IoU and IoU of a model that is surer than it should be, and the more uncertain the less sure it is."""
    random = np.random.default_rng(seed)
    soft = random.beta(6, 2, count)
    iou = np.clip(soft - 0.1 + random.normal(0, 1, count) * 0.3 * (1.05 - soft), 0, 1)
    return soft, iou


@pytest.mark.parametrize("count", [60, 400])
def test_the_bound_holds_on_nine_of_ten_new_masks(count: int) -> None:
    new_soft, new_iou = masks_of(5000, seed=99)
    held = []
    for seed in range(20):
        learnt = fit(*masks_of(count, seed), "clinic")
        assert learnt is not None
        held.append(reached(learnt, new_soft, new_iou).mean())
    assert np.mean(held) == pytest.approx(COVERAGE, abs=0.02)
    assert min(held) > 0.75


def test_what_is_learnt_is_a_rising_curve_with_a_bound_below_it() -> None:
    learnt = fit(*masks_of(400, seed=0), "clinic")
    assert learnt is not None
    mean, low = np.array(learnt["mean"]), np.array(learnt["low"])
    assert (learnt["dataset"], learnt["photographs"], len(mean), len(low)) == ("clinic", 400, STEPS, STEPS)
    assert (np.diff(mean) >= 0).all()
    assert (low <= mean).all()
    assert np.interp(0.8, np.linspace(0, 1, STEPS), mean) == pytest.approx(0.7, abs=0.04)
    assert mean[0] == 0  # far below what was seen, nothing is promised
    assert expected_iou(learnt, 0.5).mean == pytest.approx(mean[25])
    assert expected_iou(learnt, 0.51).low == pytest.approx((low[25] + low[26]) / 2, abs=1e-9)


def test_perfect_masks_promise_no_perfect_bound_and_few_masks_promise_nothing() -> None:
    learnt = fit(np.full(30, 0.9), np.full(30, 0.8), "clinic")
    assert learnt is not None
    assert expected_iou(learnt, 0.9)[:2] == pytest.approx((0.8, 0.8))
    assert expected_iou(learnt, 0.45).mean == pytest.approx(0.4, abs=1e-3)
    assert fit(np.full(19, 0.9), np.full(19, 0.8), "clinic") is None


def test_the_words_say_when_to_look() -> None:
    assert ExpectedIou(0.842, 0.651).words() == "expected IoU 0.84, at least 0.65"
    assert ExpectedIou(0.842, 0.649).words() == "expected IoU 0.84, at least 0.64: look at this one"
    assert ExpectedIou(0.842, 0.651, unlike=True).words() == (
        "expected IoU 0.84, at least 0.65: look at this one, since the photograph is unlike those that trained the model"
    )
    assert ExpectedIou(0.842, 0.651).words(look_below=0.7) == "expected IoU 0.84, at least 0.65: look at this one"
