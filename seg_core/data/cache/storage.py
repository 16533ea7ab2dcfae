"""The folders of the image caches: each is named after its pairs and their size, and opened, limited and deleted here.

The name is a hash over the paths, sizes and times of all files and the side they are resized to, so a changed file simply asks
for another cache. The least recently used caches are deleted when all together would exceed `cache_limit`.
"""

from __future__ import annotations

import hashlib
import math
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from filelock import FileLock

from seg_core.common.home import home
from seg_core.data.cache import pixel_store
from seg_core.data.cache.cached_pairs import CachedPairs
from seg_core.data.cache.image_cache import ImageCache
from seg_core.data.cache.pixel_store import PixelStore
from seg_core.data.fingerprint import pair_facts
from seg_core.data.folders import Pair
from seg_core.errors import InputError

CACHE_VERSION = 3


def cache_limit() -> int:
    """Return the bytes that all caches together may take: ``$LESIONLAB_CACHE_GB`` gigabytes, 20 by default.

    Raises:
        InputError: if the setting is not a number, or negative.
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
    """Return the folder that holds all image caches."""
    return home() / "cache" / "pairs"


def cache_bytes() -> int:
    """Return the bytes that all image caches take on the disk now; they take more as they fill."""
    return sum(_allocated(folder) for folder in _caches())


def clear_cache() -> int:
    """Delete all image caches and return the bytes freed. A cache is made again when a training needs it.

    A training that has one open continues to read the deleted files, whose space the system frees when the training ends; what
    it decodes after the deletion is lost with them.
    """
    before = cache_bytes()
    if before:
        with _lock():
            for folder in _caches():
                shutil.rmtree(folder, ignore_errors=True)
    return before - cache_bytes()


def cache_pairs(
    pairs: list[Pair],
    size: int,
    on_progress: Callable[[int, int], None] | None = None,
    *,
    seconds: float = math.inf,
    skip_problems: bool = False,
    facts: np.ndarray | None = None,
) -> CachedPairs:
    """Open or make the cache of these pairs at ``size`` pixels, decode for ``seconds``, and leave the rest until it is read.

    To decode a pair once for all splits of a dataset, give `Dataset.trainable` and read splits by `CachedPairs.select`.

    Args:
        pairs: the cache is theirs, in this order; pairs that it holds already are not decoded again.
        size: the side S in pixels.
        on_progress: gets (decoded, total) pairs.
        seconds: how long to decode now; the running pairs are finished.
        skip_problems: True to leave pairs with an error out of what is read, instead of raising then.
        facts: `pair_facts` of the pairs, if known already.

    Raises:
        InputError: if a file went away since the dataset was opened.
    """
    facts = pair_facts(pairs) if facts is None else facts
    store, reason = _open(pairs, size, facts)
    cached = CachedPairs(ImageCache(pairs, size, facts, store, reason), np.arange(len(pairs)), skip_problems)
    cached.warm_up(seconds, on_progress)
    return cached


def cache_key(pairs: list[Pair], size: int, facts: np.ndarray) -> str:
    """Return the name of the folder for these pairs at this size: 24 hex digits, which differ when a file changes."""
    digest = hashlib.sha256(f"{CACHE_VERSION} {size}".encode())
    for pair in pairs:
        digest.update(f"\n{pair.image}\n{pair.mask_names}".encode(errors="surrogateescape"))
    digest.update(facts.astype("<i8").tobytes())
    return digest.hexdigest()[:24]


def _open(pairs: list[Pair], size: int, facts: np.ndarray) -> tuple[PixelStore | None, str]:
    """Open or make the store of these pairs; return None and the reason if there cannot be one.

    One process at a time makes, opens or deletes stores.
    """
    folder = cache_folder() / cache_key(pairs, size, facts)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _lock():
            return _open_alone(folder, len(pairs), size)
    except OSError as error:
        return None, f"cannot be kept in the image cache ({error.strerror or error})"


def _open_alone(folder: Path, count: int, size: int) -> tuple[PixelStore | None, str]:
    _remove_leftovers()
    store = _existing(folder, count, size)
    if store is not None and store.done.all():
        return store, ""
    needed = count * size * size * 4
    limit, free = cache_limit(), shutil.disk_usage(home()).free if store is None else math.inf
    if needed > free or not _make_room(needed, limit, keep=folder):
        if store is not None:
            store.close()
        remedy = "free some disk space" if needed > free else "raise LESIONLAB_CACHE_GB"
        return None, f"do not fit into the image cache ({needed / 1e9:,.2g} GB; {remedy})"
    if store is None:
        pixel_store.create(folder, count, size)
        store = PixelStore(folder, count, size)
    return store, ""


def _existing(folder: Path, count: int, size: int) -> PixelStore | None:
    """Open the store in this folder, if there is one. A damaged one, as a power cut can leave it, is deleted."""
    try:
        return PixelStore(folder, count, size)
    except (FileNotFoundError, ValueError):
        shutil.rmtree(folder, ignore_errors=True)
        return None


def _make_room(needed: int, limit: int, keep: Path) -> bool:
    """Delete caches not in use, the least recently used first, until ``needed`` bytes fit; return False if they cannot.

    A cache counts at the size it has when it is filled, not at what it takes now: otherwise caches that fill side by side would
    exceed the limit together, and none of them could tell.
    """
    sizes = {folder: _full_size(folder) for folder in _caches() if folder != keep}
    free = limit - needed - sum(sizes.values())
    if free >= 0:
        return True
    unused = [folder for folder in sizes if not pixel_store.is_in_use(folder)]
    if free + sum(sizes[folder] for folder in unused) < 0:
        return False
    for folder in sorted(unused, key=pixel_store.last_use):
        shutil.rmtree(folder, ignore_errors=True)
        free += sizes[folder]
        if free >= 0:
            break
    return True


def _remove_leftovers() -> None:
    """Delete what killed processes, interrupted deletions and earlier versions left."""
    for folder in cache_folder().iterdir():
        if folder.is_dir() and not pixel_store.is_store(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _lock() -> FileLock:
    return FileLock(cache_folder() / ".lock")


def _caches() -> list[Path]:
    return [folder for folder in cache_folder().glob("*") if pixel_store.is_store(folder)]


def _full_size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("*.npy"))


def _allocated(folder: Path) -> int:
    sizes = 0
    for file in folder.glob("*"):
        try:
            facts = file.stat()
        except FileNotFoundError:  # another process deletes it right now
            continue
        sizes += min(facts.st_size, facts.st_blocks * 512) if hasattr(facts, "st_blocks") else facts.st_size
    return sizes
