"""Calibration: the threshold that fits some photographs, and its gain on those that it was not chosen on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from seg_core.errors import InputError
from seg_core.evaluation.calibration import calibrate
from seg_core.evaluation.result import Evaluation
from tests.evaluation.stub import per_image


def evaluation(found: Sequence[Sequence[int]], own: float = 0.5, empty: int = 0) -> Evaluation:
    """Photographs with 4 pixels of lesion, of which 0.25, 0.5 and 0.75 find so many and nothing else; and some without any."""
    count = len(found) + empty
    return Evaluation(
        ids=tuple(f"photo {number}" for number in range(count)),
        thresholds=np.array([0.25, 0.5, 0.75]),
        model_threshold=own,
        true_positive=np.array([*found, *[[0, 0, 0]] * empty]),
        false_positive=np.array([[0, 0, 0]] * len(found) + [[9, 9, 0]] * empty),
        lesion=np.array([4] * len(found) + [0] * empty),
        pixels=np.full(count, 16),
        probability=np.zeros((count, 4)),
        **per_image(count),
    )


WIDE, BETTER, WORSE, SAME = [2, 3, 4], [1, 3, 4], [1, 3, 2], [1, 3, 3]
"""IoU in quarters. The mean gain from 0.5 to 0.75 of k better and m worse is more than its standard error if (k − m)² > k + m."""


@pytest.mark.parametrize(
    ("found", "own", "threshold", "gain", "counts", "worth_it"),
    [
        pytest.param([WIDE] * 10, 0.5, 0.75, 1 / 4, (10, 0, 0), True, id="all gain a quarter"),
        pytest.param([WIDE] * 10, 0.75, 0.75, 0, (0, 10, 0), False, id="the model's own is the best"),
        # Without the worse one 0.75 is chosen, where that one loses a quarter.
        pytest.param([BETTER, BETTER, WORSE, *[SAME] * 7], 0.5, 0.5, -1 / 40, (0, 9, 1), False, id="within a standard error"),
        # Likewise, but the worse one has at 0.75 what it has at 0.25.
        pytest.param(
            [[2, 3, 4], [2, 3, 4], [2, 3, 2], *[[2, 3, 3]] * 7], 0.25, 0.5, 9 / 40, (9, 1, 0), True, id="no farther than needed"
        ),
        # 0.75 is chosen without a worse one, which loses a quarter then, and 0.5 without a better one, which gains nothing.
        pytest.param([*[BETTER] * 5, *[WORSE] * 2, *[SAME] * 3], 0.5, 0.5, -2 / 40, (0, 8, 2), False, id="none on the others"),
        # Each of 9 better ones gains also without itself; the 4 worse ones lose.
        pytest.param([*[BETTER] * 9, *[WORSE] * 4], 0.5, 0.75, 5 / 52, (9, 0, 4), False, id="a gain that is not significant"),
        pytest.param([WIDE] * 120, 0.25, 0.75, 1 / 2, (120, 0, 0), True, id="more photographs than folds"),
    ],
)
def test_the_threshold_that_fits_and_its_gain_on_others(
    found: list[list[int]], own: float, threshold: float, gain: float, counts: tuple[int, int, int], worth_it: bool
) -> None:
    calibration = calibrate(evaluation(found, own))
    assert (calibration.before, calibration.threshold, calibration.is_new) == (own, threshold, threshold != own)
    assert calibration.gain.interval.mean == pytest.approx(gain)
    assert (calibration.gain.wins, calibration.gain.ties, calibration.gain.losses) == counts
    assert calibration.is_worth_it is worth_it
    assert (calibration.sentence.find("worth it") > 0) is worth_it


def test_photographs_without_a_lesion_say_nothing_of_how_one_is_outlined() -> None:
    calibration = calibrate(evaluation([SAME] * 10, empty=6))  # at 0.75, where nothing is marked on them, they would count 1
    assert (calibration.threshold, calibration.without_lesion, len(calibration.ids)) == (0.5, 6, 10)
    assert calibration.ids == tuple(f"photo {number}" for number in range(10))


def test_few_photographs_are_refused() -> None:
    with pytest.raises(InputError, match="needs at least 10 photographs whose mask has a lesion, and there are 9; outline more"):
        calibrate(evaluation([WIDE] * 9, empty=3))
