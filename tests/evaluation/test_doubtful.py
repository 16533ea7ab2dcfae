"""True masks that may be wrong: their order from pixel counts, and the reasons, on masks drawn by hand."""

from __future__ import annotations

import numpy as np
import pytest

from seg_core.evaluation.doubtful import doubts, reason, usual_size
from tests.evaluation.test_trust import evaluation

SIDE = 40


def box(top: int, bottom: int, left: int, right: int) -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), bool)
    mask[top:bottom, left:right] = True
    return mask


def disk(radius: float, row: float = 19.5, column: float = 19.5) -> np.ndarray:
    y, x = np.mgrid[:SIDE, :SIDE]
    mask: np.ndarray = (y - row) ** 2 + (x - column) ** 2 <= radius**2
    return mask


LESION = box(10, 30, 10, 30)
NONE = np.zeros((SIDE, SIDE), bool)
ROUND = disk(12)


@pytest.mark.parametrize(
    ("truth", "mask", "usual", "kind", "words"),
    [
        (NONE, LESION, 1.0, "nothing", "Marks nothing, where the model's mask takes 25% of the photograph."),
        (box(30, 40, 0, 40), LESION, 1.0, "another place", "Outlines another place: 0% of it lies within the model's mask."),
        (box(10, 30, 24, 38), LESION, 1.0, "another place", "Outlines another place: 43% of it lies within the model's mask."),
        (
            LESION,
            LESION | box(32, 38, 10, 30),
            1.0,
            "missed region",
            "Misses a region, 23% of the model's mask, of which the model is sure.",
        ),
        (
            LESION | box(32, 37, 10, 30),
            LESION,
            1.0,
            "further region",
            "Marks a further region, 20% of it, where the model sees none.",
        ),
        (
            box(10, 30, 10, 20),
            LESION,
            1.0,
            "cut",
            "Ends at a straight edge within the lesion: 0.5 times as large as the model's mask.",
        ),
        (disk(16), ROUND, 1.0, "wide", "Much wider than its kind: 1.8 times as large as the model's mask, where 1.0 is usual."),
        (disk(16), ROUND, 1.8, "outline", "Disagrees along the outline: 1.8 times as large as the model's mask."),
        (
            ROUND,
            disk(16),
            1.0,
            "narrow",
            "Much narrower than its kind: 0.6 times as large as the model's mask, where 1.0 is usual.",
        ),
        (ROUND, ROUND, 1.0, "outline", "Disagrees along the outline: 1.0 times as large as the model's mask."),
    ],
)
def test_the_reason_says_what_is_wrong_and_how_much(
    truth: np.ndarray, mask: np.ndarray, usual: float, kind: str, words: str
) -> None:
    found = reason(truth, np.where(mask, 0.9, 0.1), 0.5, usual)
    assert (found.kind, found.words) == (kind, words)


def test_a_region_that_the_model_is_not_sure_of_is_not_missed() -> None:
    probability = np.where(LESION, 0.9, np.where(box(32, 38, 10, 30), 0.6, 0.1))
    assert reason(LESION, probability, 0.5, 1.0).kind == "outline"


def test_a_model_that_is_unsure_accuses_no_mask() -> None:
    """It expects 0.9 and finds 0.2; expects 0.3 and finds as little; expects 0.8 and finds more."""
    first, second = evaluation([0.9, 0.3], [0.2, 0.2]), evaluation([0.5, 0.5, 0.8], [0.9, 0.9, 0.9])
    found = doubts([first, second])
    # Images 0 and 1 of the second evaluation have the names of those of the first, which counts.
    assert [(each.evaluation, each.row) for each in found] == [(0, 0), (0, 1), (1, 2)]
    # All probability lies in the masks, of 20 pixels; soft IoU is 0.9 and 0.3.
    assert [each.gap for each in found] == pytest.approx([0.7, 0.1, -0.1])
    assert usual_size([first, second]) == pytest.approx(100 / 90)  # of 5, 5 and three times 10/9


def test_where_both_mark_nothing_they_agree() -> None:
    nothing = evaluation([0.0], [0.0])
    object.__setattr__(nothing, "lesion", np.zeros(1, int))
    (found,) = doubts([nothing])
    assert (found.gap, usual_size([nothing])) == (0.0, 1.0)
