"""The photograph and mask pairs of a dataset's folder."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from seg_core.common.text import legible
from seg_core.data.accepted import ACCEPTED
from seg_core.data.annotations.drawn import annotation_files
from seg_core.data.archive import archives_in, is_archive, unpacked, unpacked_together
from seg_core.data.excluded import EXCLUDED, read_excluded
from seg_core.data.expert_pairs import match, match_experts
from seg_core.data.image_file import MASK_ENDINGS, PHOTO_ENDINGS
from seg_core.data.layouts import find_parts
from seg_core.data.pair import Expert, Pair
from seg_core.data.parts import Parts
from seg_core.data.source import Source
from seg_core.data.tree import COLLECTION, TEXT_ENDINGS, ending, is_dead_link, read_tree, stem
from seg_core.data.words import SPLITS, SplitName
from seg_core.errors import InputError, some_of

# What is defined below this module and imported from here is named too.
__all__ = [
    "MASK_ENDINGS",
    "PHOTO_ENDINGS",
    "SPLITS",
    "Expert",
    "Listing",
    "Pair",
    "SplitName",
    "image_folders",
    "is_mask_folder",
    "list_folder",
    "list_images",
    "list_masks",
]


@dataclass(frozen=True)
class Listing:
    """The contents of a folder: pairs, files without a partner, and lines for the user about how the pairs were found."""

    pairs: list[Pair]
    without_mask: list[Path]
    """Photographs that should train or validate."""
    without_photo: list[Path]
    untested: list[Path] = field(default_factory=list)
    """Photographs of the test split without a mask, which need none: challenges publish their test photographs so."""
    notes: list[str] = field(default_factory=list)
    lesion: str | None = None
    """The value or class in the mask files that the user named as the lesion; None if they hold nothing else."""


def list_folder(source: Source | str | Path) -> Listing:
    """Return the pairs of a source, by split and then by id, and the files without a partner.

    Raises:
        InputError: if the folder or archive is missing or cannot be read, or its names do not tell photographs from masks.
    """
    source = source if isinstance(source, Source) else Source.parse(source)
    try:
        top = opened_folder(source)
        parts = find_parts(source, top)
    except OSError as error:
        raise InputError(f"The folder {source.folder} cannot be read ({error.strerror}); check the path.") from None
    is_collection = (top / COLLECTION).is_file()
    parts = _without_orphans(parts) if is_collection else parts
    listing = _listing(source, top, parts, may_tell_experts=not is_collection)
    _leave_out_excluded(listing, top)
    if is_collection and listing.without_mask:
        listing.notes.append(f"Photographs of the collection without a mask yet are not used: {len(listing.without_mask):,}.")
        listing.without_mask.clear()
    listing.pairs.sort(key=lambda pair: (SPLITS.index(pair.split), stem(pair.image.name)))
    joined = [pair.id for pair in listing.pairs if pair.more_masks and not pair.experts]
    if joined:
        listing.notes.append(f"Several masks of one photograph are joined, for {len(joined):,}: {some_of(joined)}.")
    return listing


def _listing(source: Source, top: Path, parts: Parts, *, may_tell_experts: bool) -> Listing:
    """Match the files; those of experts by expert, if several of them outlined some photograph.

    Raises:
        InputError: as `seg_core.data.expert_pairs.match_experts`, or if truth is to be of several experts and there are none.
    """
    found = match_experts(parts, source.truth) if may_tell_experts and not parts.are_drawn else None
    if not found:
        if source.truth:
            raise InputError(
                f"{source.folder} has no masks of several experts, so truth cannot be {source.truth}; "
                "name their folders (--experts DIR, for each), or leave that out."
            )
        told = any(part.expert for part in parts.masks)
        found = match(find_parts(source, top, experts=False) if told else parts)
    lesion = None if parts.are_drawn else source.lesion
    listing = Listing(found.pairs, [], [], notes=[*parts.notes, *found.notes], lesion=lesion)
    for split, files in found.photos.items():
        (listing.untested if split == "test" else listing.without_mask).extend(file.path for file in files)
    listing.without_photo.extend(file.path for files in found.masks.values() for file in files)
    return listing


def _without_orphans(parts: Parts) -> Parts:
    """Leave out the masks of a collection whose photographs are gone, so that none is matched to another of a similar name."""
    own = {stem(name) for part in parts.photos for name in part.names}
    return replace(parts, masks=[replace(part, names=[each for each in part.names if stem(each) in own]) for part in parts.masks])


def _leave_out_excluded(listing: Listing, top: Path) -> None:
    """Leave out the photographs that the list in the dataset's folder excludes.

    Raises:
        InputError: if the list cannot be read.
    """
    excluded = read_excluded(top)
    if not excluded:
        return
    before = len(listing.pairs) + len(listing.without_mask) + len(listing.untested)
    listing.pairs[:] = [pair for pair in listing.pairs if pair.id not in excluded]
    for files in (listing.without_mask, listing.untested):
        files[:] = [file for file in files if legible(stem(file.name)) not in excluded]
    if left_out := before - len(listing.pairs) - len(listing.without_mask) - len(listing.untested):
        listing.notes.append(f"Photographs that {EXCLUDED} lists are left out: {left_out:,}.")


def image_folders(source: Source, most: int = 200) -> dict[str, int]:
    """Return the folders of a source that hold images, as paths within it, and how many there are in each and below it.

    Files that may be annotations are among them, with 0 images.

    Raises:
        InputError: if the folder or archive is missing or cannot be read.
    """
    counts, files = Counter[str](), set[str]()
    try:
        for folder in read_tree(opened_folder(source), PHOTO_ENDINGS | MASK_ENDINGS):
            for depth in range(len(folder.parts)):
                counts["/".join(folder.parts[: depth + 1])] += len(folder.images)
            counts["."] += len(folder.images)
            files.update("/".join((*folder.parts, name)) for name in annotation_files(folder))
    except OSError as error:
        raise InputError(f"The folder {source.folder} cannot be read ({error.strerror}); check the path.") from None
    folders = sorted((folder, count) for folder, count in counts.items() if count)[:most]
    return dict(folders) | dict.fromkeys(sorted(files)[:most], 0)


def opened_folder(source: Source) -> Path:
    """Return the folder of a source; archives, also several in a folder without images, are unpacked.

    Raises:
        InputError: if it is missing, or an archive cannot be unpacked.
        OSError: if it cannot be read.
    """
    folder, images = Path(source.folder), PHOTO_ENDINGS | MASK_ENDINGS
    if is_archive(folder):
        return unpacked(folder, images | TEXT_ENDINGS | {EXCLUDED, ACCEPTED})
    if not folder.is_dir():
        raise InputError(f"There is no folder {folder}; check the path.")
    archives = archives_in(folder, images)
    return unpacked_together(archives, images | TEXT_ENDINGS) if archives else folder


def list_images(folder: Path, *, dead_links: bool = False) -> list[Path]:
    """Return the images directly in a folder, by name; with ``dead_links``, also links that lead nowhere.

    Raises:
        InputError: if there is no such folder, or it cannot be read.
    """
    try:
        if not folder.is_dir():
            raise InputError(f"There is no folder {folder}; check the path.")
        return list(_files(folder, PHOTO_ENDINGS | MASK_ENDINGS, dead_links))
    except OSError as error:
        raise InputError(f"The folder {folder} cannot be read ({error.strerror}); check the path.") from None


def is_mask_folder(model: str | Path) -> bool:
    """True for a folder or a zip archive, of masks that are compared as a model; ``?lesion=2`` may follow, as in a `Source`."""
    try:
        place = Path(Source.parse(model).folder)
        return place.is_dir() or is_archive(place)
    except (InputError, OSError):  # no path, or one whose name is too long
        return False


def list_masks(source: Source) -> list[Path]:
    """Return the images in a folder or zip archive of masks, by name: those directly in it or, without any, in folders below.

    Raises:
        InputError: as `list_images`, or if the archive cannot be unpacked.
    """
    folder = Path(source.folder)
    folder = unpacked(folder, PHOTO_ENDINGS | MASK_ENDINGS) if is_archive(folder) else folder
    found = list_images(folder)
    return found or [each.path / name for each in read_tree(folder, PHOTO_ENDINGS | MASK_ENDINGS) for name in each.images]


def _files(folder: Path, endings: set[str], dead_links: bool) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        files = (entry for entry in entries if ending(entry.name) in endings and not entry.name.startswith("."))
        names = sorted(entry.name for entry in files if (dead_links if is_dead_link(entry) else entry.is_file()))
    yield from (folder / name for name in names)
