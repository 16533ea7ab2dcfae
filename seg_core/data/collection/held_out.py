"""Which corrections train and which are held out to judge by. A photograph that once was on one side stays there."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from filelock import FileLock

from seg_core.common.atomic_file import atomic_file
from seg_core.common.csv_text import csv_text, plain_cell
from seg_core.data.collection.contents import HISTORY, Contents, Item
from seg_core.data.collection.versions import History
from seg_core.data.dataset import Dataset
from seg_core.data.folders import Listing, Pair
from seg_core.data.groups import in_fixed_order
from seg_core.data.masks.folder import MaskFolderRule
from seg_core.data.masks.rule import MaskRule
from seg_core.errors import InputError

SIDES = "sides.csv"
"""The file in a collection's folder that says on which side a photograph is, from the first retraining on."""
LEAST = 6
"""Photographs that each side needs: with fewer, Wilcoxon's test finds no difference whatever the scores."""
_TENTH = 10
_HELD_OUT, _TRAINS = "held out", "trains"


@dataclass(frozen=True)
class Sides:
    """The corrections of a collection, as pairs with the masks of these versions.

    Attributes:
        train: those that train.
        held_out: a tenth of all, or `LEAST`; a model is judged by them.
    """

    train: list[Pair]
    held_out: list[Pair]


def corrections(collection: Contents, items: Sequence[Item] | None = None) -> list[Pair]:
    """Return the photographs whose newest mask a person saved; those that are left out of the dataset are not among them.

    A mask that a dataset brought and nobody changed is no correction. The masks are files of versions, which stay as they are.

    Args:
        collection: the collection.
        items: all of its photographs, where they were read already.

    Raises:
        InputError: if the collection cannot be read.
    """
    rule = MaskFolderRule.known(MaskRule())
    return [
        Pair(item.id, item.photo, collection.version_mask(item.id, item.versions), "train", rule=rule)
        for item in (collection.items() if items is None else items)
        if item.mask and item.versions and item.excluded is None and not _is_truth(collection.folder, item.id, item.versions)
    ]


def expected_sides(collection: Contents, items: Sequence[Item] | None = None) -> Sides:
    """Return the sides as `choose_sides` would, without looking for copies among the photographs and without keeping them.

    Arguments as for `corrections`.

    Raises:
        InputError: if the collection cannot be read.
    """
    pairs = corrections(collection, items)
    return _sides(pairs, in_fixed_order([pair] for pair in pairs), *_read(collection))


def choose_sides(collection: Contents) -> Sides:
    """Choose which corrections train and which are held out, and keep the choice in the collection's folder.

    Photographs that look the same, or show one lesion by a column ``lesion_id`` of a CSV file there, are on one side. New ones
    are held out by a hash of their id until a tenth of all is. None that has trained is held out later, unless it turns out to
    look like one that is.

    Raises:
        InputError: if there are too few corrections, or the collection cannot be read or written.
    """
    pairs = corrections(collection)
    _require_enough(collection, expected_sides(collection))  # before all photographs are read
    for pair in pairs:
        collection.photograph(pair.id)  # which may be gone
    lesions = Dataset((collection.source(),), (Listing(pairs, [], []),)).lesions()
    file = collection.folder / SIDES
    try:
        with FileLock(f"{file}.lock"):
            held_out, trained = _read(collection)
            sides = _sides(pairs, lesions, held_out, trained)
            _require_enough(collection, sides)
            held_out |= {pair.id for pair in sides.held_out}
            trained = (trained | {pair.id for pair in sides.train}) - held_out
            rows = [("id", "side"), *sorted([(id, _HELD_OUT) for id in held_out] + [(id, _TRAINS) for id in trained])]
            with atomic_file(file, sync=True) as written:
                written.write_text(csv_text(rows), encoding="utf-8")
    except OSError as error:
        raise InputError(f"{file} cannot be written ({error.strerror or error}); check its disk and permissions.") from None
    return sides


def _sides(pairs: Sequence[Pair], lesions: Sequence[Sequence[Pair]], held_out: Set[str], trained: Set[str]) -> Sides:
    """Return the sides of pairs, given by lesion in the order in which new ones are held out, and the sides so far by id."""
    out = {pair for lesion in lesions if any(pair.id in held_out for pair in lesion) for pair in lesion}
    wanted = max(LEAST, -(-len(pairs) // _TENTH))
    for lesion in lesions:
        is_new = not any(pair in out or pair.id in trained for pair in lesion)
        if is_new and len(lesion) < 2 * (wanted - len(out)):  # comes nearer to the number that is wanted
            out.update(lesion)
    return Sides([pair for pair in pairs if pair not in out], [pair for pair in pairs if pair in out])


def _require_enough(collection: Contents, sides: Sides) -> None:
    train, held_out = len(sides.train), len(sides.held_out)
    if missing := max(0, LEAST - train) + max(0, LEAST - held_out):
        raise InputError(
            f"{collection.name} has {train + held_out} corrected masks: {train} to train on and {held_out} to hold out. To be "
            f"judged, a retraining needs at least {LEAST} of each; correct {missing} more."
        )


def _read(collection: Contents) -> tuple[set[str], set[str]]:
    """Return the ids that are held out, and those that have trained, as they are kept; empty before the first choice."""
    file = collection.folder / SIDES
    try:
        rows = list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8"), newline=""), strict=True))
        sides = {plain_cell(row["id"]): row["side"] for row in rows}
    except FileNotFoundError:
        return set(), set()
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise InputError(f"{file} cannot be read ({error}); put it back from a backup.") from None
    held_out, trained = ({id for id, side in sides.items() if side == wanted} for wanted in (_HELD_OUT, _TRAINS))
    return held_out, trained


def _is_truth(folder: Path, id: str, newest: int) -> bool:
    """Return True if the only version of a mask is the one that a dataset brought."""
    history = folder / HISTORY / id
    return newest == 1 and _began_as_truth(history, history.stat().st_mtime_ns)


@lru_cache(maxsize=20_000)  # a page asks for thousands at every click, and a version never changes
def _began_as_truth(history: Path, _modified: int) -> bool:
    return History(history).version(1).began_as == "truth"
