"""Fingerprints of data from names, sizes and times of files, by which results are kept and found again."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from seg_core.data.folders import Pair
from seg_core.errors import InputError

_INT64 = (1 << 63) - 1


def file_facts(file: Path) -> str:
    """Return size and modification time of a file: if they differ, so does the content.

    Raises:
        InputError: if the file is not there.
    """
    size, modified = _size_and_time(file)
    return f"{size} {modified}"


def pair_facts(pairs: Sequence[Pair]) -> np.ndarray:
    """Return (N, 4) int64 for N pairs: the photograph's size in bytes and modification time in ns, then the mask's.

    Of several masks, the sizes are added and the times joined by exclusive or, so that a change of any of them shows. Those of
    experts are multiplied by the expert's place first, so that masks that change hands show too.

    Raises:
        InputError: if a file went away since the dataset was opened.
    """
    facts = np.empty((len(pairs), 4), np.int64)
    for row, pair in zip(facts, pairs, strict=True):
        size, modified = 0, 0
        for weight, masks in enumerate([expert.files for expert in pair.experts] or [pair.masks], start=1):
            for mask in masks:
                more, also_modified = _size_and_time(mask)
                size, modified = size + weight * more, modified ^ (weight * also_modified & _INT64)
        row[:] = (*_size_and_time(pair.image), size, modified)
    return facts


def dataset_fingerprint(pairs: Sequence[Pair], facts: np.ndarray) -> str:
    """Return twelve hex digits over ids, splits and file sizes: the same data gives the same ones on any machine.

    Args:
        pairs: all pairs of a dataset, in any order.
        facts: their `pair_facts`.
    """
    sizes = facts[:, [0, 2]].tolist()
    lines = sorted(
        f"{pair.split} {pair.id} {photo} {mask} {pair.who}".rstrip() for pair, (photo, mask) in zip(pairs, sizes, strict=True)
    )
    return digest(lines, 12)


def _size_and_time(file: Path) -> tuple[int, int]:
    try:
        facts = file.stat()
    except OSError as error:
        raise InputError(f"{file} cannot be read ({error.strerror}); put it back or open the dataset again.") from None
    return facts.st_size, facts.st_mtime_ns


def digest(lines: Sequence[str], digits: int) -> str:
    """Return the first ``digits`` hex digits of the SHA-256 of lines of text."""
    return hashlib.sha256("\n".join(lines).encode(errors="surrogateescape")).hexdigest()[:digits]
