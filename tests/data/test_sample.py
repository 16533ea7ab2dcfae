"""The built-in sample dataset: the same pixels every time, plausible lesions, made once and whole."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seg_core.data.sample import folder as folder_module
from seg_core.data.sample.folder import sample_folder
from seg_core.data.sample.painter import Painting, paint
from seg_core.errors import InputError
from tests.helpers import find_pairs


@pytest.fixture(
    scope="module", params=[pytest.param((48, 12), id="part"), pytest.param((160, 40), id="whole", marks=pytest.mark.slow)]
)
def dataset(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first photographs of the dataset, or all, as it is made for users; each depends on its number alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LESIONLAB_HOME", str(tmp_path_factory.mktemp("home")))
        for name, count in zip(("TRAIN_COUNT", "TEST_COUNT"), request.param, strict=True):
            patch.setattr(folder_module, name, count)
        return sample_folder()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache folder of a fresh home, in which the sample has 2 + 1 pairs."""
    monkeypatch.setenv("LESIONLAB_HOME", str(tmp_path))
    monkeypatch.setattr(folder_module, "TRAIN_COUNT", 2)
    monkeypatch.setattr(folder_module, "TEST_COUNT", 1)
    return tmp_path / "cache"


def painting(index: int) -> Painting:
    return paint(np.random.default_rng([folder_module.SEED, index]))


def digest(painted: Painting) -> str:
    return hashlib.sha256(painted.photo.tobytes() + painted.mask.tobytes()).hexdigest()


def masks(folder: Path) -> list[np.ndarray]:
    return [np.asarray(Image.open(path)) for path in sorted(folder.glob("*/masks/*.png"))]


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("index", [0, 171])
def test_a_photograph_depends_on_its_number_alone(index: int) -> None:
    first = digest(painting(index))
    painting(index + 1)
    assert digest(painting(index)) == first
    assert digest(painting(index + 1)) != first


def test_the_dataset_has_160_training_and_40_test_pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = painting(0)
    monkeypatch.setenv("LESIONLAB_HOME", str(tmp_path))
    monkeypatch.setattr(folder_module, "paint", lambda _: one)
    whole = sample_folder()
    pairs = find_pairs(whole)
    assert [sum(pair.split == split for pair in pairs) for split in ("train", "val", "test")] == [160, 0, 40]
    assert {pair.id for pair in pairs} == {f"sample_{number:04d}" for number in range(1, 201)}
    assert len(files(whole)) == 400


def test_photographs_and_masks_have_one_size(dataset: Path) -> None:
    for pair in find_pairs(dataset):
        with Image.open(pair.image) as photo, Image.open(pair.mask) as mask:
            assert (photo.format, photo.mode, photo.size) == ("JPEG", "RGB", (256, 256))
            assert (mask.format, mask.mode, mask.size) == ("PNG", "L", (256, 256))


def test_masks_are_0_and_255_with_lesion_and_skin(dataset: Path) -> None:
    for mask in masks(dataset):
        assert np.unique(mask).tolist() == [0, 255]


def test_lesions_are_as_large_as_real_ones(dataset: Path) -> None:
    # ISIC 2016 training masks: 5 % have less than 0.04 of the photograph, half less than 0.21, 95 % less than 0.65.
    areas = [float(np.mean(mask == 255)) for mask in masks(dataset)]
    low, median, high = np.percentile(areas, [5, 50, 95])
    assert 0.02 < low < 0.07
    assert 0.16 < median < 0.27
    assert 0.5 < high < 0.75
    assert min(areas) > 0.01
    assert max(areas) < 0.95


def test_lesions_lie_where_real_ones_do(dataset: Path) -> None:
    # In the ISIC 2016 training masks the mean centre is (0.48, 0.50), with a deviation of 0.06 and 0.05.
    centres = np.array([np.argwhere(mask).mean(axis=0) / 256 for mask in masks(dataset)])
    assert centres.mean(axis=0) == pytest.approx([0.5, 0.49], abs=0.03)
    assert np.all(centres.std(axis=0) < 0.1)
    assert np.all(centres.std(axis=0) > 0.03)


def test_most_lesions_are_darker_than_their_skin_and_some_barely(dataset: Path) -> None:
    contrast = []
    for pair in find_pairs(dataset):
        with Image.open(pair.image) as photo, Image.open(pair.mask) as mask:
            green, lesion = np.asarray(photo)[..., 1], np.asarray(mask) == 255
        contrast.append(float(np.median(green[~lesion])) - float(np.median(green[lesion])))
    assert np.mean(np.array(contrast) > 0) > 0.95
    assert np.percentile(contrast, 10) < 30
    assert np.percentile(contrast, 90) > 70


def test_it_is_made_once_and_reports_each_pair(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    progress: list[tuple[int, int]] = []
    folder = sample_folder(lambda done, total: progress.append((done, total)))
    assert folder == cache / "sample-v1"
    assert progress == [(1, 3), (2, 3), (3, 3)]

    def refuse(*_: object) -> None:
        raise AssertionError("made again")

    monkeypatch.setattr(folder_module, "paint", refuse)
    assert sample_folder(refuse) == folder


def test_it_is_the_same_in_another_home(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = files(sample_folder())
    monkeypatch.setenv("LESIONLAB_HOME", str(tmp_path / "elsewhere"))
    assert files(sample_folder()) == here


def test_a_folder_that_cannot_be_written_is_one_sentence(cache: Path) -> None:
    cache.touch()
    with pytest.raises(InputError, match=r"^The sample cannot be written to .*sample-v1 \(.+\); make room or set"):
        sample_folder()


@pytest.mark.parametrize("reason", [RuntimeError, KeyboardInterrupt])
def test_an_aborted_making_leaves_nothing(cache: Path, reason: type[BaseException]) -> None:
    def abort(done: int, _: int) -> None:
        if done == 2:
            raise reason

    with pytest.raises(reason):
        sample_folder(abort)
    assert list(cache.iterdir()) == []
    assert len(files(sample_folder())) == 6


def test_its_folder_appears_only_when_all_is_made(cache: Path) -> None:
    seen: list[bool] = []
    sample_folder(lambda *_: seen.append((cache / "sample-v1").exists()))
    assert seen == [False] * 3


def test_of_two_makings_at_once_one_stays(cache: Path) -> None:
    started = False

    def let_another_finish(done: int, _: int) -> None:
        nonlocal started
        if not started:
            started = True
            shutil.copytree(sample_folder(), cache / "copy")

    folder = sample_folder(let_another_finish)
    assert sorted(path.name for path in cache.iterdir()) == ["copy", "sample-v1"]
    assert files(folder) == files(cache / "copy")
