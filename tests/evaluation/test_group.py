"""Groups scored as one: means over models, and variation between them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from seg_core.evaluation.bootstrap import Interval, mean_interval
from seg_core.evaluation.comparison import score_rows
from seg_core.evaluation.confidence import models_margin, widened
from seg_core.evaluation.group import GroupEvaluation
from seg_core.evaluation.pairing import pairings
from tests.evaluation.test_tables import FIRST, IDS, LOWER, SECOND, evaluation

THREE = GroupEvaluation(tuple(evaluation({id: value + more for id, value in LOWER.items()}) for more in (0, 2, 7)))
FOLDS = GroupEvaluation(
    tuple(evaluation({id: LOWER[id] for id in IDS[fold::2]}, boundary=boundary) for fold, boundary in enumerate((0.5, 0.25)))
)


def test_a_score_is_the_mean_over_the_models() -> None:
    assert THREE.is_crossed
    assert THREE.ids == FIRST.ids
    assert THREE.scores()["iou"] == pytest.approx(FIRST.scores()["iou"] + 0.03)
    assert THREE.tables()["iou"] - FIRST.scores()["iou"] == pytest.approx(np.repeat([[0.0], [0.02], [0.07]], 40, axis=1))
    assert THREE.means_of_members("iou") == pytest.approx([0.695, 0.715, 0.765])
    assert THREE.curve("iou") == pytest.approx([0.725])
    assert (THREE.lesion == 100).all()


def test_on_folds_each_image_has_the_score_of_the_model_that_did_not_train_on_it() -> None:
    assert not FOLDS.is_crossed
    assert sorted(FOLDS.ids) == sorted(IDS)
    assert dict(zip(FOLDS.ids, FOLDS.scores()["iou"].tolist(), strict=True)) == pytest.approx(
        dict(zip(FIRST.ids, FIRST.scores()["iou"].tolist(), strict=True))
    )
    assert FOLDS.all_scores["boundary_iou"].mean() == pytest.approx(0.375)
    assert FOLDS.curve("iou") == pytest.approx(FIRST.curve("iou"))
    with pytest.raises(ValueError, match="not every model"):
        FOLDS.tables()


def test_an_image_that_two_models_were_scored_on_counts_once_everywhere() -> None:
    partly = GroupEvaluation((evaluation({"a": 50, "b": 60}), evaluation({"b": 80, "c": 90})))
    assert dict(zip(partly.ids, partly.scores()["iou"].tolist(), strict=True)) == pytest.approx({"a": 0.5, "b": 0.7, "c": 0.9})
    assert partly.curve("iou") == pytest.approx([0.7])
    weight = partly.reliability().weight  # of 1,000 pixels 50, 70 and 90 on the mean were marked, all at a half or more
    assert weight[5] == pytest.approx(0.07)


def test_reliability_weighs_images_alike() -> None:
    whole, parts = FIRST.reliability(), FOLDS.reliability()
    assert parts.weight == pytest.approx(whole.weight)
    for ours, theirs in ((parts.found, whole.found), (parts.predicted, whole.predicted)):
        np.testing.assert_allclose(ours, theirs)


def test_the_margin_of_models_is_that_of_students_t_and_of_welchs() -> None:
    first, second = [0.85, 0.86, 0.84], [0.80, 0.83]
    of_one = stats.ttest_1samp(first, 0).confidence_interval()
    assert models_margin([np.array(first)]) == pytest.approx((of_one.high - of_one.low) / 2)
    of_two = stats.ttest_ind(first, second, equal_var=False).confidence_interval()
    assert models_margin([np.array(first), np.array(second)]) == pytest.approx((of_two.high - of_two.low) / 2)
    assert models_margin([np.array(first), np.array([0.5])]) == models_margin([np.array(first)])
    assert models_margin([np.array([0.5])]) == models_margin([np.array([0.5, 0.5])]) == 0


def test_widths_of_models_and_images_add_as_squares() -> None:
    assert tuple(widened(Interval(0.5, 0.2, 0.9), 0.4)) == pytest.approx((0.5, 0.0, 1.0))
    assert widened(Interval(0.5, 0.4, 0.6), 3) == Interval(0.5, 0, 1)
    assert tuple(widened(Interval(0.5, 0.4, 0.6), 0)) == pytest.approx((0.5, 0.4, 0.6))


def test_intervals_of_a_group_include_variation_between_its_models() -> None:
    (of_group,) = score_rows({"three": THREE}, {})
    of_images = mean_interval(THREE.scores()["iou"])
    margin = models_margin([np.array([0.0, 0.02, 0.07])])
    assert tuple(of_group.scores["iou"]) == pytest.approx(tuple(widened(of_images, margin)), abs=1e-4)


def test_a_group_carries_what_its_models_have_and_leaves_out_what_is_undefined() -> None:
    auroc = np.linspace(0.5, 0.9, 40)
    auroc[:10] = np.nan  # as without a lesion
    models = [
        replace(each, auroc=auroc + more, hausdorff_px=np.linspace(10, 20, 40) + 100 * more)
        for each, more in zip(THREE.members, (0, 0.01, 0.05), strict=True)
    ]
    group = GroupEvaluation(tuple(models))
    assert set(group.all_scores) == set(models[0].all_scores)
    assert group.all_scores["auroc"] == pytest.approx(auroc + 0.02, nan_ok=True)
    assert group.known_scores(0.5)["area_similarity"] == pytest.approx(
        np.mean([model.known_scores(0.5)["area_similarity"] for model in models], axis=0)
    )
    (row,) = score_rows({"three": group}, {})
    assert (row.images, row.defined["auroc"], row.defined["average_precision"], row.defined["iou"]) == (40, 30, 40, 40)
    margin = models_margin([np.array([0, 0.01, 0.05])])
    expected = widened(mean_interval(auroc[10:] + 0.02), margin)
    assert tuple(row.scores["auroc"]) == pytest.approx(tuple(expected))
    assert row.scores["hausdorff_px"].mean == pytest.approx(17)
    assert row.scores["hausdorff_px"].high > 20  # pixels are not held to the range of a share


def test_a_row_tells_what_varies_between_models_from_what_varies_between_images() -> None:
    (row,) = score_rows({"three": THREE}, {})
    assert row.spread is not None
    assert row.spread.between_models == pytest.approx(np.std([0.0, 0.02, 0.07], ddof=1))
    assert row.spread.between_images == pytest.approx(np.std(list(LOWER.values()), ddof=1) / 100)
    assert "standard deviation between models 0.0361, between photographs 0.1169" in row.spread.sentence
    (folds,) = score_rows({"folds": FOLDS}, {})
    assert folds.spread is not None
    assert np.isnan(folds.spread.between_models)
    assert folds.spread.sentence.startswith(
        "mean IoU of each model, on photographs of its own, 0.6900, 0.7000; standard deviation be"
    )
    (single,) = score_rows({"single": GroupEvaluation((evaluation({"a": 50}), evaluation({"a": 60})))}, {})
    assert single.spread is not None
    assert single.spread.sentence == "mean IoU of each model 0.5000, 0.6000; standard deviation between models 0.0707"
    (alone,) = score_rows({"one": FIRST}, {})
    assert alone.spread is None


def test_two_groups_that_differ_less_than_their_models_do_not_differ_significantly() -> None:
    # Better by 0.01 on every image: significant for a single model, but not for a group whose models are up to 0.07 apart.
    better = GroupEvaluation(tuple(evaluation({id: value + more + 1 for id, value in LOWER.items()}) for more in (0, 2, 7)))
    (of_models,) = pairings({"B": SECOND, "A": FIRST})
    (of_groups,) = pairings({"B": better, "A": THREE})
    assert of_models.difference.interval.mean == pytest.approx(0.01)
    assert of_groups.difference.interval.mean == pytest.approx(0.01)
    assert of_models.sentence == (
        "B is better than A: IoU higher by 0.010 (0.010 to 0.010) on average; better on 40, worse on 0, equal on 0; "
        "statistically significant."
    )
    assert of_groups.sentence == (
        "No difference shown between B and A; it may lie between −0.072 and +0.092. B has an IoU higher by 0.010 on average; "
        "better on 40, worse on 0, equal on 0; not statistically significant: the Wilcoxon test finds a difference in ranks, but "
        "the interval of the mean includes 0."
    )


def test_a_cross_validation_is_compared_image_by_image() -> None:
    (pairing,) = pairings({"B": SECOND, "folds": FOLDS})
    assert pairing.images == 40
    assert pairing.difference.wins == 40


def test_a_group_on_some_images_keeps_the_models_that_have_them() -> None:
    assert [member.ids for member in FOLDS.only({FOLDS.members[0].ids[0]}).members] == [FOLDS.members[0].ids[:1]]
    some = THREE.only(set(THREE.ids[:2]))
    assert (len(some.members), some.ids) == (3, THREE.ids[:2])
    assert some.scores()["iou"].tolist() == THREE.scores()["iou"][:2].tolist()
    assert not THREE.both_empty().any()
