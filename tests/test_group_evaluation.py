"""Groups scored as one: what a mean over models is, and what varies between them."""

from __future__ import annotations

import numpy as np
import pytest

from seg_core.comparison import pairings, score_rows
from seg_core.group_evaluation import GroupEvaluation
from seg_core.statistics import group_intervals
from tests.test_score_table import FIRST, IDS, LOWER, SECOND, evaluation

THREE = GroupEvaluation(tuple(evaluation({id: value + more for id, value in LOWER.items()}) for more in (0, 2, 7)))
FOLDS = GroupEvaluation(
    tuple(evaluation({id: LOWER[id] for id in IDS[fold::2]}, boundary=boundary) for fold, boundary in enumerate((0.5, 0.25)))
)


def test_a_score_is_the_mean_over_the_models() -> None:
    assert THREE.is_crossed
    assert THREE.ids == FIRST.ids
    assert THREE.scores()["iou"] == pytest.approx(FIRST.scores()["iou"] + 0.03)
    assert THREE.table("iou") - FIRST.scores()["iou"] == pytest.approx(np.repeat([[0.0], [0.02], [0.07]], 40, axis=1))
    assert THREE.means_of_members("iou") == pytest.approx([0.695, 0.715, 0.765])
    assert THREE.curve("iou") == pytest.approx([0.725])
    assert (THREE.lesion == 100).all()


def test_on_folds_each_image_has_the_score_of_the_model_that_did_not_train_on_it() -> None:
    assert not FOLDS.is_crossed
    assert sorted(FOLDS.ids) == sorted(IDS)
    assert dict(zip(FOLDS.ids, FOLDS.scores()["iou"].tolist(), strict=True)) == pytest.approx(
        dict(zip(FIRST.ids, FIRST.scores()["iou"].tolist(), strict=True))
    )
    assert FOLDS.own_scores["boundary_iou"].mean() == pytest.approx(0.375)
    assert FOLDS.curve("iou") == pytest.approx(FIRST.curve("iou"))
    with pytest.raises(ValueError, match="not every model"):
        FOLDS.table("iou")


def test_reliability_weighs_images_alike() -> None:
    whole, parts = FIRST.reliability(), FOLDS.reliability()
    assert parts.weight == pytest.approx(whole.weight)
    for ours, theirs in ((parts.found, whole.found), (parts.predicted, whole.predicted)):
        np.testing.assert_allclose(ours, theirs)


def test_an_interval_over_models_and_images_is_wider_than_over_images_alone() -> None:
    (of_group,), _ = group_intervals([THREE.table("iou")])
    (of_mean,), _ = group_intervals([THREE.table("iou").mean(axis=0)[None]])
    assert of_group.mean == pytest.approx(of_mean.mean)
    assert of_group.low < of_mean.low < of_mean.high < of_group.high
    # Models and images vary independently here, so the variances of the two add up: of the mean of 3 and of 40.
    (_, draws), (_, alone) = group_intervals([THREE.table("iou")]), group_intervals([THREE.table("iou").mean(axis=0)[None]])
    assert draws.var() - alone.var() == pytest.approx(np.var([0.0, 0.02, 0.07]) / 3, rel=0.1)


def test_models_that_do_not_differ_leave_the_interval_of_the_images() -> None:
    one = FIRST.scores()["iou"][None]
    assert group_intervals([np.repeat(one, 4, axis=0)])[0][0] == pytest.approx(group_intervals([one])[0][0], abs=0.002)


def test_a_row_tells_what_varies_between_models_from_what_varies_between_images() -> None:
    (row,) = score_rows({"three": THREE}, {})
    assert row.spread is not None
    assert row.spread.between_models == pytest.approx(np.std([0.0, 0.02, 0.07], ddof=1))
    assert row.spread.between_images == pytest.approx(np.std(list(LOWER.values()), ddof=1) / 100)
    assert "standard deviation between models 0.0361, between photographs 0.1169" in row.spread.sentence
    (alone,) = score_rows({"one": FIRST}, {})
    assert alone.spread is None


def test_two_groups_that_differ_less_than_their_models_may_be_chance() -> None:
    # Better by 0.01 on every image: beyond chance for a single model, but not for a group whose models are up to 0.07 apart.
    better = GroupEvaluation(tuple(evaluation({id: value + more + 1 for id, value in LOWER.items()}) for more in (0, 2, 7)))
    (of_models,) = pairings({"B": SECOND, "A": FIRST})
    (of_groups,) = pairings({"B": better, "A": THREE})
    assert of_models.difference.interval.mean == pytest.approx(0.01)
    assert of_groups.difference.interval.mean == pytest.approx(0.01)
    assert of_models.sentence == "B is better than A on 100 % of the images; the mean gain of 0.010 is beyond chance."
    assert of_groups.sentence == "B is better than A on 100 % of the images; the mean gain of 0.010 may be chance."


def test_a_cross_validation_is_compared_image_by_image() -> None:
    (pairing,) = pairings({"B": SECOND, "folds": FOLDS})
    assert pairing.images == 40
    assert pairing.difference.wins == 40
