"""The image cache: decoded once, never stale, never half made, never beyond its limit."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from seg_core.data import cache, check
from seg_core.data.cache import CachedPairs, cache_bytes, cache_folder, cache_limit, cache_pairs, clear_cache
from seg_core.data.check import load_pair
from seg_core.data.folders import Pair, find_pairs
from seg_core.errors import InputError
from tests.helpers import make_dataset, write_pair

SIZE = 32
ONE_CACHE = 3 * SIZE * SIZE * 4  # bytes of three pairs, without the files' headers


@pytest.fixture(autouse=True)
def default_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LESIONLAB_CACHE_GB", raising=False)


@pytest.fixture
def pairs(tmp_path: Path) -> list[Pair]:
    return find_pairs(make_dataset(tmp_path / "data", train=3))


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[list[Pair]]:
    """What is decoded from now on, a list for each time."""
    calls: list[list[Pair]] = []

    def counting(pairs: list[Pair], *rest: Any) -> Any:
        calls.append(pairs)
        return check.load_pairs(pairs, *rest)

    monkeypatch.setattr(cache, "load_pairs", counting)
    return calls


def assert_holds(cached: CachedPairs, pairs: list[Pair]) -> None:
    assert len(cached) == len(pairs)
    for index, pair in enumerate(pairs):
        expected = load_pair(pair, SIZE)
        image, mask = cached[index]
        np.testing.assert_array_equal(image, expected.image)
        np.testing.assert_array_equal(mask, expected.mask)


def caches() -> set[str]:
    return {folder.name for folder in cache_folder().iterdir()}


def limit(monkeypatch: pytest.MonkeyPatch, bytes: float) -> None:
    monkeypatch.setenv("LESIONLAB_CACHE_GB", str(bytes / 1e9))


def test_the_second_time_is_read_and_not_decoded(pairs: list[Pair], decoded: list[list[Pair]]) -> None:
    progress: list[tuple[int, int]] = []
    assert_holds(cache_pairs(pairs, SIZE, lambda done, total: progress.append((done, total))), pairs)
    assert progress == [(1, 3), (2, 3), (3, 3)]
    assert_holds(cache_pairs(pairs, SIZE, lambda done, total: progress.append((done, total))), pairs)
    assert len(progress) == 3
    assert decoded == [pairs]


def test_problems_are_remembered_with_the_pixels(pairs: list[Pair], decoded: list[list[Pair]]) -> None:
    pairs[1].image.write_bytes(b"no photograph")
    first, second = cache_pairs(pairs, SIZE), cache_pairs(pairs, SIZE)
    assert [(problem.kind, problem.file) for problem in first.problems] == [("unreadable", pairs[1].image)]
    assert second.problems == first.problems
    assert len(decoded) == 1
    assert not first[1][0].any()


def test_pairs_left_out_leave_the_others_at_their_pixels(pairs: list[Pair]) -> None:
    cached = cache_pairs(pairs, SIZE)
    assert_holds(cached.without({pairs[0].mask}), pairs[1:])
    assert_holds(cached.without({pairs[1].image}).without({pairs[2].image}), pairs[:1])


@pytest.mark.parametrize("change", ["size", "time", "mask"])
def test_a_changed_file_makes_another_cache(change: str, pairs: list[Pair], decoded: list[list[Pair]], tmp_path: Path) -> None:
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
    assert len(decoded) == len(caches()) == 2


def test_another_size_or_selection_makes_another_cache(pairs: list[Pair], decoded: list[list[Pair]]) -> None:
    cache_pairs(pairs, SIZE)
    assert cache_pairs(pairs, 64)[0][0].shape == (64, 64, 3)
    assert_holds(cache_pairs(pairs[::-1], SIZE), pairs[::-1])
    assert_holds(cache_pairs(pairs[:1], SIZE), pairs[:1])
    assert len(decoded) == len(caches()) == 4


@pytest.mark.parametrize("reason", [RuntimeError, KeyboardInterrupt])
def test_a_crash_while_building_leaves_nothing_half_made(reason: type[BaseException], pairs: list[Pair]) -> None:
    def crash(done: int, total: int) -> None:
        if done == 2:
            raise reason

    with pytest.raises(reason):
        cache_pairs(pairs, SIZE, crash)
    assert caches() == set()
    assert_holds(cache_pairs(pairs, SIZE), pairs)


def test_what_a_killed_builder_left_is_not_used_and_goes_when_it_is_a_day_old(pairs: list[Pair]) -> None:
    old, young = (cache_folder() / f".building-{name}" for name in ("old", "young"))
    for left in (old, young):
        (left / "cache").mkdir(parents=True)
        (left / "cache" / "images.npy").write_bytes(bytes(1000))
    os.utime(old, (1, 1))
    cached = cache_pairs(pairs, SIZE)
    assert_holds(cached, pairs)
    assert not old.exists()
    assert young.exists()  # another process may be at it


def test_the_least_recently_used_cache_goes_first(
    pairs: list[Pair], decoded: list[list[Pair]], monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = [pairs, pairs[::-1], [pairs[1], pairs[0], pairs[2]]]
    for age, order in enumerate(orders[:2]):
        before = caches() if age else set()
        cache_pairs(order, SIZE)
        (made,) = caches() - before
        os.utime(cache_folder() / made / "index.json", (1000 + age, 1000 + age))
    cache_pairs(orders[0], SIZE)  # now the second one is the least recently used
    limit(monkeypatch, 2.5 * ONE_CACHE)
    cache_pairs(orders[2], SIZE)
    assert len(decoded) == 3
    cache_pairs(orders[0], SIZE)
    cache_pairs(orders[2], SIZE)
    assert len(decoded) == 3
    cache_pairs(orders[1], SIZE)
    assert len(decoded) == 4


def test_all_caches_together_stay_within_the_limit(pairs: list[Pair], monkeypatch: pytest.MonkeyPatch) -> None:
    limit(monkeypatch, 2.5 * ONE_CACHE)
    for order in (pairs, pairs[::-1], [pairs[1], pairs[0], pairs[2]]):
        cache_pairs(order, SIZE)
        assert cache_bytes() <= 2.5 * ONE_CACHE


def test_beyond_the_limit_pairs_are_decoded_on_the_fly_with_the_same_values(
    pairs: list[Pair], monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs[1].image.write_bytes(b"no photograph")
    limit(monkeypatch, ONE_CACHE - 1)
    cached = cache_pairs(pairs, SIZE)
    assert cached.images is None
    assert [problem.kind for problem in cached.problems] == ["unreadable"]
    assert_holds(cached, pairs)
    assert_holds(cached.without({pairs[1].image}), [pairs[0], pairs[2]])
    assert not cache_folder().exists() or caches() == set()


def test_a_full_disk_is_not_filled_further(pairs: list[Pair], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=ONE_CACHE - 1))
    cached = cache_pairs(pairs, SIZE)
    assert cached.images is None
    assert_holds(cached, pairs)


def test_a_cache_in_use_survives_its_removal(pairs: list[Pair]) -> None:
    cached = cache_pairs(pairs, SIZE)
    clear_cache()
    assert_holds(cached, pairs)


def test_of_two_builders_at_once_both_get_the_same(pairs: list[Pair]) -> None:
    both_at_work = threading.Barrier(2)
    results: dict[int, CachedPairs] = {}

    def meet(done: int, total: int) -> None:
        if done == 2:
            both_at_work.wait(timeout=30)

    def build(number: int) -> None:
        results[number] = cache_pairs(pairs, SIZE, meet)

    threads = [threading.Thread(target=build, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert set(results) == {0, 1}
    for cached in results.values():
        assert_holds(cached, pairs)
    assert len(caches()) == 1


def test_clear_cache_says_what_it_freed(pairs: list[Pair], decoded: list[list[Pair]]) -> None:
    assert cache_bytes() == clear_cache() == 0
    cache_pairs(pairs, SIZE)
    used = cache_bytes()
    assert ONE_CACHE < used < ONE_CACHE + 1000
    assert clear_cache() == used
    assert cache_bytes() == 0
    cache_pairs(pairs, SIZE)
    assert len(decoded) == 2


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
