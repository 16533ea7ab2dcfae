"""Near-duplicates: copies under all symmetries are found and named, other photographs are not; leakage and repetition."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from seg_core.data.dataset import open_dataset
from seg_core.data.folders import SplitName
from seg_core.data.image import write_mask
from seg_core.data.sample.painter import paint
from seg_core.data.scan import duplicates
from seg_core.data.scan.dataset_scan import FINGERPRINT_SIZE, Scan, scan_dataset
from seg_core.data.scan.duplicates import OTHER_PICTURE, Duplicate, leakage, near_duplicates
from seg_core.data.scan.similarity import TRANSFORMATIONS, agreement, coarse, details, turn
from tests.helpers import SHARED_DATA

# What Pillow calls them; its ROTATE_90 is anticlockwise.
TURNS = {
    "unchanged": None,
    "turned by 90° clockwise": Image.Transpose.ROTATE_270,
    "turned by 180°": Image.Transpose.ROTATE_180,
    "turned by 90° anticlockwise": Image.Transpose.ROTATE_90,
    "mirrored left to right": Image.Transpose.FLIP_LEFT_RIGHT,
    "mirrored left to right and turned by 90° anticlockwise": Image.Transpose.TRANSPOSE,
    "mirrored top to bottom": Image.Transpose.FLIP_TOP_BOTTOM,
    "mirrored left to right and turned by 90° clockwise": Image.Transpose.TRANSVERSE,
}


def painting(seed: int, size: tuple[int, int] = (240, 180)) -> Image.Image:
    """A photograph like those of the sample dataset, but not square."""
    return Image.fromarray(paint(np.random.default_rng(seed)).photo).resize(size)


def save_pair(folder: Path, photo: Image.Image, id: str, split: str, quality: int = 92) -> None:
    images, masks = folder / split / "images", folder / split / "masks"
    for path in (images, masks):
        path.mkdir(parents=True, exist_ok=True)
    photo.save(images / f"{id}.jpg", quality=quality)
    write_mask(np.ones(photo.size[::-1], bool), masks / f"{id}.png")


def scan_of(fingerprints: Sequence[np.ndarray], splits: Sequence[SplitName] = (), ids: Sequence[str] = ()) -> Scan:
    """A scan with these fingerprints, all training unless told."""
    count = len(fingerprints)
    names = list(ids) or [str(place) for place in range(count)]
    sizes, areas = np.full((count, 2), 64, np.int32), np.full(count, 0.5)
    return Scan(names, list(splits) or ["train"] * count, sizes, areas, np.stack(fingerprints), [[] for _ in names], [])


def noise(seed: int) -> np.ndarray:
    """A fingerprint of large and small soft patches, 45 to 195, similar to no other."""
    random, side = np.random.default_rng(seed), (FINGERPRINT_SIZE, FINGERPRINT_SIZE)
    large, small = (random.integers(low, high + 1, (cells, cells)) for cells, low, high in ((4, 60, 180), (32, -15, 15)))
    wide = [np.asarray(Image.fromarray(each.astype(np.float32)).resize(side)) for each in (large, small)]
    return np.asarray((wide[0] + wide[1]).clip(0, 255), np.uint8)


def named(found: Sequence[Duplicate]) -> set[tuple[str, str, str]]:
    return {(each.first.id, each.second.id, each.transformation) for each in found}


def test_copies_under_all_eight_symmetries_are_found_and_named(tmp_path: Path) -> None:
    assert set(TURNS) == set(TRANSFORMATIONS)
    for number, (name, method) in enumerate(TURNS.items()):
        photo = painting(number)
        save_pair(tmp_path, photo, f"{number}", "train")
        copy = photo if method is None else photo.transpose(method)
        changed = ImageEnhance.Brightness(copy.resize((copy.width * 2 // 3, copy.height * 2 // 3))).enhance(0.85)
        save_pair(tmp_path, changed, f"{number} {name}", "test", quality=60)
    dataset = open_dataset(tmp_path)
    found = near_duplicates(scan_dataset(dataset))
    assert named(found) == {(f"{number}", f"{number} {name}", name) for number, name in enumerate(TURNS)}
    assert all(each.is_leakage and each.correlation > 0.95 and each.agreement > 0.6 for each in found)
    assert [each.agreement for each in found] == sorted((each.agreement for each in found), reverse=True)
    for each in found:
        for one in (each.first, each.second):
            pair = dataset.pairs[one.index]
            assert (pair.id, pair.split) == (one.id, one.split)


def test_other_photographs_are_not(tmp_path: Path) -> None:
    for number in range(24):
        save_pair(tmp_path, painting(number), f"{number}", "train" if number % 2 else "test")
    seen = scan_dataset(open_dataset(tmp_path))
    assert near_duplicates(seen) == []
    assert near_duplicates(seen, least_agreement=-1)  # though some of them correlate, so that their details were asked


def test_plain_photographs_are_like_nothing() -> None:
    plain = [np.full((FINGERPRINT_SIZE, FINGERPRINT_SIZE), value, np.uint8) for value in (0, 0, 255, 90)]
    assert near_duplicates(scan_of(plain), least_agreement=-1) == []


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    symmetry=st.integers(0, 7),
    gain=st.floats(0.5, 1.2),
    offset=st.integers(-15, 15),
    shift=st.tuples(st.integers(-1, 1), st.integers(-1, 1)),
)
def test_any_turn_shade_and_small_shift_is_found(
    seed: int, symmetry: int, gain: float, offset: int, shift: tuple[int, int]
) -> None:
    first = noise(seed)
    moved = np.roll(np.clip(first * gain + offset, 0, 255).astype(np.uint8), shift, (0, 1))
    method = TURNS[TRANSFORMATIONS[symmetry]]
    second = moved if method is None else np.asarray(Image.fromarray(moved).transpose(method))
    (found,) = near_duplicates(scan_of([first, noise(seed + 1), second]))
    assert (found.first.index, found.second.index, found.transformation) == (0, 2, TRANSFORMATIONS[symmetry])


@pytest.mark.parametrize("symmetry", range(8))
def test_turning_undoes_the_transformation_of_that_name(symmetry: int) -> None:
    picture = np.arange(9, dtype=np.uint8).reshape(1, 3, 3)
    method = TURNS[TRANSFORMATIONS[symmetry]]
    made = picture[0] if method is None else np.asarray(Image.fromarray(picture[0]).transpose(method))
    np.testing.assert_array_equal(turn(made[None], symmetry), picture)


def test_the_correlation_is_pearsons_of_the_means_of_four_pixels() -> None:
    pictures = [np.random.default_rng(seed).integers(0, 256, (64, 64), np.uint8) for seed in (1, 2)]
    small = [each.reshape(32, 2, 32, 2).mean((1, 3)) for each in pictures]
    forms = coarse(np.stack(pictures))
    assert float((forms[0] * forms[1]).sum()) == pytest.approx(np.corrcoef(small[0].ravel(), small[1].ravel())[0, 1], abs=1e-5)
    assert float((forms[0] ** 2).sum()) == pytest.approx(1, abs=1e-5)


def test_details_agree_with_themselves_also_when_they_moved_by_four_pixels() -> None:
    wide = np.random.default_rng(3).integers(0, 256, (80, 80), np.uint8)
    at = {shift: details(wide[None, 8:72, 8 + shift : 72 + shift]) for shift in (0, 4, 8)}
    assert float(agreement(at[0], at[0])[0]) == pytest.approx(1, abs=2e-3)
    assert float(agreement(at[0], at[4])[0]) > 0.9
    assert float(agreement(at[0], at[8])[0]) < 0.2


def test_blocks_leave_nothing_out(monkeypatch: pytest.MonkeyPatch) -> None:
    originals = [noise(seed) for seed in range(9)]
    seen = scan_of([*originals, *[each[:, ::-1] for each in originals]])
    expected = near_duplicates(seen)
    assert named(expected) == {(str(place), str(place + 9), "mirrored left to right") for place in range(9)}
    progress: list[tuple[int, int]] = []
    monkeypatch.setattr(duplicates, "_BLOCK", 4)
    in_blocks = near_duplicates(seen, on_progress=lambda done, total: progress.append((done, total)))
    assert named(in_blocks) == named(expected)
    assert progress == [(done, 5) for done in range(1, 6)]


def test_pairs_with_errors_are_left_out() -> None:
    seen = scan_of([noise(0), noise(0), noise(1), noise(0)], ["train", "train", "train", "test"])
    seen.areas[1] = np.nan
    assert [(each.first.index, each.second.index) for each in near_duplicates(seen)] == [(0, 3)]


@pytest.mark.parametrize(
    ("splits", "leaks"),
    [
        (("train", "test"), True),
        (("test", "train"), True),
        (("train", "val"), True),
        (("val", "train"), True),
        (("train", "train"), False),
        (("test", "test"), False),
        (("val", "test"), False),
    ],
)
def test_leakage_is_between_what_trains_and_what_does_not(splits: tuple[SplitName, SplitName], leaks: bool) -> None:
    (found,) = near_duplicates(scan_of([noise(0), noise(0)], splits))
    assert (found.first.split, found.second.split, found.is_leakage) == (*splits, leaks)


def test_leakage_comes_first() -> None:
    dim = (noise(0) * 0.6).astype(np.uint8)
    dim[20:30, 20:30] = 90
    found = near_duplicates(scan_of([noise(1), noise(1), noise(0), dim], ["train", "train", "train", "test"]))
    assert [(each.first.index, each.is_leakage) for each in found] == [(2, True), (0, False)]
    assert found[0].agreement < found[1].agreement


def test_the_same_id_in_two_splits_is_leakage_whatever_it_shows() -> None:
    pictures = [noise(0), noise(1), noise(0), noise(2), noise(3)]
    found = near_duplicates(scan_of(pictures, ["train", "train", "test", "test", "train"], ["a", "b", "a", "b", "b"]))
    shown = {(each.first.index, each.second.index): each for each in found}
    assert {places: each.transformation for places, each in shown.items()} == {
        (0, 2): "unchanged",
        (1, 3): OTHER_PICTURE,
        (3, 4): OTHER_PICTURE,  # but not 1 and 4, which are in the same split
    }
    assert all(each.is_leakage for each in found)
    assert shown[1, 3].agreement < duplicates.AGREEMENT < shown[0, 2].agreement


def test_warnings_name_both_photographs(tmp_path: Path) -> None:
    save_pair(tmp_path, painting(1), "a", "train")
    save_pair(tmp_path, painting(2), "b", "train")
    save_pair(tmp_path, painting(2), "again", "train")
    save_pair(tmp_path, painting(3), "same", "train")
    save_pair(tmp_path, painting(1).transpose(Image.Transpose.ROTATE_90), "c", "test")
    save_pair(tmp_path, painting(3), "same", "test")
    dataset = open_dataset(tmp_path)
    (problem,) = leakage(dataset, near_duplicates(scan_dataset(dataset)))
    assert (problem.kind, problem.is_error, problem.file) == ("leakage", False, tmp_path / "test" / "images" / "c.jpg")
    seen = "c.jpg (test) looks like the same photograph as a.jpg (train), mirrored or turned"
    assert problem.message == f"{seen}; compare them, and remove one of the two."
    others = [other.kind for other in scan_dataset(dataset).problems if other.kind != "full mask"]
    assert others == ["duplicate id"]  # "same" is named there


@pytest.mark.slow
@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="the real photographs (../shared/data) are not here")
def test_real_photographs() -> None:
    dataset = open_dataset([SHARED_DATA / "isic2016-256", SHARED_DATA / "isic2017-extra-256"])
    found = near_duplicates(scan_dataset(dataset))
    leaks = {(each.first.id, each.second.id) for each in found if each.is_leakage}
    # The same slides scanned again, as judged by eye. The other ten pairs are within the training photographs.
    assert leaks == {("ISIC_0000157", "ISIC_0014946"), ("ISIC_0000215", "ISIC_0015313")}
    assert len(found) == 12
