"""How sure a model is of a mask."""

from __future__ import annotations

import numpy as np
import pytest

from seg_core.prediction.doubt import soft_iou


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
