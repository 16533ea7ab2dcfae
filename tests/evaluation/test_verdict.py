"""What a comparison shows, in sentences."""

from __future__ import annotations

import numpy as np
import pytest

from seg_core.evaluation.bootstrap import Interval
from seg_core.evaluation.confidence import Difference, paired_difference
from seg_core.evaluation.verdict import calibration_verdict, reaches, signed, verdict

BETTER = Difference(Interval(0.013, 0.006, 0.0203), 0.0001, 91, 15, 40, 0.4)
UNCLEAR = Difference(Interval(0.0031, -0.0042, 0.0114), 0.2, 70, 16, 60, 0.1)
COUNTS = "better on 70, worse on 60, equal on 16"


@pytest.mark.parametrize(
    ("difference", "p", "sentence"),
    [
        pytest.param(
            BETTER,
            0.0001,
            "B is better than A: IoU higher by 0.013 (0.006 to 0.020) on average; better on 91, worse on 40, equal on 15; "
            "statistically significant.",
            id="better",
        ),
        pytest.param(
            UNCLEAR,
            0.2,
            "No difference shown between B and A; it may lie between −0.004 and +0.011. "
            f"B has an IoU higher by 0.003 on average; {COUNTS}; not statistically significant.",
            id="nothing shown",
        ),
        pytest.param(
            UNCLEAR._replace(interval=Interval(0.0031, 0.0002, 0.0061)),
            0.3,
            "No difference shown between B and A; it may lie between +0.000 and +0.006. "
            f"B has an IoU higher by 0.003 on average; {COUNTS}; not statistically significant: "
            "the interval excludes 0, but the Wilcoxon test finds nothing (p = 0.30).",
            id="only the interval",
        ),
        pytest.param(
            UNCLEAR._replace(effect=-0.3),
            0.01,
            "No difference shown between B and A; it may lie between −0.004 and +0.011. "
            f"B has an IoU higher by 0.003 on average; {COUNTS}; not statistically significant: "
            "the Wilcoxon test finds a difference in ranks, but the interval of the mean includes 0.",
            id="only the test",
        ),
        pytest.param(
            BETTER._replace(effect=-0.3),
            0.01,
            "No difference shown between B and A; it may lie between +0.006 and +0.020. B has an IoU higher by 0.013 on average; "
            "better on 91, worse on 40, equal on 15; not statistically significant: mean and ranks point in opposite directions.",
            id="opposite directions",
        ),
        pytest.param(
            Difference(Interval(0, 0, 0), 1.0, 0, 80, 0, 0.0), 1.0, "B and A score the same on every photograph.", id="the same"
        ),
        pytest.param(
            Difference(Interval(0.4, np.nan, np.nan), 1.0, 1, 0, 0, 1.0),
            1.0,
            "A single photograph shows no difference between B and A: there, B has an IoU higher by 0.400.",
            id="one photograph",
        ),
        pytest.param(
            BETTER._replace(interval=Interval(0.0004, 0.0001, 0.0007)),
            0.001,
            "B is better than A: IoU higher by less than 0.001 (0.000 to 0.001) on average; better on 91, worse on 40, "
            "equal on 15; statistically significant.",
            id="very small",
        ),
    ],
)
def test_a_sentence_says_which_is_better_from_its_own_side(difference: Difference, p: float, sentence: str) -> None:
    assert verdict("B", "A", difference, p) == sentence
    assert verdict("A", "B", difference.reversed, p) == sentence.replace("B and A score the same", "A and B score the same")


def test_a_hair_better_on_most_and_far_worse_on_one_is_not_called_better() -> None:
    gains = np.concatenate([np.full(60, 0.01), [-0.9]])
    difference = paired_difference(gains, 0 * gains)
    sentence = verdict("A", "B", difference, difference.p)
    assert sentence.startswith("No difference shown between B and A; it may lie between −0.010 and +0.0")
    assert "better on 1, worse on 60, equal on 0; not statistically significant: the Wilcoxon test finds" in sentence


def test_one_model_alone_has_an_answer() -> None:
    iou, dice = Interval(0.8661, 0.85, 0.8804), Interval(0.92, 0.9, 0.93)
    assert reaches("A", iou, dice, "146 test photographs") == (
        "A reaches a mean IoU of 0.866 (95 % interval 0.850 to 0.880) and a mean Dice of 0.920 on 146 test photographs."
    )
    assert "0.866 and a mean" in reaches("A", Interval(0.8661, np.nan, np.nan), dice, "one photograph")


def test_signs() -> None:
    assert [signed(-0.0042), signed(0.0114), signed(0.25, 2)] == ["−0.004", "+0.011", "+0.25"]


@pytest.mark.parametrize(
    ("threshold", "gain", "sentence"),
    [
        (
            0.8,
            BETTER,
            "0.55 → 0.80 gains 0.013 (0.006 to 0.020) IoU; worth it: better on 91, worse on 40, equal on 15; "
            "statistically significant.",
        ),
        (
            0.6,
            UNCLEAR,
            f"0.55 → 0.60: no gain shown; it may lie between −0.004 and +0.011 IoU, +0.003 on average; {COUNTS}; "
            "not statistically significant.",
        ),
        (0.55, UNCLEAR, "0.55 fits: in cross-validation on 1,146 photographs, no other threshold gains IoU."),
    ],
)
def test_a_calibration_says_whether_it_is_worth_it(threshold: float, gain: Difference, sentence: str) -> None:
    assert calibration_verdict(0.55, threshold, 1146, gain) == sentence
