"""How far masks may be trusted: soft IoU from pixel counts, whether a bound held, and the IoU of the surest masks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seg_core.config import SplitSpec
from seg_core.data.dataset import Dataset, SplitChoice, open_dataset
from seg_core.evaluation.evaluate import evaluate
from seg_core.evaluation.group import GroupEvaluation
from seg_core.evaluation.result import Evaluation
from seg_core.evaluation.trust import bound_held, learn_expected_iou, learnt_elsewhere, risk_coverage
from seg_core.prediction.expected_iou import STEPS
from seg_core.prediction.metadata import ExpectedIouValues
from seg_core.prediction.predictor import Prediction
from tests.evaluation.stub import per_image
from tests.helpers import make_dataset


def evaluation(soft: list[float], iou: list[float]) -> Evaluation:
    """Images of 1,000 pixels with a lesion of 100, whose masks lie within it and have these soft IoU and IoU."""
    marked = np.array([round(100 * each) for each in iou])
    inside = np.array(soft) * marked  # all probability is in the mask, so soft IoU is its mean
    return Evaluation(
        ids=tuple(map(str, range(len(soft)))),
        thresholds=np.array([0.5]),
        model_threshold=0.5,
        true_positive=marked[:, None],
        false_positive=np.zeros((len(soft), 1), int),
        lesion=np.full(len(soft), 100),
        pixels=np.full(len(soft), 1000),
        probability=np.column_stack([np.zeros(len(soft)), inside]),
        **per_image(len(soft), boundary_iou=1),
    )


def test_the_soft_iou_from_counts_is_that_of_the_probabilities(tmp_path: Path) -> None:
    class Guess:
        label, threshold, notes = "guess", 0.4, ()

        def missing(self, pairs: object) -> list[str]:
            return []

        def predict_pair(self, pair: object) -> Prediction:
            made.append(Prediction(random.random((48, 64), np.float32) ** 3, (64, 48), self.threshold, 0.0))
            return made[-1]

    random = np.random.default_rng(0)
    made: list[Prediction] = []
    pairs = open_dataset(make_dataset(tmp_path / "data", train=3, val=1, size=(64, 48))).unique_pairs
    found = evaluate(Guess(), pairs[:1])
    assert found.soft_iou() == pytest.approx([made[0].soft_iou], abs=1e-5)
    assert found.soft_iou(0.9) == pytest.approx([replace(made[0], threshold=0.9).soft_iou], abs=1e-5)


def test_the_surest_masks_come_first() -> None:
    taken, iou = risk_coverage(evaluation([0.9, 0.5, 0.7], [0.8, 0.2, 0.9]))
    assert taken.tolist() == pytest.approx([1 / 3, 2 / 3, 1])
    assert iou.tolist() == pytest.approx([0.8, 0.85, 1.9 / 3])


def test_a_bound_is_judged_by_the_photographs_where_anything_is_marked() -> None:
    learnt: ExpectedIouValues = {"dataset": "x", "photographs": 30, "mean": [0.9] * STEPS, "low": [0.5] * STEPS}
    found = evaluation([0.9, 0.5, 0.7, 0.6], [0.8, 0.2, 0.5, 0.6])
    held = bound_held(found, learnt)
    assert held is not None
    assert (held.held, held.photographs, held.share) == (3, 4, 0.75)
    assert held.sentence == (
        "the IoU reached the bound on 3 of 4 photographs (75 %); it is made to do so on 90 % of those like its own"
    )
    assert bound_held(found, None) is None
    empty = replace(found, lesion=np.zeros(4, int), true_positive=np.zeros((4, 1), int))
    assert bound_held(empty, learnt) is None
    assert risk_coverage(empty)[0].tolist() == []
    group = GroupEvaluation((found, evaluation([0.9, 0.5, 0.7, 0.6], [0.8, 0.2, 0.3, 0.6])))
    assert bound_held(group, learnt) == replace(held, held=2)  # means of the members: 0.8, 0.2, 0.4 and 0.6


def test_a_bound_is_not_judged_by_the_photographs_that_it_was_learnt_on(tmp_path: Path) -> None:
    here = open_dataset(make_dataset(tmp_path / "here", train=2, val=1, test=1))
    elsewhere = open_dataset(make_dataset(tmp_path / "elsewhere", first=10, train=2, val=1, test=1))
    learnt = {"dataset": "here", "photographs": 30, "mean": [0.9] * STEPS, "low": [0.5] * STEPS}
    trained: Any = {"dataset": {"fingerprint": here.fingerprint}, "expected_iou": learnt}
    calibrated = trained | {"calibration": {"fingerprint": elsewhere.fingerprint}}

    def known(metadata: Any, dataset: Dataset, split: str) -> bool:
        return learnt_elsewhere(metadata, SplitChoice(dataset, split, SplitSpec())) is not None

    assert [known(trained, here, split) for split in ("val", "test")] == [False, True]
    assert [known(calibrated, here, split) for split in ("val", "test")] == [True, True]
    assert [known(calibrated, elsewhere, split) for split in ("val", "all")] == [False, False]


def test_what_is_expected_is_learnt_from_an_evaluation() -> None:
    learnt = learn_expected_iou(evaluation([0.9] * 30, [0.8] * 30), "clinic")
    assert learnt is not None
    assert (learnt["dataset"], learnt["photographs"]) == ("clinic", 30)
    assert np.interp(0.9, np.linspace(0, 1, STEPS), learnt["mean"]) == pytest.approx(0.8)
    assert learn_expected_iou(evaluation([0.9] * 5, [0.8] * 5), "clinic") is None
