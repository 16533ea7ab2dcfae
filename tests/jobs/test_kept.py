"""Kept evaluations: found by model and split, and never a damaged one."""

from __future__ import annotations

from pathlib import Path

import pytest

from seg_core.config import SplitSpec
from seg_core.data.dataset import SplitChoice, open_dataset
from seg_core.evaluation.evaluate import evaluate
from seg_core.jobs.kept import kept_evaluation
from seg_core.jobs.requests import evaluation_request
from seg_core.jobs.results import new_result
from seg_core.prediction.mask_folder import open_predicted_masks
from tests.helpers import make_dataset


@pytest.mark.usefixtures("lab_home")
def test_an_evaluation_is_found_once_it_is_kept_unless_it_is_damaged(tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "data", test=2)
    split, masks = SplitChoice(open_dataset(data), "test", SplitSpec()), data / "test" / "masks"
    assert kept_evaluation(masks, split) is None
    evaluation = evaluate(open_predicted_masks(masks, split.pairs), split.pairs)
    with new_result(evaluation_request(masks, split)) as folder:
        evaluation.save(folder / "evaluation.npz")
    found = kept_evaluation(masks, split)
    assert found
    assert (found.ids, found.means) == (evaluation.ids, evaluation.means)
    with new_result(evaluation_request(masks, split)) as folder:
        (folder / "evaluation.npz").write_bytes(b"damaged")
    assert kept_evaluation(masks, split) is None
