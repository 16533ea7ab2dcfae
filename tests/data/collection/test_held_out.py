"""Which corrections train and which are held out: a tenth, six at least, for good, and each lesion on one side."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seg_core.data.collection.collection import Collection
from seg_core.data.collection.held_out import SIDES, Sides, choose_sides, corrections, expected_sides
from seg_core.data.collection.store import create_collection
from seg_core.errors import InputError

SIDE = 32


def photograph(file: Path, number: int) -> Path:
    """Write a photograph that looks like no other."""
    file.parent.mkdir(exist_ok=True)
    pixels = np.random.default_rng(number).integers(0, 256, (4, 4, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    Image.fromarray(pixels).save(file)
    return file


def correct(collection: Collection, numbers: Iterable[int], folder: Path) -> list[str]:
    """Add photographs with a mask that a person drew."""
    ids = collection.add_photographs([photograph(folder / f"p{number:03d}.png", number) for number in numbers], copy=True)
    for id in ids:
        collection.save(id, np.eye(SIDE, dtype=bool), author="Ada", began_as="empty", seconds=1, base=0)
    return ids


def by_hash(ids: Iterable[str]) -> list[str]:
    return sorted(ids, key=lambda id: hashlib.sha256(id.encode()).hexdigest())


def names(sides: Sides) -> tuple[set[str], set[str]]:
    """Ids that train, and those that are held out."""
    return {pair.id for pair in sides.train}, {pair.id for pair in sides.held_out}


@pytest.fixture
def clinic(tmp_path: Path) -> Collection:
    return create_collection("Clinic")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "photos"


def test_six_are_held_out_and_from_sixty_on_a_tenth(clinic: Collection, folder: Path) -> None:
    first = correct(clinic, range(20), folder)
    assert len(expected_sides(clinic).held_out) == 6
    assert not (clinic.folder / SIDES).exists()  # looking decides nothing
    train, held_out = names(choose_sides(clinic))
    assert held_out == set(by_hash(first)[:6])
    assert train == set(first) - held_out

    more = correct(clinic, range(20, 71), folder)
    grown, still_held_out = names(choose_sides(clinic))
    assert still_held_out == held_out | set(by_hash(more)[:2])  # 8 of 71, and none that has trained
    assert grown == {*first, *more} - still_held_out
    assert names(expected_sides(clinic)) == (grown, still_held_out)


def test_only_what_a_person_saved_is_a_correction(clinic: Collection, folder: Path) -> None:
    correct(clinic, range(3), folder)
    for number in range(3, 6):
        (id,) = clinic.add_photographs([photograph(folder / f"p{number:03d}.png", number)], copy=True)
        clinic.add_truth(id, np.eye(SIDE, dtype=bool))
    clinic.save("p004", np.zeros((SIDE, SIDE), bool), author="Ada", began_as="version 1", seconds=1, base=1)
    clinic.exclude("p001", "blurred", "Ada")
    clinic.propose("p005", np.eye(SIDE, dtype=bool), model="m")
    found = corrections(clinic)
    assert [pair.id for pair in found] == ["p000", "p002", "p004"]
    assert found[2].mask == clinic.version_mask("p004", 2)


def test_photographs_of_one_lesion_and_copies_are_on_one_side(clinic: Collection, folder: Path) -> None:
    ids = correct(clinic, range(30), folder)
    first, second, *_, last = by_hash(ids)
    with Image.open(folder / f"{first}.png") as photo:
        photo.transpose(Image.Transpose.ROTATE_90).save(folder / "turned.png")
    (turned,) = clinic.add_photographs([folder / "turned.png"], copy=True)
    clinic.save(turned, np.eye(SIDE, dtype=bool), author="Ada", began_as="empty", seconds=1, base=0)
    (clinic.folder / "lesions.csv").write_text(f"id,lesion_id\n{second},a\n{last},a\n", encoding="utf-8")
    train, held_out = names(choose_sides(clinic))
    for one, other in ((first, turned), (second, last)):
        assert {one, other} <= held_out or {one, other} <= train


def test_one_that_looks_like_one_held_out_trains_no_longer(clinic: Collection, folder: Path) -> None:
    ids = correct(clinic, range(14), folder)
    train, held_out = names(choose_sides(clinic))
    one, other = min(train), min(held_out)
    (clinic.folder / "lesions.csv").write_text(f"id,lesion_id\n{one},a\n{other},a\n", encoding="utf-8")
    assert names(choose_sides(clinic)) == (set(ids) - held_out - {one}, held_out | {one})


@pytest.mark.parametrize(
    ("count", "there", "missing"),
    [
        (0, "0 corrected masks: 0 to train on and 0 to hold out", 12),
        (8, "8 corrected masks: 2 to train on and 6 to hold out", 4),
    ],
)
def test_too_few_are_refused_in_a_sentence(count: int, there: str, missing: int, clinic: Collection, folder: Path) -> None:
    correct(clinic, range(count), folder)
    with pytest.raises(InputError) as refused:
        choose_sides(clinic)
    needed = "To be judged, a retraining needs at least 6 of each"
    assert str(refused.value) == f"Clinic has {there}. {needed}; correct {missing} more."
    assert not (clinic.folder / SIDES).exists()


def test_none_that_has_trained_takes_the_place_of_one_that_is_gone(clinic: Collection, folder: Path) -> None:
    correct(clinic, range(14), folder)
    _, held_out = names(choose_sides(clinic))
    clinic.exclude(min(held_out), "blurred", "Ada")
    with pytest.raises(InputError, match=r"8 to train on and 5 to hold out.*correct 1 more"):
        choose_sides(clinic)
    correct(clinic, [14], folder)
    assert names(choose_sides(clinic))[1] == held_out - {min(held_out)} | {"p014"}


@pytest.mark.parametrize("content", ["", "no,columns\na,b\n"])
def test_a_damaged_list_of_sides_is_named(content: str, clinic: Collection, folder: Path) -> None:
    correct(clinic, range(12), folder)
    (clinic.folder / SIDES).write_text(content or "id,side\n\xff", encoding="latin-1")
    with pytest.raises(InputError, match=r"sides\.csv cannot be read"):
        expected_sides(clinic)
