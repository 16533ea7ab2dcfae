"""Photographs that belong together stay on one side of a split; without any, a split is drawn as it always was."""

from __future__ import annotations

import csv
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seg_core.config import RECIPES, Config, SplitSpec
from seg_core.data.dataset import Dataset, open_dataset
from seg_core.data.folders import Pair
from seg_core.data.groups import joined, listed_groups, place_of
from seg_core.data.scan import copies
from seg_core.data.scan.dataset_scan import scan_dataset
from seg_core.data.scan.duplicates import near_duplicates
from seg_core.errors import InputError
from tests.helpers import SHARED_DATA, make_dataset, textured

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases"
TOGETHER = SplitSpec(copies="together")


def copy_of(folder: Path, number: int, name: str, split: str = "train") -> None:
    """Save a pair of the training split once more."""
    for kind, ending in (("images", "jpg"), ("masks", "png")):
        shutil.copy(folder / "train" / kind / f"ISIC_{number:07d}.{ending}", folder / split / kind / f"{name}.{ending}")


def sides(dataset: Dataset, spec: SplitSpec, names: set[str]) -> set[str]:
    """The sides of a split that photographs are on."""
    split = dataset.split(spec)
    return {side for side in ("train", "val") if names & {pair.id for pair in getattr(split, side)}}


@pytest.mark.parametrize("count", [5, 12, 23])
@pytest.mark.parametrize("seed", range(3))
def test_without_groups_a_split_is_drawn_as_it_always_was(count: int, seed: int, tmp_path: Path) -> None:
    dataset = open_dataset(textured(tmp_path, train=count))
    ids = sorted(pair.id for pair in dataset.pairs)
    random.Random(seed).shuffle(ids)
    for copies_ in ("anywhere", "together"):
        val = dataset.split(SplitSpec(seed, 0.3, copies=copies_)).val
        assert [pair.id for pair in val] == sorted(ids[: max(1, round(0.3 * count))])
        for fold in range(1, 5):
            val = dataset.split(SplitSpec(seed, 0.3, 4, fold, copies_)).val
            assert [pair.id for pair in val] == sorted(ids[fold - 1 :: 4])


def test_copies_stay_together_in_every_split_and_fold(tmp_path: Path) -> None:
    folder = textured(tmp_path, train=9, test=2)
    copy_of(folder, 2, "ISIC_0000002 (1)")
    copy_of(folder, 2, "twice")
    copy_of(folder, 5, "in_test", "test")  # the test split is the dataset's own, and nothing is moved into or out of it
    dataset = open_dataset(folder)
    names = {"ISIC_0000002", "ISIC_0000002 (1)", "twice"}
    assert [{pair.id for pair in group} for group in dataset.groups(TOGETHER)] == [names]
    assert dataset.groups(SplitSpec()) == []
    specs = [SplitSpec(seed) for seed in range(12)] + [SplitSpec(3, 0.2, 4, fold) for fold in range(1, 5)]
    assert {len(sides(dataset, spec, names)) for spec in specs} == {1, 2}
    for spec in specs:
        assert len(sides(dataset, spec._replace(copies="together"), names)) == 1
    folds = [dataset.split(spec._replace(copies="together")).val for spec in specs[-4:]]
    assert sorted(len(val) for val in folds) == [2, 3, 3, 3]
    assert sorted(pair.id for val in folds for pair in val) == [pair.id for pair in dataset.trainable]
    assert dataset.note_on_groups(TOGETHER) == "3 photographs are copies; each group stays on one side of the split."


def test_copies_are_looked_for_once_and_a_scan_keeps_them_too(tmp_path: Path, decoded: list[Pair]) -> None:
    folder = textured(tmp_path / "data", train=4)
    copy_of(folder, 1, "again")
    found = [["ISIC_0000001", "again"]]
    assert open_dataset(folder).copies == open_dataset(folder).copies == found
    assert len(decoded) == 5
    moved = open_dataset(folder.rename(tmp_path / "moved"))
    copies.keep_copies(moved, near_duplicates(scan_dataset(moved)))
    assert len(decoded) == 10
    assert moved.copies == found
    assert len(decoded) == 10


def test_copies_are_looked_for_again_when_the_lesion_is_named(tmp_path: Path) -> None:
    folder = textured(tmp_path, train=4)
    copy_of(folder, 1, "again")
    for file in (folder / "train" / "masks").iterdir():  # three classes: until one is named, no pair can be used
        mask = np.array(Image.open(file)) // 255
        mask[:16] = 2
        Image.fromarray(mask).save(file)
    assert open_dataset(folder).copies == []
    assert open_dataset(folder, lesion=1).copies == [["ISIC_0000001", "again"]]


def test_of_very_many_photographs_only_the_same_files_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "MOST_COMPARED", 4)
    folder = make_dataset(tmp_path, train=4)
    copy_of(folder, 1, "again")
    assert open_dataset(folder).copies == [["ISIC_0000001", "again"]]


CSV = """\ufefflesion;image;site
A;ISIC_0000000.jpg;arm
B;ISIC_0000001.JPG;arm
A;isic_0000002;leg
 ;ISIC_0000003;leg
C;ISIC_0000004;
C;ISIC_0000009;
"""


def test_a_column_of_a_csv_file_names_what_belongs_together(tmp_path: Path) -> None:
    folder = textured(tmp_path / "data", train=6)
    (folder / "lesions.csv").write_text(CSV, encoding="utf-8")
    dataset = open_dataset(folder)
    for column, expected in (
        ("lesion", [["ISIC_0000000", "ISIC_0000002"], ["ISIC_0000001"], ["ISIC_0000004"]]),
        ("Site", [["ISIC_0000000", "ISIC_0000001"], ["ISIC_0000002", "ISIC_0000003"]]),
    ):
        assert listed_groups(f"lesions.csv:{column}", dataset.sources, dataset.trainable) == expected
    spec = SplitSpec(0, 0.5, copies="together", groups="lesions.csv:lesion")
    assert [[pair.id for pair in group] for group in dataset.groups(spec)] == [["ISIC_0000000", "ISIC_0000002"]]
    note = "2 photographs are copies or share a lesion; each group stays on one side of the split."
    assert dataset.note_on_groups(spec) == f"{note} 2 have no lesion in lesions.csv, and are drawn one by one."
    for seed in range(6):
        assert len(sides(dataset, spec._replace(seed=seed), {"ISIC_0000000", "ISIC_0000002"})) == 1


def test_a_group_larger_than_the_validation_split_still_leaves_both_sides(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "data", train=6)
    rows = [f"ISIC_000000{number},{'left' if number < 3 else 'right'}" for number in range(6)]
    (folder / "sides.csv").write_text("\n".join(["id,side", *rows]))
    spec = SplitSpec(0, 0.2, groups="sides.csv:side")
    split = open_dataset(folder).split(spec)
    assert (len(split.train), len(split.val)) == (3, 3)
    (folder / "sides.csv").write_text("\n".join(["id,side", *(row.replace("left", "right") for row in rows)]))
    with pytest.raises(InputError, match="0 pairs to train and 6 to validate with, as all of them belong together"):
        open_dataset(folder).split(spec)


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ("lesions.csv", "name no column; write FILE.csv:COLUMN"),
        ("missing.csv:lesion", "There is no file missing.csv with the groups"),
        ("lesions.csv:patient", "has no column 'patient'; it has lesion, image, site"),
        ("other.csv:lesion", "No column of .*other.csv names the photographs, such as ISIC_0000000; add one"),
        ("empty.csv:lesion", "empty.csv cannot be read .*; save it as CSV"),
        ("train:lesion", "There is no file train"),
    ],
)
def test_groups_that_cannot_be_read_are_refused_in_one_sentence(groups: str, said: str, tmp_path: Path) -> None:
    folder = make_dataset(tmp_path, train=3)
    (folder / "lesions.csv").write_text(CSV, encoding="utf-8")
    (folder / "other.csv").write_text("lesion,image\nA,x\n")
    (folder / "empty.csv").touch()
    with pytest.raises(InputError, match=said) as refused:
        open_dataset(folder).split(SplitSpec(groups=groups))
    assert "\n" not in str(refused.value)


def test_groups_are_kept_by_their_name_within_the_dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = make_dataset(tmp_path / "data", train=1)
    for file in (data / "lesions.csv", tmp_path / "elsewhere.csv"):
        file.write_text(CSV)
    sources = [str(data)]
    monkeypatch.chdir(tmp_path)
    assert place_of("lesions.csv:lesion", sources) == "lesions.csv:lesion"
    assert place_of(f"{data / 'lesions.csv'}:lesion", sources) == "lesions.csv:lesion"
    assert place_of("elsewhere.csv:lesion", sources) == f"{tmp_path / 'elsewhere.csv'}:lesion"
    assert place_of("", sources) == ""


def test_photographs_that_all_look_alike_are_drawn_one_by_one(tmp_path: Path) -> None:
    folder = textured(tmp_path, train=1)
    for name in "abc":
        copy_of(folder, 0, name)
    dataset = open_dataset(folder)
    assert (len(dataset.copies), dataset.note_on_groups(TOGETHER)) == (6, "")
    assert len(dataset.split(TOGETHER).train) == 3


def test_groups_that_share_a_photograph_are_one() -> None:
    pairs = [Pair(id, Path(id), Path(id), "train") for id in "dbeac"]
    units = joined(pairs, [["a", "b"], ["c", "d"], ["b", "d"]])
    assert [[pair.id for pair in unit] for unit in units] == [["d", "b", "a", "c"], ["e"]]


def test_new_runs_keep_copies_together_and_older_ones_stay_as_they_were() -> None:
    assert {Config.of(recipe).split_spec.copies for recipe in RECIPES} == {"together"}
    assert Config.model_construct(recipe="best").split_spec == SplitSpec()


@pytest.mark.skipif(not CASES.is_dir(), reason="the small inputs (../shared/cases) are not here")
def test_a_copy_that_a_file_manager_made_is_found() -> None:
    dataset = open_dataset(CASES / "conflict_copies")
    assert [[pair.id for pair in group] for group in dataset.groups(TOGETHER)] == [["img_000", "img_000 (1)"]]


@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="the real photographs (../shared/data) are not here")
def test_no_lesion_of_ham10000_trains_and_validates() -> None:
    dataset = open_dataset(SHARED_DATA / "ham10000-320")
    with (SHARED_DATA / "ham10000-320" / "lesions.csv").open() as file:
        lesion_of = {row["id"]: row["lesion_id"] for row in csv.DictReader(file)}

    def torn(spec: SplitSpec) -> int:
        split = dataset.split(spec)
        assert len(split.val) == 713  # a fifth of 3,567
        train, val = ({lesion_of[pair.id] for pair in pairs} for pairs in (split.train, split.val))
        return len(train & val)

    assert torn(SplitSpec()) > 50
    assert torn(SplitSpec(groups="lesions.csv:lesion_id")) == 0
