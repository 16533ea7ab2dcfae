"""Copies among the photographs that train or validate, kept once found: every split of a dataset asks for them.

What is found depends on the files alone, never on what was found before, so a resumed training and an evaluation draw the split
that the training drew.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from seg_core.common.atomic_file import atomic_file, remove_partials
from seg_core.common.home import home
from seg_core.data.check import load_pairs
from seg_core.data.dataset import Dataset
from seg_core.data.fingerprint import digest
from seg_core.data.folders import Pair
from seg_core.data.scan.dataset_scan import FINGERPRINT_SIZE, SCAN_VERSION, fingerprint_of
from seg_core.data.scan.duplicates import AGREEMENT, CORRELATION, Duplicate, similar
from seg_core.errors import InputError

MOST_COMPARED = 20_000
"""Most photographs that are compared by their look, which takes two minutes; of more, only files of the same content count."""


def find_copies(dataset: Dataset, on_progress: Callable[[int, int], None] | None = None) -> list[list[str]]:
    """Return the ids of photographs, two at a time, that look the same and train or validate in some split.

    They are looked for once, and kept in the home folder until a file changes.

    Args:
        dataset: its test split is left out.
        on_progress: gets (done, total) of the photographs while they are looked for.

    Raises:
        InputError: if a file went away since the dataset was opened.
    """
    pairs = dataset.trainable
    place = _place(dataset)
    try:
        kept: list[list[str]] = json.loads(place.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # not looked for yet, or a damaged file
        kept = sorted(sorted((pairs[one].id, pairs[other].id)) for one, other in find_alike(pairs, on_progress))
        _keep(place, kept)
    return kept


def find_alike(pairs: Sequence[Pair], on_progress: Callable[[int, int], None] | None = None) -> list[tuple[int, int]]:
    """Return the places of photographs, two at a time, that look the same; of more than `MOST_COMPARED`, of the same content.

    Args:
        pairs: of any datasets.
        on_progress: gets (done, total) of the photographs while they are read.

    Raises:
        InputError: if a file went away since the dataset was opened.
    """
    return _same_content(pairs) if len(pairs) > MOST_COMPARED else _same_look(pairs, on_progress)


def keep_copies(dataset: Dataset, duplicates: Sequence[Duplicate]) -> None:
    """Keep what `near_duplicates` found in a scan of the dataset, so that it need not be looked for again.

    Raises:
        InputError: if a file went away since the dataset was opened.
    """
    place = _place(dataset)
    if len(dataset.trainable) > MOST_COMPARED or place.exists():
        return
    trainable = set(dataset.trainable)
    ids = {row: pair.id for row, pair in enumerate(dataset.pairs) if pair in trainable}
    rows = [(each.first.index, each.second.index) for each in duplicates if each.agreement >= AGREEMENT]
    _keep(place, sorted(sorted((ids[one], ids[two])) for one, two in rows if one in ids and two in ids))


def are_copies_known(dataset: Dataset) -> bool:
    """Return True if the copies in a dataset were looked for.

    Raises:
        InputError: if a file went away since the dataset was opened.
    """
    return _place(dataset).exists()


def _place(dataset: Dataset) -> Path:
    facts = dataset.facts_of(dataset.trainable).tolist()
    lines = [f"{pair.image} {pair.mask_names} {row}" for pair, row in zip(dataset.trainable, facts, strict=True)]
    key = digest([f"{SCAN_VERSION} {CORRELATION} {AGREEMENT} {MOST_COMPARED}", *lines], 24)
    return home() / "cache" / "copies" / f"{key}.json"


def _keep(place: Path, copies: list[list[str]]) -> None:
    remove_partials(place.parent)
    with atomic_file(place) as partial:
        partial.write_text(json.dumps(copies), encoding="utf-8")


def _same_look(pairs: Sequence[Pair], on_progress: Callable[[int, int], None] | None) -> list[tuple[int, int]]:
    fingerprints = np.zeros((len(pairs), FINGERPRINT_SIZE, FINGERPRINT_SIZE), np.uint8)
    readable = np.zeros(len(pairs), bool)
    for row, loaded in enumerate(load_pairs(list(pairs), FINGERPRINT_SIZE, on_progress)):
        fingerprints[row] = fingerprint_of(loaded)
        readable[row] = not np.isnan(loaded.lesion_area)
    return [
        (int(one), int(other))
        for matches in similar(fingerprints, readable)
        for one, other in zip(matches.first, matches.second, strict=True)
    ]


def _same_content(pairs: Sequence[Pair]) -> list[tuple[int, int]]:
    """Find photographs whose files are the same to the byte; only those of the same size are read."""
    by_size: dict[int, list[int]] = defaultdict(list)
    by_content: dict[bytes, list[int]] = defaultdict(list)
    try:
        for place, pair in enumerate(pairs):
            by_size[pair.image.stat().st_size].append(place)
        for place in (place for same in by_size.values() if len(same) > 1 for place in same):
            with pairs[place].image.open("rb") as file:
                by_content[hashlib.file_digest(file, "sha256").digest()].append(place)
    except OSError as error:
        raise InputError(f"{error.filename} cannot be read ({error.strerror}); put it back or open the dataset again.") from None
    return [(same[0], other) for same in by_content.values() for other in same[1:]]
