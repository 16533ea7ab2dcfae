"""Finding pairs in every layout, joining folders, and splitting without leaks."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from seg_core.config import SplitSpec
from seg_core.data.check import check_names
from seg_core.data.dataset import Dataset, open_dataset
from seg_core.data.folders import list_folder, list_images
from seg_core.data.source import clean_source
from seg_core.errors import InputError
from tests.helpers import SHARED_DATA, find_pairs, make_dataset


def splits_of(folder: Path) -> dict[str, list[str]]:
    """The last digit of each id, by split."""
    pairs = find_pairs(folder)
    return {split: [pair.id[-1] for pair in pairs if pair.split == split] for split in ("train", "val", "test")}


def touch(*files: Path) -> None:
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


@pytest.mark.parametrize("layout", ["generic", "isic2016", "isic2017", "isic2018"])
def test_every_layout_with_splits_is_found(layout: str, tmp_path: Path) -> None:
    make_dataset(tmp_path, layout=layout, train=3, test=2, val=1)
    assert splits_of(tmp_path) == {"train": ["0", "1", "2"], "val": ["5"], "test": ["3", "4"]}
    for pair in find_pairs(tmp_path):
        assert pair.id.startswith("ISIC_000000")
        assert pair.image.stem == pair.id
        assert pair.mask.stem.lower() in (pair.id.lower(), f"{pair.id.lower()}_segmentation")


def test_images_and_masks_alone_are_the_training_split(tmp_path: Path) -> None:
    make_dataset(tmp_path, layout="flat", train=3)
    assert splits_of(tmp_path) == {"train": ["0", "1", "2"], "val": [], "test": []}


def test_one_split_is_enough(tmp_path: Path) -> None:
    make_dataset(tmp_path, layout="isic2016", test=2)
    assert splits_of(tmp_path) == {"train": [], "val": [], "test": ["0", "1"]}


def test_superpixels_and_other_files_of_the_challenge_are_ignored(tmp_path: Path) -> None:
    make_dataset(tmp_path, layout="isic2017", train=2)
    photos, masks = tmp_path / "ISIC-2017_Training_Data", tmp_path / "ISIC-2017_Training_Part1_GroundTruth"
    touch(photos / "ISIC_0000000_superpixels.png", photos / "ISIC-2017_Training_Data_metadata.csv", photos / "LICENSE.txt")
    touch(photos / ".DS_Store", photos / "._ISIC_0000000.jpg", masks / "._ISIC_0000000_segmentation.png")
    touch(tmp_path / "ISIC-2017_Training_Part2_GroundTruth" / "ISIC_0000000_features.json")
    touch(tmp_path / "ISIC2018_Task3_Training_Input" / "ISIC_0024306.jpg")
    touch(tmp_path / "ISBI2016_ISIC_Part3_Training_Data" / "ISIC_0000002.jpg")
    listing = list_folder(tmp_path)
    assert [pair.id for pair in listing.pairs] == ["ISIC_0000000", "ISIC_0000001"]
    assert listing.without_mask == listing.without_photo == []


@pytest.mark.parametrize(
    ("photo", "mask"),
    [
        ("a.jpg", "a.png"),
        ("a.JPG", "a.PNG"),
        ("a.tiff", "a.bmp"),
        ("a.webp", "a_mask.png"),
        ("a.png", "a_SEGMENTATION.png"),
        ("a_lesion.jpg", "a_lesion.png"),
        ("a_mask.jpg", "a_mask_segmentation.png"),
        ("a.b.jpg", "a.b.png"),
    ],
)
def test_masks_are_matched_by_stem_with_or_without_a_suffix(photo: str, mask: str, tmp_path: Path) -> None:
    touch(tmp_path / "images" / photo, tmp_path / "masks" / mask)
    (pair,) = find_pairs(tmp_path)
    assert (pair.id, pair.image.name, pair.mask.name) == (Path(photo).stem, photo, mask)


def test_files_without_a_partner_are_listed(tmp_path: Path) -> None:
    touch(*(tmp_path / name for name in ("images/a.jpg", "images/b.jpg", "masks/b.png", "masks/c.png")))
    listing = list_folder(tmp_path)
    assert [pair.id for pair in listing.pairs] == ["b"]
    assert listing.without_mask == [tmp_path / "images" / "a.jpg"]
    assert listing.without_photo == [tmp_path / "masks" / "c.png"]


def test_two_files_of_one_id_in_one_folder_are_not_silently_one(tmp_path: Path) -> None:
    touch(*(tmp_path / name for name in ("images/a.jpg", "images/a.png", "images/b.jpg", "images/c.jpg")))
    touch(*(tmp_path / name for name in ("masks/a.png", "masks/b.png", "masks/b_mask.png", "masks/c.png")))
    problems = check_names(open_dataset(tmp_path))
    assert {problem.kind for problem in problems} == {"duplicate id"}
    assert [problem.file.name for problem in problems] == ["a.png", "b_mask.png"]


def test_a_folder_that_is_missing_or_of_no_known_layout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"There is no folder {tmp_path}/gone; check the path"):
        open_dataset(tmp_path / "gone")
    touch(tmp_path / "photos" / "a.jpg")
    with pytest.raises(
        InputError, match=rf"{tmp_path} holds no photographs with masks .*photos/ \(1 image\): .*images/ and masks/"
    ):
        open_dataset(tmp_path)
    with pytest.raises(InputError, match="There is no folder"):
        open_dataset(tmp_path / "photos" / "a.jpg")


def test_folders_are_joined_in_order(tmp_path: Path) -> None:
    first = make_dataset(tmp_path / "first", layout="isic2016", train=2, test=1)
    second = make_dataset(tmp_path / "second", layout="flat", train=2, first=5)
    dataset = open_dataset([first, str(second)])
    assert dataset.name == "first + second"
    assert dataset.sources == (str(first), str(second))
    assert dataset.counts == {"train": 4, "val": 0, "test": 1}
    assert [pair.id[-1] for pair in dataset.pairs] == ["0", "1", "2", "5", "6"]


def test_no_source_and_one_twice_are_refused(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "data", train=2)
    with pytest.raises(InputError, match="No data was named"):
        open_dataset([])
    with pytest.raises(InputError, match="is given twice"):
        open_dataset([folder, f"'{folder}/'"])


def test_sources_are_cleaned_as_people_paste_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for typed in ("~/data", ' "~/data" ', "'~/data/'", "data", "./x/../data", str(tmp_path / "data"), Path("data")):
        assert clean_source(typed) == str(tmp_path / "data")
    assert clean_source(" sample ") == clean_source("'sample'") == "sample"


@pytest.mark.parametrize("typed", ["", "  ", "''", "~nobody-of-this-name/data", "a\0b", "x" * 5000])
def test_sources_that_can_be_no_folder_are_refused_in_one_line(typed: str) -> None:
    with pytest.raises(InputError) as refused:
        open_dataset(typed)
    assert "\n" not in str(refused.value)


def test_the_fingerprint_is_the_datas_and_not_the_places(tmp_path: Path) -> None:
    first = make_dataset(tmp_path / "first", train=3, test=1)
    moved = shutil.copytree(first, tmp_path / "elsewhere" / "moved")
    fingerprint = open_dataset(first).fingerprint
    assert len(fingerprint) == 12
    assert open_dataset(moved).fingerprint == fingerprint
    (moved / "train" / "masks" / "ISIC_0000000.png").write_bytes(b"another size")
    assert open_dataset(moved).fingerprint != fingerprint
    (first / "test").rename(first / "val")
    assert open_dataset(first).fingerprint != fingerprint


def ids(dataset: Dataset, seed: int, fraction: float = 0.2) -> tuple[list[str], ...]:
    split = dataset.split(SplitSpec(seed, fraction))
    return tuple([pair.id for pair in pairs] for pairs in (split.train, split.val, split.test))


def test_the_split_is_drawn_by_seed_alone(tmp_path: Path) -> None:
    dataset = open_dataset(make_dataset(tmp_path / "a", train=10, test=2))
    again = open_dataset(shutil.copytree(tmp_path / "a", tmp_path / "b"))
    assert ids(dataset, 0) == ids(dataset, 0) == ids(again, 0)
    assert len({tuple(ids(dataset, seed)[1]) for seed in range(5)}) > 1


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("fraction", "held_out"), [(0.2, 2), (0.01, 1), (0.95, 10), (0.5, 6)])
def test_splits_are_disjoint_and_complete_and_test_stays_out(seed: int, fraction: float, held_out: int, tmp_path: Path) -> None:
    dataset = open_dataset(make_dataset(tmp_path, train=11, test=3))
    train, val, test = ids(dataset, seed, fraction)
    assert (len(train), len(val), len(test)) == (11 - held_out, held_out, 3)
    assert sorted(train + val) == [f"ISIC_{number:07d}" for number in range(11)]
    assert test == [f"ISIC_{number:07d}" for number in range(11, 14)]


def test_a_validation_split_of_the_datasets_own_is_kept(tmp_path: Path) -> None:
    dataset = open_dataset(make_dataset(tmp_path, train=4, val=2, test=1))
    split = dataset.split(SplitSpec(seed=3, val_fraction=0.5))
    assert split.val_is_own
    assert [pair.id[-1] for pair in split.val] == ["4", "5"]
    assert [pair.id[-1] for pair in split.train] == ["0", "1", "2", "3"]
    assert not open_dataset(make_dataset(tmp_path / "flat", layout="flat", train=4)).split(SplitSpec(3, 0.5)).val_is_own


def test_each_photograph_validates_on_one_of_the_folds(tmp_path: Path) -> None:
    dataset = open_dataset(make_dataset(tmp_path, train=8, val=3, test=2))
    splits = [dataset.split(SplitSpec(5, 0.2, 4, fold)) for fold in (1, 2, 3, 4)]
    everyone = sorted(pair.id for pair in dataset.unique_pairs if pair.split != "test")
    assert [pair.id for pair in dataset.trainable] == everyone
    assert sorted(pair.id for split in splits for pair in split.val) == everyone
    assert [len(split.val) for split in splits] == [3, 3, 3, 2]
    for split in splits:
        assert sorted(pair.id for pair in split.train + split.val) == everyone
        assert not split.val_is_own
        assert len(split.test) == 2
    assert dataset.split(SplitSpec(6, 0.2, 4, 1)).val != splits[0].val


@pytest.mark.parametrize(("train", "val", "held_out"), [(1, 0, 1), (0, 0, 0), (0, 3, 3)])
def test_too_few_pairs_to_train_and_validate_are_refused(train: int, val: int, held_out: int, tmp_path: Path) -> None:
    dataset = open_dataset(make_dataset(tmp_path, train=train, val=val, test=5))
    with pytest.raises(InputError, match=f"has 0 pairs to train and {held_out} to validate with; each needs at least one"):
        dataset.split(SplitSpec(0, 0.2))


@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="the real photographs (../shared/data) are not here")
def test_the_real_folders_are_read() -> None:
    dataset = open_dataset([SHARED_DATA / "isic2016-256", SHARED_DATA / "isic2017-extra-256"])
    assert dataset.counts == {"train": 749 + 946, "val": 0, "test": 146}
    assert check_names(dataset) == []
    train, val, test = ids(dataset, 0)
    assert not set(train) & set(val)
    assert not set(train + val) & set(test)


def test_links_that_lead_nowhere_or_in_a_circle_are_named_and_the_rest_is_used(tmp_path: Path) -> None:
    data, elsewhere = make_dataset(tmp_path / "data", layout="flat", train=2), tmp_path / "elsewhere.jpg"
    elsewhere.write_bytes((data / "images" / "ISIC_0000000.jpg").read_bytes())
    (data / "images" / "a.jpg").symlink_to("nowhere.jpg")
    (data / "images" / "b.jpg").symlink_to("b.jpg")
    (data / "circle").symlink_to("circle")
    (data / "images" / "up").symlink_to(data, target_is_directory=True)
    (data / "images" / "ISIC_0000009.jpg").symlink_to(elsewhere)
    listing = list_folder(data)
    assert [pair.id for pair in listing.pairs] == ["ISIC_0000000", "ISIC_0000001"]
    assert [path.name for path in listing.without_mask] == ["ISIC_0000009.jpg"]
    assert listing.notes == [
        "Links that lead nowhere, or back to a folder above, are left out: circle, images/a.jpg, images/b.jpg, images/up."
    ]
    names = ["ISIC_0000000.jpg", "ISIC_0000001.jpg", "ISIC_0000009.jpg"]
    assert [path.name for path in list_images(data / "images")] == names
    assert [path.name for path in list_images(data / "images", dead_links=True)] == [*names, "a.jpg", "b.jpg"]
