"""Checks of a dataset: every kind of problem is named with its file, and stops a training or is skipped on request."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from seg_core.config import SplitSpec
from seg_core.data.cache.cached_pairs import CachedPairs
from seg_core.data.cache.storage import cache_pairs
from seg_core.data.check import Problem, describe, load_pair, refused
from seg_core.data.dataset import open_dataset
from seg_core.data.folders import Pair
from seg_core.data.scan.dataset_scan import scan_dataset
from seg_core.errors import InputError
from seg_core.training import preparation
from seg_core.training.preparation import PreparedData, prepare
from tests.helpers import lesion, make_dataset, tiny_config, write_pair


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Ten faultless training pairs, ISIC_0000000 to ISIC_0000009."""
    return make_dataset(tmp_path / "data", layout="flat", train=10)


def save_mask(file: Path, values: np.ndarray) -> None:
    Image.fromarray(values.astype(np.uint8)).save(file)


def break_pairs(data: Path) -> dict[str, str]:
    """Give eight of the ten pairs one problem each, and return the kind of problem by file."""
    photos, masks = data / "images", data / "masks"
    _, truth = lesion(seed=2)
    (masks / "ISIC_0000000.png").rename(masks / "ISIC_0000077.png")
    write_pair(photos / "none.jpg", masks / "ISIC_0000001.png", size=(64, 48))
    (photos / "none.jpg").unlink()
    save_mask(masks / "ISIC_0000002.png", np.where(truth, 200, 30))
    save_mask(masks / "ISIC_0000003.png", np.zeros((64, 64)))
    (photos / "ISIC_0000004.jpg").write_bytes(b"no photograph")
    cut = (photos / "ISIC_0000005.jpg").read_bytes()
    (photos / "ISIC_0000005.jpg").write_bytes(cut[: len(cut) // 2])
    cut = (masks / "ISIC_0000006.png").read_bytes()
    (masks / "ISIC_0000006.png").write_bytes(cut[: len(cut) // 2])
    write_pair(photos / "ISIC_0000007.png", masks / "ISIC_0000007.png", seed=7)
    return {
        "ISIC_0000000.jpg": "missing mask",
        "ISIC_0000077.png": "orphan mask",
        "ISIC_0000001.png": "different sizes",
        "ISIC_0000002.png": "grey mask",
        "ISIC_0000003.png": "no lesion",
        "ISIC_0000004.jpg": "unreadable",
        "ISIC_0000005.jpg": "unreadable",
        "ISIC_0000006.png": "unreadable",
        "ISIC_0000007.png": "duplicate id",
    }


ERRORS = {"missing mask", "different sizes", "unreadable", "duplicate id"}


def prepared(data: Path | list[Path], **settings: Any) -> PreparedData:
    return prepare(open_dataset(data), tiny_config(**settings), lambda done, total, what: None)


def all_ids(data: PreparedData) -> set[str]:
    """Return the ids of all pairs that a training reads."""
    return {pairs.pairs[index].id for pairs in (data.train, data.val) for index in pairs.read(range(len(pairs)))[2]}


def test_faultless_data_has_no_problems(data: Path) -> None:
    assert scan_dataset(open_dataset(data)).problems == []


def test_what_a_training_stops_at_is_known_before(data: Path, tmp_path: Path) -> None:
    break_pairs(data)
    dataset = open_dataset(data)
    errors = refused(dataset, scan_dataset(dataset).problems)
    assert {problem.kind for problem in errors} == ERRORS
    with pytest.raises(InputError, match=f"{len(errors)} of the pairs cannot be trained on"):
        prepared(data)

    tested = make_dataset(tmp_path / "tested", train=4, val=1, test=2)
    (tested / "test" / "images" / "ISIC_0000005.jpg").write_bytes(b"no photograph")
    dataset = open_dataset(tested)
    assert [problem.kind for problem in scan_dataset(dataset).problems] == ["unreadable"]
    assert refused(dataset, scan_dataset(dataset).problems) == []
    assert prepared(tested).train.usable == 4


def test_every_kind_of_problem_is_named_with_its_file_all_at_once(data: Path) -> None:
    expected = break_pairs(data)
    progress: list[tuple[int, int]] = []
    problems = scan_dataset(open_dataset(data), lambda done, total: progress.append((done, total))).problems
    assert {problem.file.name: problem.kind for problem in problems} == expected
    assert len(problems) == len(expected)
    assert progress == [(done, 10) for done in range(1, 11)]  # nine photographs with a mask, one of them twice
    for problem in problems:
        assert problem.is_error == (problem.kind in ERRORS)
        assert problem.file.stem in problem.message
        assert problem.message.endswith(".")
        assert "\n" not in problem.message
        assert any(advice in problem.message for advice in (";", "Save masks as")), problem.message  # what to do


def test_messages_tell_what_to_do(data: Path) -> None:
    break_pairs(data)
    messages = {problem.file.name: problem.message for problem in scan_dataset(open_dataset(data)).problems}
    assert messages["ISIC_0000000.jpg"] == (
        "ISIC_0000000.jpg has no mask; add ISIC_0000000_segmentation.png or remove the photograph."
    )
    assert "(64 × 64 and 64 × 48 pixels); export the mask at the photograph's size" in messages["ISIC_0000001.png"]
    assert "cut at 128" in messages["ISIC_0000002.png"]
    assert "cut off before its end" in messages["ISIC_0000005.jpg"]
    assert "keep one of the two" in messages["ISIC_0000007.png"]


def test_the_same_id_in_two_folders_or_splits_is_a_duplicate(data: Path, tmp_path: Path) -> None:
    other = make_dataset(tmp_path / "other", test=2, first=9)  # ISIC_0000009 would be trained and tested on
    (problem,) = scan_dataset(open_dataset([data, other])).problems
    assert (problem.kind, problem.file) == ("duplicate id", other / "test" / "images" / "ISIC_0000009.jpg")
    assert "(train)" in problem.message
    assert "(test)" in problem.message
    split = open_dataset([data, other]).split(SplitSpec(0, 0.2))
    assert [pair.id[-2:] for pair in split.test] == ["10"]  # with --skip-problems too nobody is tested on what was trained


def test_errors_refuse_training_and_name_the_files(data: Path) -> None:
    break_pairs(data)
    with pytest.raises(InputError, match="6 of the pairs cannot be trained on") as refused:
        prepared(data)
    text = str(refused.value)
    assert "\n" not in text
    assert "--skip-problems" in text
    files = ("0000000.jpg", "0000001.png", "0000004.jpg", "0000005.jpg", "0000006.png", "0000007.png")
    assert sum(file in text for file in files) == 5
    assert "… and 1 more." in text


def test_skip_problems_leaves_out_exactly_the_pairs_with_errors(data: Path) -> None:
    break_pairs(data)
    found = prepared(data, skip_problems=True)
    assert all_ids(found) == {f"ISIC_{number:07d}" for number in (2, 3, 7, 8, 9)}
    assert [pair.image.name for pair in found.train.pairs + found.val.pairs if pair.id == "ISIC_0000007"] == ["ISIC_0000007.jpg"]
    assert found.train.usable + found.val.usable == found.summary()["train"] + found.summary()["val"] == 5
    for pairs in (found.train, found.val):
        for image, mask, index in zip(*pairs.read(range(len(pairs))), strict=True):
            expected = load_pair(pairs.pairs[index], 64)
            np.testing.assert_array_equal(image, expected.image)
            np.testing.assert_array_equal(mask, expected.mask)
    assert sum(note.startswith("Left out: ") for note in found.notes) == 6


def test_warnings_train_and_stand_in_the_notes(data: Path) -> None:
    save_mask(data / "masks" / "ISIC_0000003.png", np.zeros((64, 64)))
    found = prepared(data)
    assert len(all_ids(found)) == 10
    assert found.notes == ["ISIC_0000003.png marks no lesion; check that this is intended."]


def test_problems_of_the_test_split_do_not_stop_a_training_that_never_reads_it(tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "data", train=4, test=2)
    (data / "test" / "images" / "ISIC_0000004.jpg").write_bytes(b"no photograph")
    assert len(all_ids(prepared(data))) == 4


def test_photographs_without_any_mask_are_named_rather_than_counted_as_none(data: Path) -> None:
    for mask in (data / "masks").iterdir():
        mask.unlink()
    with pytest.raises(InputError, match=r"ISIC_0000000\.jpg has no mask"):
        prepared(data)
    with pytest.raises(InputError, match=r"ISIC_0000000\.jpg has no mask"):
        prepared(data, skip_problems=True)


def test_nothing_usable_is_refused_even_when_problems_are_skipped(data: Path) -> None:
    for photo in (data / "images").iterdir():
        photo.write_bytes(b"no photograph")
    with pytest.raises(InputError, match=r"no usable pairs left .*ISIC_000000\d\.jpg is not an image"):
        prepared(data, skip_problems=True)


def test_what_training_reads_is_the_split_at_the_networks_size(data: Path) -> None:
    steps: list[tuple[int, int, str]] = []
    dataset = open_dataset(data)
    found = prepare(dataset, tiny_config(seed=3), lambda *step: steps.append(step))
    split = dataset.split(SplitSpec(3, 0.2))
    assert (found.train.pairs, found.val.pairs) == (split.train, split.val)
    assert found.train[0][0].shape == (64, 64, 3)
    assert found.summary() == {
        "name": "data",
        "fingerprint": dataset.fingerprint,
        "train": 8,
        "val": 2,
        "test": 0,
        "val_is_own": False,
        "train_ids": [pair.id for pair in split.train],
    }
    whole = [(done, 8, "training photographs") for done in range(1, 9)] + [(done, 2, "validation photographs") for done in (1, 2)]
    assert steps == whole


def test_a_photograph_turned_by_exif_fits_the_mask_of_its_upright_size(tmp_path: Path) -> None:
    pixels, truth = lesion((96, 64), seed=1)
    stored = Image.fromarray(np.ascontiguousarray(np.rot90(pixels)))
    exif = stored.getexif()
    exif[0x0112] = 6
    stored.save(tmp_path / "a.jpg", exif=exif, quality=95)
    save_mask(tmp_path / "a.png", truth * 255)
    loaded = load_pair(Pair("a", tmp_path / "a.jpg", tmp_path / "a.png", "train"), 64)
    assert loaded.problems == []
    inside, outside = loaded.image[loaded.mask == 255].mean(), loaded.image[loaded.mask == 0].mean()
    assert inside < 100 < 160 < outside  # the dark ellipse lies where the mask says


def test_a_small_mask_is_cut_at_half(tmp_path: Path) -> None:
    # Each network pixel covers 2×2: half of it and more is lesion. The sizes that matter are 127.5 (2 of 4) and 63.75 (1 of 4).
    mask = np.zeros((128, 128))
    mask[0, 0:2], mask[0, 4], mask[0:2, 8:10] = 255, 255, 255
    Image.new("RGB", (128, 128)).save(tmp_path / "a.png")
    save_mask(tmp_path / "a_mask.png", mask)
    loaded = load_pair(Pair("a", tmp_path / "a.png", tmp_path / "a_mask.png", "train"), 64)
    assert loaded.mask[0, :5].tolist() == [255, 0, 0, 0, 255]


def test_a_broken_exif_block_does_not_stop_the_check(tmp_path: Path) -> None:
    write_pair(tmp_path / "a.jpg", tmp_path / "a.png")
    plain = (tmp_path / "a.jpg").read_bytes()
    block = b"Exif\0\0" + b"MM\0*" + b"\0\0\0\x08" + b"\xff\xff" + b"\x01\x12\0\x03\0\0\0\x01"
    (tmp_path / "a.jpg").write_bytes(plain[:2] + b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block + plain[2:])
    with pytest.warns(UserWarning, match="Corrupt EXIF"):
        loaded = load_pair(Pair("a", tmp_path / "a.jpg", tmp_path / "a.png", "train"), 64)
    assert loaded.problems == []


def test_long_lists_of_problems_are_cut_short() -> None:
    problems = [Problem("unreadable", Path(str(number)), f"{number} is bad.") for number in range(7)]
    assert describe(problems[:2]) == "0 is bad. 1 is bad."
    assert describe(problems, most=2) == "0 is bad. 1 is bad. … and 5 more."


def test_no_file_is_asked_for_its_size_and_time_more_often_than_needed(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: Counter[Path] = Counter()
    stat = Path.stat

    def counting(self: Path, **options: Any) -> Any:
        asked[self] += 1
        return stat(self, **options)

    monkeypatch.setattr(Path, "stat", counting)
    found = prepared(data)
    assert found.summary()["fingerprint"] == found.fingerprint
    files = [file for folder in ("images", "masks") for file in (data / folder).iterdir()]
    assert {asked[file] for file in files} == {2}  # to name the cache, and once it is decoded, whether it is still the same
    asked.clear()
    prepared(data)
    assert {asked[file] for file in files} == {1}


def test_only_name_problems_are_known_before_decoding(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # What was left out by its name is never decoded, so a mask that is missing costs nothing.
    (data / "masks" / "ISIC_0000000.png").unlink()
    asked: list[int] = []

    def counting(pairs: list[Pair], *rest: Any, **options: Any) -> CachedPairs:
        asked.append(len(pairs))
        return cache_pairs(pairs, *rest, **options)

    monkeypatch.setattr(preparation, "cache_pairs", counting)
    prepared(data, skip_problems=True)
    assert sum(asked) == 9
