"""The image cache: every pair decoded and resized once, then read through a memory map.

A cache lives in a folder named by a hash over the paths, sizes and times of all its files and the side it was resized to, so
a changed file simply asks for another cache; the oldest ones go when all together exceed `cache_limit`.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from seg_core.data.check import LoadedPair, Problem, load_pair, load_pairs
from seg_core.data.folders import Pair
from seg_core.errors import InputError
from seg_core.home import home
from seg_core.identity import file_facts

CACHE_VERSION = 1


@dataclass(frozen=True)
class CachedPairs:
    """Pairs at one square size S, by index. Where the cache's limit or the disk is too small, each access decodes them again."""

    pairs: list[Pair]
    size: int
    problems: list[Problem]
    images: np.ndarray | None  # (N, S, S, 3) uint8
    masks: np.ndarray | None  # (N, S, S) uint8, 0 and 255
    rows: Sequence[int]  # where in these each pair stands

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Photograph (S, S, 3) and mask (S, S) of 0 and 255, both uint8."""
        if self.images is None or self.masks is None:
            loaded = load_pair(self.pairs[index], self.size)
            return loaded.image, loaded.mask
        row = self.rows[index]
        return self.images[row], self.masks[row]

    def without(self, left_out: set[Path]) -> CachedPairs:
        """The same pairs without those that any of these photographs or masks belongs to."""
        kept = [(pair, row) for pair, row in zip(self.pairs, self.rows, strict=True) if not {pair.image, pair.mask} & left_out]
        return replace(self, pairs=[pair for pair, _ in kept], rows=[row for _, row in kept])


def cache_limit() -> int:
    """Bytes that all caches together may take: ``$LESIONLAB_CACHE_GB`` gigabytes, 20 by default.

    Raises:
        InputError: if the setting is no number, or negative.
    """
    text = os.environ.get("LESIONLAB_CACHE_GB", "20")
    try:
        limit = float(text)
    except ValueError:
        limit = -1
    if not 0 <= limit < float("inf"):
        raise InputError(f"LESIONLAB_CACHE_GB is {text!r}; set it to a number of gigabytes, such as 20.")
    return int(limit * 1e9)


def cache_folder() -> Path:
    """The folder that holds all image caches."""
    return home() / "cache" / "pairs"


def cache_bytes() -> int:
    """Disk space that all image caches take now."""
    return sum(_bytes_of(folder) for folder in _caches())


def clear_cache() -> int:
    """Delete all image caches; the bytes freed. They are made again when a training needs them."""
    freed = cache_bytes()
    for folder in _caches():  # one that is being built stays
        shutil.rmtree(folder, ignore_errors=True)
    return freed


def cache_pairs(pairs: list[Pair], size: int, on_progress: Callable[[int, int], None] | None = None) -> CachedPairs:
    """Decode and resize ``pairs`` to squares of ``size`` pixels, or find them in the cache from an earlier time.

    Pairs with an error (`Problem.is_error`) are zeros; the caller decides what to do about ``problems``.

    Raises:
        InputError: if a file went away since the dataset was opened.
    """
    target = cache_folder() / _key(pairs, size)
    if not (target / "index.json").exists():
        needed = len(pairs) * size * size * 4
        if needed > min(cache_limit(), shutil.disk_usage(home()).free):
            problems = [problem for loaded in load_pairs(pairs, size, on_progress) for problem in loaded.problems]
            return CachedPairs(pairs, size, problems, None, None, range(len(pairs)))
        _make_room(needed)
        _build(target, pairs, size, on_progress)
    index = target / "index.json"
    os.utime(index)  # the time of the last use decides who goes first
    problems = [Problem(**{**entry, "file": Path(entry["file"])}) for entry in json.loads(index.read_text())]
    images, masks = (np.load(target / f"{name}.npy", "r") for name in ("images", "masks"))
    return CachedPairs(pairs, size, problems, images, masks, range(len(pairs)))


def _key(pairs: list[Pair], size: int) -> str:
    digest = hashlib.sha256(f"{CACHE_VERSION} {size}".encode())
    for pair in pairs:
        for file in (pair.image, pair.mask):
            digest.update(f"\n{file} {file_facts(file)}".encode(errors="surrogateescape"))
    return digest.hexdigest()[:24]


def _build(target: Path, pairs: list[Pair], size: int, on_progress: Callable[[int, int], None] | None) -> None:
    """Write a cache beside its place and move it there whole: a crash leaves none, and of two builders the first one wins."""
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers()
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".building-") as made:
        folder = Path(made, "cache")
        folder.mkdir()
        images = np.lib.format.open_memmap(folder / "images.npy", "w+", np.uint8, (len(pairs), size, size, 3))
        masks = np.lib.format.open_memmap(folder / "masks.npy", "w+", np.uint8, (len(pairs), size, size))
        problems: list[Problem] = []
        loaded: LoadedPair
        for index, loaded in enumerate(load_pairs(pairs, size, on_progress)):
            images[index], masks[index] = loaded.image, loaded.mask
            problems += loaded.problems
        images.flush()
        masks.flush()
        del images, masks  # Windows moves no folder whose files are open
        if target.exists() and not (target / "index.json").exists():
            shutil.rmtree(target, ignore_errors=True)  # what a deletion that was cut off left
        entries = [{**asdict(problem), "file": str(problem.file)} for problem in problems]
        (folder / "index.json").write_text(json.dumps(entries))
        try:
            folder.rename(target)
        except OSError:
            if not (target / "index.json").exists():
                raise


def _make_room(needed: int) -> None:
    oldest_first = sorted(_caches(), key=lambda folder: (folder / "index.json").stat().st_mtime)
    used = cache_bytes()
    for folder in oldest_first:
        if used + needed <= cache_limit():
            return
        used -= _bytes_of(folder)
        shutil.rmtree(folder, ignore_errors=True)


def _remove_leftovers() -> None:
    """Delete what killed builders left; none works for a day."""
    for folder in cache_folder().glob(".building-*"):
        with suppress(FileNotFoundError):
            if time.time() - folder.stat().st_mtime > 86_400:
                shutil.rmtree(folder, ignore_errors=True)


def _caches() -> list[Path]:
    return [index.parent for index in cache_folder().glob("*/index.json")]


def _bytes_of(folder: Path) -> int:
    sizes = 0
    for file in folder.glob("*"):
        with suppress(FileNotFoundError):  # another process makes room at the same time
            sizes += file.stat().st_size
    return sizes
