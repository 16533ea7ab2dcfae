"""Statistics of many scores, kept on disk: a comparison that was opened once is not computed again in another process."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np

from seg_core.common.atomic_file import atomic_file, remove_partials
from seg_core.common.home import home
from seg_core.errors import InputError

FEWEST_SCORES = 10_000
"""Scores whose statistics are computed in less time than a file takes."""
MOST_FILES = 300
"""Files to keep, of some kilobytes each; those unused for longest are deleted."""


def kept(what: str, scores: np.ndarray, others: Sequence[np.ndarray | float | None], compute: Callable[[], object]) -> np.ndarray:
    """Return what ``compute`` does, as an array of float64: from the disk, if it is known of these scores.

    The file's name holds every input and this version's methods, so it is never of others. A file that cannot be read or written
    is no error.

    Args:
        what: name of the statistic.
        scores: of N images by M models or in M pairings, (N, M).
        others: what else it depends on.
        compute: returns numbers, or rows of them.
    """
    if scores.size < FEWEST_SCORES:
        return np.asarray(compute(), np.float64)
    key = hashlib.sha256(f"{_methods()} {what} {scores.shape} ".encode() + np.ascontiguousarray(scores).tobytes())
    for other in others:
        key.update(b" " + (other.tobytes() if isinstance(other, np.ndarray) else str(other).encode()))
    name = f"{what}-{key.hexdigest()[:32]}.npy"
    with suppress(OSError, ValueError, EOFError, InputError):
        with (_folder() / name).open("rb") as file:
            known: np.ndarray = np.lib.format.read_array(file, allow_pickle=False)
        if known.dtype == np.float64:
            (_folder() / name).touch()  # the time of the last use decides which files go
            return known
    found = np.asarray(compute(), np.float64)
    with suppress(OSError, InputError):
        remove_partials(_folder())
        with atomic_file(_folder() / name) as partial, partial.open("wb") as file:
            np.save(file, found, allow_pickle=False)
        _make_room()
    return found


def _folder() -> Path:
    return home() / "cache" / "statistics"


@cache
def _methods() -> str:
    """A digest of the code that computes statistics: another version of it finds nothing of this one."""
    files = [Path(__file__).with_name(f"{name}.py") for name in ("bootstrap", "confidence", "kept_numbers")]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


def _make_room() -> None:
    files = sorted(_folder().glob("*.npy"), key=lambda file: file.stat().st_mtime, reverse=True)
    for file in files[MOST_FILES:]:
        file.unlink(missing_ok=True)
