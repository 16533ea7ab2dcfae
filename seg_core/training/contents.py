"""Contents of the files that a training read, by which edited masks are noticed when it goes on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from seg_core.common.parallel import ordered_map
from seg_core.data.dataset import Split
from seg_core.data.folders import Pair
from seg_core.errors import InputError, some_of

Contents = dict[str, dict[str, list[Any]]]
"""For ``train`` and ``val`` by id: the photograph's size in bytes, and 16 hex digits of the SHA-256 of its masks."""


class DataChanged(InputError):
    """The files of a training are no longer those that it began with."""


def contents(split: Split, photo_bytes: Mapping[Pair, int]) -> Contents:
    """Read the masks of all pairs of a training; the digest of one that cannot be read is empty."""
    read: Contents = {}
    for side, pairs in (("train", split.train), ("val", split.val)):
        with closing(ordered_map(_digest, pairs)) as digests:
            read[side] = {pair.id: [photo_bytes[pair], digest] for pair, digest in zip(pairs, digests, strict=True)}
    return read


def require_same(before: Contents, now: Contents) -> None:
    """Compare the contents at the last epoch with those of now.

    Raises:
        DataChanged: if any differ; it names the photographs.
    """
    old, new = ({id: (side, *content) for side, ids in each.items() for id, content in ids.items()} for each in (before, now))
    both = sorted(old.keys() & new.keys())
    side, photo, mask = ([id for id in both if old[id][place] != new[id][place]] for place in range(3))
    gone, added = sorted(old.keys() - new.keys()), sorted(new.keys() - old.keys())
    changes = [
        _change(mask, "mask was edited", "masks were edited"),
        _change(photo, "photograph was edited", "photographs were edited"),
        _change(gone, "pair is gone", "pairs are gone"),
        _change(added, "pair is new", "pairs are new"),
        _change([] if gone or added else side, "pair changed sides of the split", "pairs changed sides of the split"),
    ]
    if found := " and ".join(filter(None, changes)):
        raise DataChanged(f"Since this run trained, {found}; put the files back as they were, or start a new run.")


def _change(ids: list[str], one: str, several: str) -> str:
    return f"{len(ids):,} {one if len(ids) == 1 else several} ({some_of(ids)})" if ids else ""


def _digest(pair: Pair) -> str:
    digest = hashlib.sha256()
    try:
        for mask in pair.masks:
            digest.update(mask.read_bytes())
    except OSError:
        return ""
    return digest.hexdigest()[:16]
