"""One image cache for a dataset: all its splits, folds and seeds read what any of them decoded."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seg_core.config import SplitSpec
from seg_core.data.cache.storage import cache_bytes, cache_folder, cache_pairs
from seg_core.data.check import load_pair
from seg_core.data.dataset import Dataset, open_dataset
from seg_core.data.folders import Pair
from seg_core.errors import InputError
from seg_core.training import preparation
from seg_core.training.preparation import PreparedData, prepare
from tests.helpers import make_dataset, tiny_config

FOLDS, TRAIN, VAL, TEST, SIZE = 5, 9, 1, 2, 64
COUNT = TRAIN + VAL
FULL = COUNT * SIZE * SIZE * 4  # bytes of the pixels, without the files' headers of 128 bytes each


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return open_dataset(make_dataset(tmp_path / "data", train=TRAIN, val=VAL, test=TEST))


def prepared(dataset: Dataset, steps: list[tuple[int, int, str]] | None = None, **settings: Any) -> PreparedData:
    return prepare(dataset, tiny_config(**settings), lambda *step: steps.append(step) if steps is not None else None)


def caches() -> list[Path]:
    return [path for path in cache_folder().iterdir() if path.is_dir()]


def assert_reads(data: PreparedData) -> None:
    for pairs in (data.train, data.val):
        images, masks, given = pairs.read(range(len(pairs)))
        assert given == list(range(len(pairs)))
        for image, mask, pair in zip(images, masks, pairs.pairs, strict=True):
            expected = load_pair(pair, SIZE)
            np.testing.assert_array_equal(image, expected.image)
            np.testing.assert_array_equal(mask, expected.mask)


def test_five_folds_decode_each_pair_once_into_one_cache(dataset: Dataset, decoded: list[Pair]) -> None:
    for fold in range(1, FOLDS + 1):
        data = prepared(dataset, folds=FOLDS, fold=fold)
        split = dataset.split(SplitSpec(0, 0.2, FOLDS, fold))
        assert (data.train.pairs, data.val.pairs) == (split.train, split.val)
        assert_reads(data)
    assert sorted(pair.id for pair in decoded) == [pair.id for pair in dataset.trainable]
    assert len(caches()) == 1
    assert FULL < cache_bytes() < FULL + 1000


def test_the_second_fold_decodes_nothing_and_shows_no_progress(dataset: Dataset, decoded: list[Pair]) -> None:
    steps: list[tuple[int, int, str]] = []
    prepared(dataset, steps, folds=FOLDS, fold=1)
    assert steps == [(done, 8, "training photographs") for done in range(1, 9)] + [
        (done, 2, "validation photographs") for done in (1, 2)
    ]
    decoded.clear()
    steps.clear()
    data = prepared(dataset, steps, folds=FOLDS, fold=2)
    assert (decoded, steps, data.notes) == ([], [], [])
    assert (data.train.ready, data.val.ready) == (8, 2)


def test_other_seeds_and_the_datasets_own_split_read_the_same_cache(tmp_path: Path, decoded: list[Pair]) -> None:
    drawn = open_dataset(make_dataset(tmp_path / "drawn", train=COUNT))
    for seed in range(3):
        assert_reads(prepared(drawn, seed=seed))
    assert len(decoded) == COUNT
    own = open_dataset(make_dataset(tmp_path / "own", train=TRAIN, val=VAL))
    assert_reads(prepared(own))
    assert_reads(prepared(own, folds=2))
    assert len(decoded) == 2 * COUNT
    assert len(caches()) == 2


def test_the_order_of_joined_folders_does_not_matter(tmp_path: Path, decoded: list[Pair]) -> None:
    folders = [make_dataset(tmp_path / name, train=4, first=first) for name, first in (("a", 0), ("b", 4))]
    for sources in (folders, folders[::-1]):
        assert_reads(prepared(open_dataset(sources)))
    assert (len(decoded), len(caches())) == (8, 1)


def test_test_photographs_are_not_decoded_and_not_in_the_key(dataset: Dataset, decoded: list[Pair]) -> None:
    prepared(dataset)
    (tested, *_) = dataset.test
    os.utime(tested.image, (1, 1))
    prepared(dataset)
    assert not {pair.id for pair in dataset.test} & {pair.id for pair in decoded}
    assert (len(decoded), len(caches())) == (COUNT, 1)


def test_a_short_warm_up_decodes_what_this_training_needs_first(
    dataset: Dataset, decoded: list[Pair], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(100))
    with monkeypatch.context() as patch:
        patch.setattr(preparation, "WARM_UP_SECONDS", 6)
        patch.setattr("seg_core.training.preparation.time.monotonic", lambda: next(clock))
        data = prepared(dataset, folds=FOLDS, fold=3)
    assert 0 < data.train.ready < len(data.train)
    assert data.val.ready == 0
    decoded.clear()
    prepared(dataset, folds=FOLDS, fold=3)
    *of_train, _, _ = (pair.id for pair in decoded)
    assert set(of_train) <= {pair.id for pair in data.train.pairs}
    assert {pair.id for pair in decoded[-2:]} == {pair.id for pair in data.val.pairs}


def test_each_fold_learns_of_the_problems_of_its_own_pairs(dataset: Dataset, decoded: list[Pair]) -> None:
    bad = dataset.split(SplitSpec(0, 0.2, FOLDS, 1)).val[0]
    bad.image.write_bytes(b"no photograph")
    for fold in (1, 2):
        data = prepared(dataset, folds=FOLDS, fold=fold, skip_problems=True)
        concerned, other = (data.val, data.train) if fold == 1 else (data.train, data.val)
        assert [problem.file for problem in concerned.problems] == [bad.image]
        assert (concerned.usable, other.usable) == (len(concerned) - 1, len(other))
        assert other.problems == []
        assert [note.split(" is not")[0] for note in data.notes] == [f"Left out: {bad.image.name}"]
        assert data.new_notes() == []
        with pytest.raises(InputError, match=f"1 of the pairs cannot be trained on: {bad.image.name}"):
            concerned[concerned.pairs.index(bad)]
    assert len(decoded) == COUNT
    with pytest.raises(InputError, match="--skip-problems"):
        prepared(dataset, folds=FOLDS, fold=3)


def test_two_trainings_that_are_open_at_once_fill_one_cache(
    dataset: Dataset, decoded: list[Pair], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparation, "WARM_UP_SECONDS", 0)
    monkeypatch.setattr("seg_core.data.cache.pixel_store.PUBLISH_SECONDS", 0)
    first, second = (prepared(dataset, folds=FOLDS, fold=fold) for fold in (1, 2))
    assert_reads(first)
    assert_reads(second)
    assert len(decoded) == COUNT


def test_a_selection_is_indexed_by_itself(dataset: Dataset) -> None:
    whole = cache_pairs(dataset.trainable, SIZE, seconds=0)
    chosen = whole.select([dataset.trainable[7], dataset.trainable[2]])
    assert_reads_pair(chosen[0], dataset.trainable[7])
    assert_reads_pair(chosen[-1], dataset.trainable[2])
    assert (whole.ready, chosen.ready) == (2, 2)
    again = chosen.select([dataset.trainable[2]])
    assert_reads_pair(again[0], dataset.trainable[2])
    for beyond in (-1, 2):
        with pytest.raises(IndexError):
            chosen.read([beyond])
    with pytest.raises(KeyError):
        again.select([dataset.trainable[7]])


def assert_reads_pair(read: tuple[np.ndarray, np.ndarray], pair: Pair) -> None:
    expected = load_pair(pair, SIZE)
    np.testing.assert_array_equal(read[0], expected.image)
    np.testing.assert_array_equal(read[1], expected.mask)
