"""The image cache: every pair is decoded once; no cache is stale, incomplete or beyond the limit."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from seg_core.data import check
from seg_core.data.cache import pixel_store
from seg_core.data.cache.cached_pairs import CachedPairs
from seg_core.data.cache.image_cache import ImageCache
from seg_core.data.cache.storage import cache_bytes, cache_folder, cache_limit, cache_pairs, clear_cache
from seg_core.data.check import load_pair
from seg_core.data.folders import Pair
from seg_core.errors import InputError, PassingError
from tests.helpers import find_pairs, make_dataset, write_pair

SIZE = 32
ONE_CACHE = 3 * SIZE * SIZE * 4  # bytes of three pairs, without the files' headers of 128 bytes each


@pytest.fixture(autouse=True)
def default_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LESIONLAB_CACHE_GB", raising=False)


@pytest.fixture
def pairs(tmp_path: Path) -> list[Pair]:
    return find_pairs(make_dataset(tmp_path / "data", train=3))


def assert_holds(cached: CachedPairs, pairs: list[Pair]) -> None:
    assert len(cached) == len(pairs)
    images, masks, given = cached.read(range(len(pairs)))
    assert given == list(range(len(pairs)))
    for index, pair in enumerate(pairs):
        expected = load_pair(pair, SIZE)
        image, mask = cached[index]
        for one, other in ((image, images[index]), (mask, masks[index])):
            np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(image, expected.image)
        np.testing.assert_array_equal(mask, expected.mask)


def caches() -> set[str]:
    return {folder.name for folder in cache_folder().iterdir() if folder.is_dir()} if cache_folder().exists() else set()


def limit(monkeypatch: pytest.MonkeyPatch, bytes: float) -> None:
    monkeypatch.setenv("LESIONLAB_CACHE_GB", str(bytes / 1e9))


def test_the_second_time_is_read_and_not_decoded(pairs: list[Pair], decoded: list[Pair]) -> None:
    progress: list[tuple[int, int]] = []
    cached = cache_pairs(pairs, SIZE, lambda done, total: progress.append((done, total)))
    assert progress == [(1, 3), (2, 3), (3, 3)]
    assert (cached.ready, cached.uncached) == (3, "")
    assert_holds(cache_pairs(pairs, SIZE, lambda done, total: progress.append((done, total))), pairs)
    assert len(progress) == 3
    assert sorted(pair.id for pair in decoded) == [pair.id for pair in pairs]


def test_what_is_all_there_is_read_without_looking_at_a_file(pairs: list[Pair], monkeypatch: pytest.MonkeyPatch) -> None:
    cached = cache_pairs(pairs, SIZE)

    def fail(*_: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(ImageCache, "_decode", fail)
    shutil.rmtree(pairs[0].image.parent)
    images, masks, given = cached.read([2, 0, 2])
    assert images.shape == (3, SIZE, SIZE, 3)
    assert images.dtype == masks.dtype == np.uint8
    assert (masks.shape, set(np.unique(masks).tolist())) == ((3, SIZE, SIZE), {0, 255})
    assert given == [2, 0, 2]
    images[:] = 7  # a copy: the cache is never written to
    assert cached[2][0].max() > 7


def test_indices_beyond_the_pairs_are_refused(pairs: list[Pair]) -> None:
    for seconds in (0, 60):
        cached = cache_pairs(pairs, SIZE, seconds=seconds)
        with pytest.raises(IndexError):
            cached.read([3])
        with pytest.raises(IndexError):
            cached[3]
    np.testing.assert_array_equal(cached[-1][0], cached[2][0])
    with pytest.raises(IndexError):
        cache_pairs(pairs, 64, seconds=0).read([-1])


def test_problems_are_remembered_with_the_pixels(pairs: list[Pair], decoded: list[Pair]) -> None:
    pairs[1].image.write_bytes(b"no photograph")
    first, second = cache_pairs(pairs, SIZE), cache_pairs(pairs, SIZE)
    assert [(problem.kind, problem.file) for problem in first.problems] == [("unreadable", pairs[1].image)]
    assert second.problems == first.problems == second.errors
    assert (second.usable, second.ready) == (2, 3)
    assert len(decoded) == 3
    with pytest.raises(InputError, match=r"1 of the pairs cannot be trained on: ISIC_0000001\.jpg is not an image"):
        second[1]


def test_what_could_not_be_read_for_now_is_tried_again(pairs: list[Pair], monkeypatch: pytest.MonkeyPatch) -> None:
    def away(source: Path, side: int, **_: object) -> None:
        raise PassingError(f"{source.name} cannot be read (Stale file handle); check its permissions and its drive.")

    with monkeypatch.context() as patch:
        patch.setattr(check, "read_scaled", away)
        assert cache_pairs(pairs, SIZE).usable == 0
    assert_holds(cache_pairs(pairs, SIZE), pairs)


@pytest.mark.parametrize("change", ["size", "time", "mask"])
def test_a_changed_file_makes_another_cache(change: str, pairs: list[Pair], decoded: list[Pair], tmp_path: Path) -> None:
    cache_pairs(pairs, SIZE)
    before = pairs[0].image.stat()
    if change == "size":
        write_pair(pairs[0].image, tmp_path / "unused.png", seed=9)
        os.utime(pairs[0].image, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert pairs[0].image.stat().st_size != before.st_size
    elif change == "time":
        os.utime(pairs[0].image, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
        assert pairs[0].image.stat().st_size == before.st_size
    else:
        os.utime(pairs[2].mask, (1, 1))
    assert_holds(cache_pairs(pairs, SIZE), pairs)
    assert len(decoded) == 6
    assert len(caches()) == 2


def test_another_size_or_selection_makes_another_cache(pairs: list[Pair]) -> None:
    cache_pairs(pairs, SIZE)
    assert cache_pairs(pairs, 64)[0][0].shape == (64, 64, 3)
    assert_holds(cache_pairs(pairs[::-1], SIZE), pairs[::-1])
    assert_holds(cache_pairs(pairs[:1], SIZE), pairs[:1])
    assert len(caches()) == 4


def test_what_killed_builders_and_earlier_versions_left_goes(pairs: list[Pair]) -> None:
    for name, file in ((".building-old", "images.npy"), ("0123456789abcdef", "index.json")):
        (cache_folder() / name).mkdir(parents=True)
        (cache_folder() / name / file).write_bytes(bytes(1000))
    cached = cache_pairs(pairs, SIZE)
    assert_holds(cached, pairs)
    assert len(caches()) == 1


@pytest.mark.parametrize("damage", ["images.npy", "masks.npy", "done.npy", "problems.jsonl"])
@pytest.mark.parametrize("how", ["missing", "empty", "cut"])
def test_a_damaged_cache_is_made_again(how: str, damage: str, pairs: list[Pair]) -> None:
    cache_pairs(pairs, SIZE)
    file = cache_folder() / caches().pop() / damage
    content = file.read_bytes()
    file.unlink()
    if how != "missing":
        file.write_bytes(content[: len(content) // 2] if how == "cut" else b"")
    assert_holds(cache_pairs(pairs, SIZE), pairs)
    assert_holds(cache_pairs(pairs, SIZE), pairs)


def test_the_least_recently_used_cache_goes_first(
    pairs: list[Pair], decoded: list[Pair], monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = [pairs, pairs[::-1], [pairs[1], pairs[0], pairs[2]]]
    for age, order in enumerate(orders[:2]):
        before = caches()
        cache_pairs(order, SIZE)
        (made,) = caches() - before
        os.utime(cache_folder() / made / "done.npy", (1000 + age, 1000 + age))
    cache_pairs(orders[0], SIZE)  # now the second one is the least recently used
    limit(monkeypatch, 2.5 * ONE_CACHE)
    cache_pairs(orders[2], SIZE)
    assert len(decoded) == 3 * 3
    cache_pairs(orders[0], SIZE)
    cache_pairs(orders[2], SIZE)
    assert len(decoded) == 3 * 3
    cache_pairs(orders[1], SIZE)
    assert len(decoded) == 4 * 3


def test_all_caches_together_stay_within_the_limit(pairs: list[Pair], monkeypatch: pytest.MonkeyPatch) -> None:
    limit(monkeypatch, 2.5 * ONE_CACHE)
    for order in (pairs, pairs[::-1], [pairs[1], pairs[0], pairs[2]]):
        cache_pairs(order, SIZE)
        assert 0 < cache_bytes() <= 2.5 * ONE_CACHE


def test_caches_that_are_not_filled_yet_count_as_if_they_were(pairs: list[Pair], monkeypatch: pytest.MonkeyPatch) -> None:
    limit(monkeypatch, 1.5 * ONE_CACHE)
    empty = cache_pairs(pairs, SIZE, seconds=0)
    assert cache_bytes() < ONE_CACHE
    other = cache_pairs(pairs[::-1], SIZE)
    assert other.uncached == "do not fit into the image cache (1.2e-05 GB; raise LESIONLAB_CACHE_GB)"
    empty.warm_up()
    assert ONE_CACHE < cache_bytes() <= 1.5 * ONE_CACHE


def test_a_cache_in_use_is_not_deleted_to_make_room(pairs: list[Pair], monkeypatch: pytest.MonkeyPatch) -> None:
    limit(monkeypatch, 1.5 * ONE_CACHE)
    cached = cache_pairs(pairs, SIZE)
    (used,) = caches()
    assert_holds(cache_pairs(pairs[::-1], SIZE), pairs[::-1])
    assert caches() == {used}
    del cached
    assert not cache_pairs(pairs[::-1], SIZE).uncached
    assert len(caches() - {used}) == len(caches()) == 1


def test_beyond_the_limit_pairs_are_decoded_on_the_fly_with_the_same_values(
    pairs: list[Pair], decoded: list[Pair], monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(monkeypatch, ONE_CACHE - 1)
    cached = cache_pairs(pairs, SIZE)
    assert "raise LESIONLAB_CACHE_GB" in cached.uncached
    assert_holds(cached, pairs)
    assert caches() == set()
    pairs[1].image.write_bytes(b"no photograph")
    cached = cache_pairs(pairs, SIZE, skip_problems=True)
    assert [problem.kind for problem in cached.problems] == ["unreadable"]
    decoded.clear()
    images, masks, given = cached.read([1, 2, 0])
    assert given == [2, 0]
    assert {pair.id for pair in decoded} == {pairs[2].id, pairs[0].id}
    for place, index in enumerate(given):
        expected = load_pair(pairs[index], SIZE)
        np.testing.assert_array_equal(images[place], expected.image)
        np.testing.assert_array_equal(masks[place], expected.mask)


def test_a_limit_that_was_lowered_keeps_what_is_whole_and_fills_no_further(
    pairs: list[Pair], monkeypatch: pytest.MonkeyPatch
) -> None:
    cache_pairs(pairs, SIZE)
    cache_pairs(pairs[::-1], SIZE, seconds=0)
    limit(monkeypatch, 10)
    assert not cache_pairs(pairs, SIZE).uncached
    assert cache_pairs(pairs[::-1], SIZE).uncached


def test_a_full_disk_is_not_filled_further(pairs: list[Pair], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=ONE_CACHE - 1))
    cached = cache_pairs(pairs, SIZE)
    assert cached.uncached == "do not fit into the image cache (1.2e-05 GB; free some disk space)"
    assert_holds(cached, pairs)


def test_a_disk_that_becomes_full_costs_the_cache_and_not_the_training(
    pairs: list[Pair], decoded: list[Pair], monkeypatch: pytest.MonkeyPatch
) -> None:
    cached = cache_pairs(pairs, SIZE, seconds=0)
    cached.read([0])

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(pixel_store, "_write", full)
        assert_holds(cached, pairs)
        assert_holds(cached, pairs)
    assert cached.new_notes() == [
        "The image cache cannot be written (No space left on device); photographs beyond it are decoded in every epoch."
    ]
    decoded.clear()
    del cached
    assert_holds(cache_pairs(pairs, SIZE), pairs)
    assert {pair.id for pair in decoded} >= {pairs[1].id, pairs[2].id}


def test_rows_that_could_not_be_flushed_are_not_done(pairs: list[Pair], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.EIO, "broken disk")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        cached = cache_pairs(pairs, SIZE)
        assert cached.ready == 0
    assert cache_pairs(pairs, SIZE, seconds=0).ready == 0
    assert_holds(cached, pairs)


def test_a_cache_in_use_survives_its_removal(pairs: list[Pair], decoded: list[Pair]) -> None:
    cached = cache_pairs(pairs, SIZE, seconds=0)
    cached.read([0])
    clear_cache()
    assert caches() == set()
    another = cache_pairs(pairs, SIZE, seconds=0)
    assert_holds(cached, pairs)  # what it decodes now goes into its own, deleted files
    del cached
    assert another.ready == 0
    assert_holds(another, pairs)
    assert len(decoded) == 2 * 3


def test_clear_cache_says_what_it_freed(pairs: list[Pair], decoded: list[Pair]) -> None:
    assert cache_bytes() == clear_cache() == 0
    cache_pairs(pairs, SIZE)
    used = cache_bytes()
    assert ONE_CACHE < used < ONE_CACHE + 1000
    assert clear_cache() == used
    assert cache_bytes() == 0
    cache_pairs(pairs, SIZE)
    assert len(decoded) == 2 * 3


def test_a_photograph_that_went_away_meanwhile_is_named(pairs: list[Pair]) -> None:
    pairs[1].image.unlink()
    with pytest.raises(InputError, match=r"ISIC_0000001\.jpg"):
        cache_pairs(pairs, SIZE)


@pytest.mark.parametrize(("text", "bytes"), [("20", 20_000_000_000), ("0.5", 500_000_000), ("0", 0)])
def test_the_limit_is_set_in_gigabytes(text: str, bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_limit() == 20_000_000_000
    monkeypatch.setenv("LESIONLAB_CACHE_GB", text)
    assert cache_limit() == bytes


@pytest.mark.parametrize("text", ["", "much", "-1", "nan", "inf"])
def test_a_limit_that_is_no_number_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LESIONLAB_CACHE_GB", text)
    with pytest.raises(InputError, match=f"LESIONLAB_CACHE_GB is {text!r}; set it to a number of gigabytes"):
        cache_limit()
