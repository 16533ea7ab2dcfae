"""Whole datasets, and folders of photographs without masks, as the beginning of a collection."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from seg_core.data.collection.collection import Collection
from seg_core.data.dataset import Dataset
from seg_core.data.folders import PHOTO_ENDINGS, Pair, list_masks
from seg_core.data.source import Source
from seg_core.data.tree import ending
from seg_core.data.truth import read_truth
from seg_core.errors import InputError

Progress = Callable[[int, int], None]


@dataclass
class Added:
    """What was added: the ids of the photographs, without those that were there before, and lines for the user."""

    ids: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def add_dataset(collection: Collection, dataset: Dataset, *, copy: bool, on_progress: Progress | None = None) -> Added:
    """Add the photographs of a dataset; its masks become first versions. What cannot be read is left out, and noted.

    Args:
        collection: where to.
        dataset: from `open_dataset`, whatever its layout. Its splits are not kept.
        copy: False to refer to the photographs by links; those that were unpacked from an archive are copied in any case.
        on_progress: gets how many are done, and how many there are.

    Raises:
        InputError: if the collection cannot be written.
    """
    listings = dataset.listings
    without = [photo for listing in listings for photo in (*listing.without_mask, *listing.untested)]
    found = _add(
        collection,
        [*((pair.image, pair) for pair in dataset.unique_pairs), *((each, None) for each in without)],
        copy,
        on_progress,
    )
    if dataset.test:
        found.notes.append(
            f"A collection has no splits; photographs of the test split are among the others: {len(dataset.test):,}."
        )
    return found


def photographs_in(folder: str | Path) -> list[Path]:
    """Return the photographs in a folder or zip archive: those directly in it or, without any, in folders below.

    Raises:
        InputError: if there is no such folder, or it holds none.
    """
    source = Source.parse(folder)
    photos = [file for file in list_masks(source) if ending(file.name) in PHOTO_ENDINGS]
    if not photos:
        raise InputError(f"{source.folder} holds no photographs; name a folder with JPEG, PNG, TIFF, BMP, WebP or HEIC files.")
    return photos


def add_files(collection: Collection, photos: Sequence[Path], *, copy: bool, on_progress: Progress | None = None) -> Added:
    """Add photographs without masks. What is no photograph is left out, and noted.

    Raises:
        InputError: if the collection cannot be written.
    """
    return _add(collection, [(photo, None) for photo in photos], copy, on_progress)


def _add(collection: Collection, photos: Sequence[tuple[Path, Pair | None]], copy: bool, on_progress: Progress | None) -> Added:
    known, found = {item.id for item in collection.items()}, Added()
    again = 0
    with collection.adding() as adding:
        for done, (photo, pair) in enumerate(photos, start=1):
            try:
                id = adding.add(photo, copy=copy, id=pair.id if pair else "")
                again += id in known
                found.ids += [] if id in known else [id]
                known.add(id)
                if pair:
                    collection.add_truth(id, read_truth(pair).mask)
            except InputError as error:
                found.notes.append(f"Left out: {error}")
            if on_progress:
                on_progress(done, len(photos))
    if again:
        found.notes.append(f"Photographs that were there already: {again:,}.")
    return found
