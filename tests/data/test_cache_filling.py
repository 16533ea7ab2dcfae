"""The image cache fills while trainings run: in any order, by several processes at once, also if they are killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seg_core.common.home import PROJECT
from seg_core.data import check
from seg_core.data.cache import pixel_store
from seg_core.data.cache.cached_pairs import CachedPairs
from seg_core.data.cache.storage import cache_folder, cache_pairs
from seg_core.data.check import LoadedPair, Problem, load_pair, notes_on
from seg_core.data.folders import Pair
from seg_core.errors import InputError
from tests.helpers import find_pairs, make_dataset, wait_until

SIZE = 32
COUNT = 12


@pytest.fixture
def pairs(tmp_path: Path) -> list[Pair]:
    return find_pairs(make_dataset(tmp_path / "data", train=COUNT))


def assert_batch(cached: CachedPairs, indices: list[int]) -> None:
    images, masks, given = cached.read(indices)
    assert given == indices
    for image, mask, index in zip(images, masks, indices, strict=True):
        expected = load_pair(cached.pairs[index], SIZE)
        np.testing.assert_array_equal(image, expected.image)
        np.testing.assert_array_equal(mask, expected.mask)


def marks() -> np.ndarray:
    """The marks of the only cache's rows, as they are on the disk."""
    (file,) = cache_folder().glob("*/done.npy")
    return np.asarray(np.load(file))


def problem_lines() -> list[str]:
    (file,) = cache_folder().glob("*/problems.jsonl")
    return [line for line in file.read_text().splitlines() if line]


def test_without_warming_up_each_pair_is_decoded_when_it_is_first_asked_for(pairs: list[Pair], decoded: list[Pair]) -> None:
    cached = cache_pairs(pairs, SIZE, lambda *_: pytest.fail("decoded"), seconds=0)
    assert (cached.ready, decoded) == (0, [])
    assert_batch(cached, [7, 2, 7])
    assert sorted(pair.id for pair in decoded) == [pairs[2].id, pairs[7].id]
    assert_batch(cached, [2, 7])
    assert_batch(cached, [7, 3])
    assert sorted(pair.id for pair in decoded) == [pairs[2].id, pairs[3].id, pairs[7].id]
    assert cached.ready == 3


def test_warming_up_ends_when_its_time_is_over(pairs: list[Pair], decoded: list[Pair], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(100))
    monkeypatch.setattr("seg_core.data.cache.image_cache.time.monotonic", lambda: next(clock))
    seen: list[int] = []
    cached = cache_pairs(pairs, SIZE, lambda done, total: seen.append(done), seconds=5)
    assert 0 < cached.ready < COUNT
    assert seen == list(range(1, cached.ready + 1))
    assert marks().sum() == cached.ready  # it is there for others at once


def test_a_cache_that_was_begun_is_continued_and_no_pair_is_decoded_twice(pairs: list[Pair], decoded: list[Pair]) -> None:
    first = cache_pairs(pairs, SIZE, seconds=0)
    assert_batch(first, [0, 11, 5])
    del first
    second = cache_pairs(pairs, SIZE, seconds=0)
    assert second.ready == 3
    assert_batch(second, [11, 4])
    del second
    seen: list[tuple[int, int]] = []
    third = cache_pairs(pairs, SIZE, lambda *step: seen.append(step))
    assert seen == [(done, COUNT) for done in range(5, COUNT + 1)]
    assert_batch(third, list(range(COUNT)))
    assert sorted(pair.id for pair in decoded) == [pair.id for pair in pairs]


@pytest.mark.parametrize("reason", [RuntimeError, KeyboardInterrupt])
def test_what_was_decoded_before_an_interruption_is_kept(reason: type[BaseException], pairs: list[Pair]) -> None:
    def crash(done: int, total: int) -> None:
        if done == 5:
            raise reason

    with pytest.raises(reason):
        cache_pairs(pairs, SIZE, crash)
    cached = cache_pairs(pairs, SIZE, seconds=0)
    assert cached.ready == 5
    assert_batch(cached, list(range(COUNT)))


def test_done_is_said_only_of_what_was_flushed_before(pairs: list[Pair], monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("L", (64, 64)).save(pairs[3].mask)  # a problem to be written down
    steps: list[str] = []
    write, flush = pixel_store._write, os.fsync

    def name(file: int) -> str:
        return Path(f"/proc/self/fd/{file}").readlink().stem

    def writing(file: int, data: bytes, offset: int | None = None) -> None:
        steps.append(f"write {name(file)}")
        write(file, data, offset)

    def flushing(file: int) -> None:
        steps.append(f"flush {name(file)}")
        flush(file)

    if not Path("/proc/self/fd").exists():
        pytest.skip("only Linux names the files that a process has open")
    cached = cache_pairs(pairs, SIZE, seconds=0)
    monkeypatch.setattr(pixel_store, "_write", writing)
    monkeypatch.setattr(os, "fsync", flushing)
    cached.read([3, 4])
    assert steps == ["write images", "write masks"] * 2
    assert not marks().any()
    steps.clear()
    monkeypatch.setattr(pixel_store, "PUBLISH_SECONDS", 0)
    cached.read([5])
    expected = ["write images", "write masks", "flush images", "flush masks", "write problems", "flush problems"]
    assert steps == expected + ["write done"] * 3
    assert np.flatnonzero(marks()).tolist() == [3, 4, 5]


FILL = """
import sys
from pathlib import Path
from seg_core.data.cache import pixel_store
from seg_core.data.cache.storage import cache_pairs
from seg_core.data.folders import list_folder

pixel_store.PUBLISH_SECONDS = 0
cached = cache_pairs(list_folder(Path(sys.argv[1])).pairs, int(sys.argv[2]), seconds=0)
for index in range(int(sys.argv[3])):
    cached.read([index])
    print(index, flush=True)
print("waiting", flush=True)
sys.stdin.read()
"""


def test_a_filler_that_is_killed_leaves_what_it_published(pairs: list[Pair], decoded: list[Pair], tmp_path: Path) -> None:
    command = [sys.executable, "-c", FILL, str(tmp_path / "data"), str(SIZE), "5"]
    with subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as filler:
        assert filler.stdout is not None
        while filler.stdout.readline() != "waiting\n":
            assert filler.poll() is None
        cached = cache_pairs(pairs, SIZE, seconds=0)
        filler.send_signal(signal.SIGKILL)
    assert filler.returncode == -signal.SIGKILL
    assert cached.ready == 5
    assert_batch(cached, list(range(COUNT)))
    assert sorted(pair.id for pair in decoded) == [pair.id for pair in pairs[5:]]


def test_a_filler_killed_while_it_works_leaves_no_row_that_is_done_and_wrong(pairs: list[Pair], tmp_path: Path) -> None:
    command = [sys.executable, "-c", FILL, str(tmp_path / "data"), str(SIZE), str(COUNT)]
    with subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as filler:
        assert filler.stdout is not None
        assert filler.stdout.readline() == "0\n"
        filler.kill()
    cached = cache_pairs(pairs, SIZE, seconds=0)
    assert cached.ready >= 1
    assert_batch(cached, list(range(COUNT)))


def test_another_process_that_fills_the_cache_is_noticed(pairs: list[Pair], decoded: list[Pair], tmp_path: Path) -> None:
    Image.new("L", (64, 64)).save(pairs[2].mask)
    cached = cache_pairs(pairs, SIZE, seconds=0)
    command = [sys.executable, "-c", FILL, str(tmp_path / "data"), str(SIZE), "4"]
    subprocess.run(command, cwd=PROJECT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
    assert_batch(cached, [0, 1, 2, 3, 4])
    assert [pair.id for pair in decoded] == [pairs[4].id]
    assert cached.new_notes() == ["ISIC_0000002.png marks no lesion; check that this is intended."]


def test_two_fillers_at_once_write_the_same(pairs: list[Pair], monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("L", (64, 64)).save(pairs[0].mask)
    pairs[1].image.write_bytes(b"no photograph")
    both_at_work = threading.Barrier(2, timeout=60)
    found: dict[int, CachedPairs] = {}

    def fill(number: int) -> None:
        cached = cache_pairs(pairs, SIZE, seconds=0, skip_problems=True)
        both_at_work.wait()
        for start in range(0, COUNT, 3):
            cached.read(range(start, start + 3))
        found[number] = cached

    monkeypatch.setattr(pixel_store, "PUBLISH_SECONDS", 0)
    threads = [threading.Thread(target=fill, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert set(found) == {0, 1}
    assert marks().tolist() == [1, 0] + [1] * (COUNT - 2)
    fresh = cache_pairs(pairs, SIZE, seconds=0)
    assert fresh.ready == COUNT
    for cached in (*found.values(), fresh):
        assert {problem.file for problem in cached.problems} == {pairs[0].mask, pairs[1].image}
        assert len(cached.problems) == 2  # though both may have written them down
        assert_batch(cached, [index for index in range(COUNT) if index != 1])


def test_a_bad_pair_met_late_is_refused_with_what_to_do(pairs: list[Pair]) -> None:
    pairs[8].image.write_bytes(b"no photograph")
    cached = cache_pairs(pairs, SIZE, seconds=0)
    assert_batch(cached, [7])
    with pytest.raises(InputError) as refused:
        cached.read([7, 8, 9])
    assert str(refused.value) == (
        "1 of the pairs cannot be trained on: ISIC_0000008.jpg is not an image that can be read; "
        "use JPEG, PNG, TIFF, BMP, WebP or HEIC. Fix them, or skip pairs with problems (--skip-problems)."
    )
    assert_batch(cached, [7, 9])


@pytest.mark.parametrize("seconds", [0, 60])
def test_a_bad_pair_drops_out_of_its_batch_whenever_it_is_found(seconds: int, pairs: list[Pair], decoded: list[Pair]) -> None:
    pairs[8].image.write_bytes(b"no photograph")
    cached = cache_pairs(pairs, SIZE, seconds=seconds, skip_problems=True)
    images, masks, given = cached.read([9, 8, 7])
    assert (given, len(images), len(masks)) == ([9, 7], 2, 2)
    np.testing.assert_array_equal(images[1], load_pair(pairs[7], SIZE).image)
    images, masks, given = cached.read([8])
    assert (images.shape, masks.shape, given) == ((0, SIZE, SIZE, 3), (0, SIZE, SIZE), [])
    assert [pair.id for pair in decoded].count(pairs[8].id) == 1
    (note,) = cached.new_notes()
    assert note.startswith("Left out: ISIC_0000008.jpg is not an image")
    assert cached.new_notes() == []


def test_when_no_pair_is_left_reading_says_so(pairs: list[Pair]) -> None:
    for pair in pairs:
        pair.image.write_bytes(b"no photograph")
    cached = cache_pairs(pairs, SIZE, seconds=0, skip_problems=True)
    assert cached.read([0, 1])[2] == []
    with pytest.raises(InputError, match=r"No usable pairs are left .*ISIC_0000000\.jpg is not an image"):
        cached.read(range(COUNT))


def test_a_file_that_changed_since_the_cache_was_named_is_read_but_not_kept(pairs: list[Pair], decoded: list[Pair]) -> None:
    cached = cache_pairs(pairs, SIZE, seconds=0, skip_problems=True)
    before = pairs[0].image.stat()
    content = pairs[1].image.read_bytes()
    os.utime(pairs[0].image, (1, 1))
    pairs[1].image.unlink()
    assert cached.read([0, 1, 2])[2] == [0, 2]
    assert cached.ready == 2  # the second and, as it is out, the first that went away
    pairs[1].image.write_bytes(content)
    for pair, facts in ((pairs[0], before), (pairs[1], before)):
        os.utime(pair.image, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    del cached
    assert marks().sum() == 1
    assert problem_lines() == []


def test_a_line_that_was_cut_off_spoils_no_other(pairs: list[Pair]) -> None:
    for index in (0, 1):
        pairs[index].image.write_bytes(b"no photograph")
    first = cache_pairs(pairs, SIZE, seconds=0, skip_problems=True)
    first.read([0])
    del first
    (file,) = cache_folder().glob("*/problems.jsonl")
    with file.open("a") as lines:
        lines.write(json.dumps({"row": 1, "problems": []})[:9])  # a writer was killed here
    second = cache_pairs(pairs, SIZE, seconds=0, skip_problems=True)
    assert [problem.file for problem in second.problems] == [pairs[0].image]
    second.read([1])
    del second
    third = cache_pairs(pairs, SIZE, seconds=0)
    assert [problem.file for problem in third.problems] == [pairs[0].image, pairs[1].image]


def test_decoding_uses_all_cores(pairs: list[Pair], monkeypatch: pytest.MonkeyPatch) -> None:
    at_work = threading.Barrier(2, timeout=60)

    def together(pair: Pair, size: int) -> LoadedPair:
        at_work.wait()  # breaks unless a second one comes
        return load_pair(pair, size)

    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(check, "load_pair", together)
    cached = cache_pairs(pairs, SIZE, seconds=0)
    assert cached.read([0, 5, 3, 1])[2] == [0, 5, 3, 1]


def test_many_problems_of_a_kind_are_few_lines() -> None:
    grey = [Problem("grey mask", Path(f"{number}.png"), f"{number} is grey.") for number in range(10_000)]
    bad = [Problem("unreadable", Path("a.jpg"), "a.jpg is bad.")]
    notes = notes_on([*grey[:5], *bad, *grey[5:]], most=7)
    assert notes[:7] == [*(f"{number} is grey." for number in range(5)), "Left out: a.jpg is bad.", "5 is grey."]
    assert notes[7:] == [
        "6 is grey.",
        "… and 9993 more of the kind grey mask; python -m seg_core data check lists them all.",
    ]


def test_a_cache_that_is_not_used_any_more_is_closed(pairs: list[Pair]) -> None:
    cached = cache_pairs(pairs, SIZE, seconds=0)
    (folder,) = (file.parent for file in cache_folder().glob("*/done.npy"))
    assert pixel_store.is_in_use(folder)
    del cached
    wait_until(lambda: not pixel_store.is_in_use(folder))
