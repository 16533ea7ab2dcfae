"""Photographs that score a model and that it has seen in training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from seg_core.data.folders import Pair
from seg_core.data.scan.duplicates import Duplicate, Photograph
from seg_core.evaluation.overlap import Overlap, calibration_overlap, overlap, seen_in_training
from seg_core.prediction.metadata import CalibrationValues, DatasetSummary
from tests.helpers import find_pairs, textured


def pairs(*ids: str) -> list[Pair]:
    return [Pair(id, Path(f"{id}.jpg"), Path(f"{id}.png"), "test") for id in ids]


def twins(one: str, other: str) -> Duplicate:
    return Duplicate(Photograph(0, one, "train"), Photograph(1, other, "test"), 0.99, 0.9, "as it is")


SUMMARY: DatasetSummary = {"name": "data", "fingerprint": "f", "train": 3, "val": 1, "test": 0, "val_is_own": False}
TRAINED_ON: DatasetSummary = {**SUMMARY, "train_ids": ["a", "b", "c"]}


def test_ids_that_trained_are_named() -> None:
    found = overlap(TRAINED_ON, "f", pairs("c", "x", "a"))
    assert found == Overlap(3, ("a", "c"), (), same_data=True)
    assert found.sentences == ["trained on these: 2 of 3 (a, c)"]
    nothing = overlap(TRAINED_ON, "f", pairs("x", "y"))
    assert nothing
    assert nothing.sentences == []


def test_the_same_name_in_other_data_may_be_another_photograph() -> None:
    found = overlap(TRAINED_ON, "g", pairs("c"))
    assert found
    assert found.sentences == ["trained on photographs with the names of these: 1 of 1 (c)"]


def test_other_photographs_of_the_same_picture_are_named_whichever_comes_first() -> None:
    twins_of_all = [twins("a", "x"), twins("y", "b"), twins("z", "w"), twins("c", "a")]
    found = overlap(TRAINED_ON, "f", pairs("x", "y", "z", "c"), twins_of_all)
    assert found == Overlap(4, ("c",), ("x", "y"), same_data=True)
    assert found.sentences[1] == "trained on other photographs of the same slides as 2 of these (x, y)"


def test_a_checkpoint_that_names_nothing_is_unknown() -> None:
    assert overlap({**SUMMARY, "train_ids": None}, "f", pairs("a")) is None
    assert overlap(SUMMARY, "f", pairs("a")) is None


CALIBRATED_ON: CalibrationValues = {
    "of": "Model",
    "dataset": "data",
    "fingerprint": "f",
    "photographs": 10,
    "ids": list("abcdefghij"),
    "before": 0.5,
    "threshold": 0.8,
    "gain": [0.02, 0.01, 0.03],
    "worth_it": True,
}


@pytest.mark.parametrize(
    ("values", "fingerprint", "warning"),
    [
        (CALIBRATED_ON, "f", "was calibrated on 2 of these 3 photographs"),
        (CALIBRATED_ON, "g", ""),
        ({**CALIBRATED_ON, "ids": list("mn")}, "f", ""),
        ({**CALIBRATED_ON, "ids": None}, "f", "was calibrated on this dataset"),
        (None, "f", ""),
    ],
)
def test_photographs_that_the_threshold_was_chosen_on_are_named(
    values: CalibrationValues | None, fingerprint: str, warning: str
) -> None:
    assert calibration_overlap(values, fingerprint, pairs("a", "x", "c")) == warning


def test_photographs_of_other_data_are_recognised_by_name_and_by_look(tmp_path: Path) -> None:
    trained = find_pairs(textured(tmp_path / "trained", train=4))
    scored = find_pairs(textured(tmp_path / "scored", first=2, test=5))  # two of the same name and look, three new ones
    same_name, same_look = scored[3], scored[4]
    with Image.open(trained[0].image) as photo:
        photo.transpose(Image.Transpose.ROTATE_90).save(same_look.image, quality=90)
    scored[3] = replace(same_name, id="ISIC_0000001")
    assert seen_in_training(trained, scored) == {*scored[:2], *scored[3:]}
    assert seen_in_training([], scored) == set()
