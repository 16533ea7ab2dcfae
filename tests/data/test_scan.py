"""The scan of a dataset: sizes, areas and problems worked out by hand, and saved whole."""

from __future__ import annotations

import math
import subprocess
import sys
import zipfile
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from seg_core.common.home import PROJECT
from seg_core.data import check
from seg_core.data.dataset import open_dataset
from seg_core.data.folders import Pair
from seg_core.data.image import write_mask
from seg_core.data.scan.dataset_scan import FINGERPRINT_SIZE, Scan, scan_dataset
from seg_core.errors import InputError
from tests.helpers import SHARED_DATA, make_dataset

GREY = 100


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def add_pair(data: Path, name: str, mask: np.ndarray, split: str = "train", ending: str = "png") -> tuple[Path, Path]:
    """A plain grey photograph of the size of ``mask`` (H, W) bool, and the mask."""
    photo, outline = data / split / "images" / f"{name}.{ending}", data / split / "masks" / f"{name}.png"
    for path in (photo, outline):
        path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", mask.shape[::-1], (GREY, GREY, GREY)).save(photo)
    write_mask(mask, outline)
    return photo, outline


def rectangle(size: tuple[int, int], box: tuple[int, int, int, int]) -> np.ndarray:
    """A mask of ``size`` (width, height) whose lesion goes from left, top to right, bottom."""
    mask = np.zeros(size[::-1], bool)
    mask[box[1] : box[3], box[0] : box[2]] = True
    return mask


def same(first: Scan, second: Scan) -> bool:
    arrays = ("sizes", "areas", "fingerprints")
    lists = ("ids", "splits", "pair_problems", "name_problems")
    for name in arrays:
        one, other = getattr(first, name), getattr(second, name)
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    return all(getattr(first, name) == getattr(second, name) for name in lists)


def test_every_pair_has_its_id_split_size_and_area(data: Path) -> None:
    add_pair(data, "a", rectangle((64, 48), (8, 4, 24, 16)))  # 16 × 12 of 64 × 48 pixels
    add_pair(data, "b", rectangle((1000, 800), (0, 0, 1000, 1)), ending="jpg")  # one row of 800: gone at any smaller size
    add_pair(data, "c", rectangle((30, 50), (0, 0, 30, 50)), split="val")
    add_pair(data, "d", rectangle((40, 20), (0, 0, 0, 0)), split="test")
    seen = scan_dataset(open_dataset(data))
    assert (len(seen), seen.ids, seen.splits) == (4, ["a", "b", "c", "d"], ["train", "train", "val", "test"])
    assert seen.sizes.tolist() == [[64, 48], [1000, 800], [30, 50], [40, 20]]
    assert seen.areas.tolist() == [1 / 16, 1 / 800, 1, 0]
    assert seen.readable.all()
    assert [[problem.kind for problem in problems] for problems in seen.pair_problems] == [[], [], ["full mask"], ["no lesion"]]
    assert seen.name_problems == []


def test_the_area_of_an_ellipse_is_pi_times_its_half_axes(data: Path) -> None:
    y, x = np.mgrid[:600, :800]
    add_pair(data, "a", ((x - 399.5) / 200) ** 2 + ((y - 299.5) / 150) ** 2 <= 1)
    assert scan_dataset(open_dataset(data)).areas[0] == pytest.approx(math.pi * 200 * 150 / (800 * 600), rel=1e-3)


def test_a_photograph_turned_by_exif_is_seen_upright(data: Path) -> None:
    photo, _ = add_pair(data, "a", rectangle((96, 64), (0, 0, 48, 64)), ending="jpg")
    upright = np.full((64, 96, 3), 255, np.uint8)
    upright[:, :48] = 0
    stored = Image.fromarray(np.rot90(upright))  # 64 × 96; orientation 6 asks to turn it back clockwise
    exif = stored.getexif()
    exif[0x0112] = 6
    stored.save(photo, exif=exif, quality=95)
    add_pair(data, "b", rectangle((96, 64), (0, 0, 48, 64)))
    seen = scan_dataset(open_dataset(data))
    assert seen.problems == []
    assert (seen.sizes.tolist(), seen.areas.tolist()) == ([[96, 64], [96, 64]], [0.5, 0.5])
    assert seen.fingerprints[0, :, :30].max() < 20
    assert seen.fingerprints[0, :, 34:].min() > 235


def test_a_fingerprint_is_the_photograph_in_grey_at_64_pixels(data: Path) -> None:
    photo, _ = add_pair(data, "a", rectangle((128, 256), (0, 0, 5, 5)))
    pixels = np.zeros((256, 128, 3), np.uint8)
    pixels[:, 64:] = (255, 0, 0)  # red weighs 0.299 in grey (ITU-R 601)
    Image.fromarray(pixels).save(photo)
    (fingerprint,) = scan_dataset(open_dataset(data)).fingerprints
    assert (fingerprint.shape, fingerprint.dtype) == ((FINGERPRINT_SIZE, FINGERPRINT_SIZE), np.uint8)
    assert set(fingerprint[:, :31].ravel().tolist()) == {0}
    assert set(fingerprint[:, 33:].ravel().tolist()) == {76}


def test_pairs_with_errors_have_neither_area_nor_fingerprint(data: Path) -> None:
    box = rectangle((64, 48), (8, 4, 24, 16))
    for name in "abcd":
        add_pair(data, name, box)
    photos, masks = data / "train" / "images", data / "train" / "masks"
    (photos / "a.png").write_bytes(b"no photograph")
    (masks / "b.png").write_bytes(b"no mask")
    write_mask(rectangle((64, 64), (0, 0, 9, 9)), masks / "c.png")
    add_pair(data, "d", box, split="test")
    (photos / "lone.png").write_bytes((photos / "d.png").read_bytes())
    dataset = open_dataset(data)
    seen = scan_dataset(dataset)
    assert [[problem.kind for problem in problems] for problems in seen.pair_problems] == [
        ["unreadable"],
        ["unreadable"],
        ["different sizes"],
        [],
        [],
    ]
    assert [problem.kind for problem in seen.name_problems] == ["duplicate id", "missing mask"]
    assert seen.problems == [*seen.name_problems, *chain(*seen.pair_problems)]
    assert seen.sizes.tolist() == [[0, 0], [64, 48], [64, 48], [64, 48], [64, 48]]
    assert seen.readable.tolist() == [False, False, False, True, True]
    assert np.isnan(seen.areas).tolist() == [True, True, True, False, False]
    assert [set(fingerprint.ravel().tolist()) for fingerprint in seen.fingerprints] == [{0}, {0}, {0}, {GREY}, {GREY}]


def test_a_saved_scan_is_the_same_when_loaded(data: Path, tmp_path: Path) -> None:
    make_dataset(data, train=3, val=1, test=2)
    (data / "train" / "images" / "ISIC_0000001.jpg").write_bytes(b"no photograph")
    (data / "train" / "masks" / "ISIC_0000000.png").rename(data / "train" / "masks" / "Ä\udcff.png")  # a name that is no UTF-8
    seen = scan_dataset(open_dataset(data))
    assert {problem.kind for problem in seen.problems} == {"missing mask", "orphan mask", "unreadable"}
    path = tmp_path / "new" / "seen.npz"
    seen.save(path)
    assert same(Scan.load(path), seen)
    seen.save(path)  # over the first one
    assert [file.name for file in path.parent.iterdir()] == ["seen.npz"]
    with np.load(path, allow_pickle=False) as saved:
        assert all(saved[name].dtype != object for name in saved.files)


def test_what_is_no_scan_is_refused(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_dataset(data, train=2)
    path = tmp_path / "seen.npz"
    with pytest.raises(InputError, match=r"seen\.npz does not exist; scan the dataset again\."):
        Scan.load(path)
    with monkeypatch.context() as patch:
        patch.setattr("seg_core.data.scan.dataset_scan.SCAN_VERSION", 999)
        scan_dataset(open_dataset(data)).save(path)
    with pytest.raises(InputError, match="was written by another version"):
        Scan.load(path)
    scan_dataset(open_dataset(data)).save(path)
    whole = path.read_bytes()
    np.savez(tmp_path / "other.npz", words=np.zeros(3))
    np.savez(tmp_path / "pickled.npz", words=np.array([{}], object))
    foreign = [(tmp_path / name).read_bytes() for name in ("other.npz", "pickled.npz")]
    for content in (b"", b"no scan", whole[: len(whole) // 2], *foreign):
        path.write_bytes(content)
        with pytest.raises(InputError, match="is not a scan of a dataset, or is damaged"):
            Scan.load(path)
    assert zipfile.is_zipfile(tmp_path / "pickled.npz")  # so it was refused for what is in it


def test_progress_is_told_and_stopping_ends_it_early(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_dataset(data, train=5)
    dataset = open_dataset(data)
    told: list[tuple[int, int]] = []
    scan_dataset(dataset, lambda done, total: told.append((done, total)))
    assert told == [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]

    def stop_at_two(done: int, total: int) -> None:
        told.append((done, total))
        if done == 2:
            raise KeyboardInterrupt

    told.clear()
    with pytest.raises(KeyboardInterrupt):
        scan_dataset(dataset, stop_at_two)
    assert told == [(1, 5), (2, 5)]


def test_torch_is_not_needed() -> None:
    code = "import sys, seg_core.data.scan.duplicates, seg_core.data.scan.dataset_scan; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stdout.strip()) == (0, "False"), done.stderr


def test_every_pair_is_decoded_once(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_dataset(data, train=3)
    (data / "train" / "images" / "ISIC_0000001.jpg").write_bytes(b"no photograph")
    opened: list[str] = []

    def counting(read: Callable[..., Any]) -> Callable[..., Any]:
        def counted(of: Path | Pair, *rest: Any, **named: Any) -> Any:
            opened.append(of.mask.name if isinstance(of, Pair) else of.name)
            return read(of, *rest, **named)

        return counted

    for name in ("read_scaled", "read_truth"):
        monkeypatch.setattr(check, name, counting(getattr(check, name)))
    scan_dataset(open_dataset(data))
    photos_and_masks = [f"ISIC_000000{number}.{ending}" for number in (0, 1, 2) for ending in ("jpg", "png")]
    assert sorted(opened) == [name for name in photos_and_masks if name != "ISIC_0000001.png"]


@pytest.mark.slow
@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="the real photographs (../shared/data) are not here")
def test_real_photographs_at_two_resolutions_look_the_same() -> None:
    originals, small = (scan_dataset(open_dataset(SHARED_DATA / f"isic2016-{kind}")) for kind in ("fullres", "256"))
    places = [small.ids.index(id) for id in originals.ids]
    assert (originals.problems, small.problems) == ([], [])
    assert len(originals) == 60
    assert originals.sizes.max() == 3072
    assert set(small.sizes.ravel().tolist()) == {256}
    np.testing.assert_allclose(small.areas[places], originals.areas, atol=0.005)
    differences = np.abs(originals.fingerprints.astype(int) - small.fingerprints[places])
    assert differences.mean() < 2
