"""The photograph and mask pairs of a dataset's folder."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from seg_core.common.text import legible
from seg_core.data.accepted import ACCEPTED
from seg_core.data.annotations.drawn import annotation_files
from seg_core.data.archive import archives_in, is_archive, unpacked, unpacked_together
from seg_core.data.excluded import EXCLUDED, read_excluded
from seg_core.data.image_file import MASK_ENDINGS, PHOTO_ENDINGS
from seg_core.data.layouts import Part, Parts, find_parts
from seg_core.data.masks.folder import MaskFolderRule
from seg_core.data.masks.rule import MaskRule
from seg_core.data.pairing import Name, Rule, match_names
from seg_core.data.source import Source
from seg_core.data.tree import COLLECTION, TEXT_ENDINGS, ending, is_dead_link, read_tree, stem
from seg_core.data.words import PHOTOS, SPLITS, SplitName
from seg_core.errors import InputError, some_of

# What is defined below this module and imported from here is named too.
__all__ = [
    "MASK_ENDINGS",
    "PHOTO_ENDINGS",
    "SPLITS",
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
class Pair:
    """One photograph with its mask; ``id`` is the photograph's file name, made legible, ``split`` the dataset's own split.

    Several masks of one photograph are read as one by `seg_core.data.truth.read_truth`.
    """

    id: str
    image: Path
    mask: Path
    split: SplitName
    more_masks: tuple[Path, ...] = ()
    rule: MaskFolderRule | None = field(default=None, compare=False, repr=False)
    """How it and the masks beside it are read; None if it stands alone."""

    @property
    def masks(self) -> tuple[Path, ...]:
        """All its mask files."""
        return self.mask, *self.more_masks

    @property
    def lesion(self) -> str:
        """The number or colour that the user named as the lesion; empty if the masks say it themselves."""
        return (self.rule.lesion if self.rule else None) or ""

    @property
    def mask_names(self) -> str:
        """Its mask files, and what is the lesion in them, as text for keys of what is computed from them."""
        return " ".join([*map(str, self.masks), self.lesion])

    def to_json(self) -> dict[str, Any]:
        """Return plain values, from which `from_json` makes it again. They hold the rule by which its masks are read."""
        rule = self.rule.rule.to_json() if self.rule else None
        more = [str(mask) for mask in self.more_masks]
        return {"id": self.id, "image": str(self.image), "mask": str(self.mask), "split": self.split, "more": more, "rule": rule}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Pair:
        """Make a pair from the values of `to_json`."""
        rule = MaskFolderRule.known(MaskRule.from_json(values["rule"])) if values["rule"] else None
        files = Path(values["image"]), Path(values["mask"]), values["split"], tuple(map(Path, values["more"]))
        return cls(values["id"], *files, rule)


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
    listing = Listing([], [], [], notes=list(parts.notes), lesion=None if parts.are_drawn else source.lesion)
    photos, masks = _by_split(parts.photos), _by_split(parts.masks)
    rules: list[Rule] = []
    for split in (*SPLITS, None):
        _match(photos[split], masks[split], listing, split, rules)
    for split in SPLITS:  # one folder of masks for several splits, or the other way
        _match(photos[split], masks[None], listing, split, rules)
        _match(photos[None], masks[split], listing, split, rules)
    for split, files in photos.items():
        (listing.untested if split == "test" else listing.without_mask).extend(file.path for file in files)
    listing.without_photo.extend(file.path for files in masks.values() for file in files)
    _leave_out_excluded(listing, top)
    if is_collection and listing.without_mask:
        listing.notes.append(f"Photographs of the collection without a mask yet are not used: {len(listing.without_mask):,}.")
        listing.without_mask.clear()
    listing.pairs.sort(key=lambda pair: (SPLITS.index(pair.split), stem(pair.image.name)))
    joined = [pair.id for pair in listing.pairs if pair.more_masks]
    if joined:
        listing.notes.append(f"Several masks of one photograph are joined, for {len(joined):,}: {some_of(joined)}.")
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


@dataclass(frozen=True)
class _File:
    path: Path
    name: Name
    id: str


def _by_split(parts: Sequence[Part]) -> dict[SplitName | None, list[_File]]:
    """Return the files of each split, by name."""
    files: dict[SplitName | None, list[_File]] = {split: [] for split in (*SPLITS, None)}
    for split, of_split in files.items():
        named = [(part.folder / name, (part.place, stem(name))) for part in parts if part.split == split for name in part.names]
        places = Counter(own for _, own in {name for _, name in named})
        of_split += (
            _File(path, name, _id(name, places[name[1]] > 1)) for path, name in sorted(named, key=lambda each: each[1][1])
        )
    return files


def _id(name: Name, is_in_several_places: bool) -> str:
    """Return the stem; where it says too little, with the place before it, such as ``patient7_photo``."""
    place, own = name
    if place and own.lower() in PHOTOS:
        own = place
    elif place and is_in_several_places:
        own = f"{place}_{own}"
    return legible(own.replace("/", "_"))


@dataclass
class _Group:
    """Photographs of one name, nearly always one, with the masks of that name and those that are joined with them."""

    photos: list[_File] = field(default_factory=list)
    masks: list[_File] = field(default_factory=list)
    further: list[_File] = field(default_factory=list)


_Groups = tuple[list[_Group], list[str]]
"""What belongs together, and lines for the user about how it was found."""


def _match(photos: list[_File], masks: list[_File], listing: Listing, split: SplitName | None, rules: list[Rule]) -> None:
    """Move what belongs together from the files to the pairs of the listing.

    Files of one place are matched first, by their names or as they lie there alone, then all others by their names.
    """
    for step in (_in_place, _by_case, _anywhere):
        if photos and masks:
            groups, notes = step(photos, masks, rules)
            listing.pairs.extend(pair for group in groups for pair in _pairs(group, split or "train"))
            listing.notes.extend(note for note in notes if note not in listing.notes)
            used = {file.path for group in groups for file in (*group.photos, *group.masks, *group.further)}
            photos[:], masks[:] = ([file for file in files if file.path not in used] for files in (photos, masks))


def _pairs(group: _Group, split: SplitName) -> Iterator[Pair]:
    # Two photographs or two masks of one id make two pairs, which `seg_core.data.check` reports.
    masks, further = group.masks or group.further[:1], group.further if group.masks else group.further[1:]
    for photo in group.photos:
        for first, mask in enumerate(masks):
            more = () if first else tuple(file.path for file in further)
            yield Pair(photo.id, photo.path, mask.path, split, more)


def _in_place(photos: Sequence[_File], masks: Sequence[_File], rules: list[Rule]) -> _Groups:
    return _by_name(photos, masks, [file.name for file in photos], [file.name for file in masks], rules)


def _anywhere(photos: Sequence[_File], masks: Sequence[_File], rules: list[Rule]) -> _Groups:
    """Match by names alone; where these occur in several places, the ids do too, which is reported."""
    photos = [replace(file, id=legible(file.name[1])) for file in photos]
    photo_names, mask_names = ([("", file.name[1]) for file in files] for files in (photos, masks))
    return _by_name(photos, masks, photo_names, mask_names, rules)


def _by_name(
    photos: Sequence[_File], masks: Sequence[_File], photo_names: list[Name], mask_names: list[Name], rules: list[Rule]
) -> _Groups:
    matching = match_names(dict.fromkeys(photo_names), dict.fromkeys(mask_names), rules=rules)
    groups: dict[Name, _Group] = {}
    for file, name in zip(masks, mask_names, strict=True):
        if photo := matching.photo_of.get(name):
            group = groups.setdefault(photo, _Group())
            (group.further if name in matching.further else group.masks).append(file)
    for file, name in zip(photos, photo_names, strict=True):
        if name in groups:
            groups[name].photos.append(file)
    return list(groups.values()), matching.notes


def _by_case(photos: Sequence[_File], masks: Sequence[_File], rules: list[Rule]) -> _Groups:
    """Match the masks in a folder per case to its one photograph, whatever their names."""
    groups: dict[str, _Group] = {}
    for file in photos:
        groups.setdefault(file.name[0], _Group()).photos.append(file)
    for file in masks:
        groups.setdefault(file.name[0], _Group()).further.append(file)
    alone = [group for place, group in groups.items() if place and len(group.photos) == 1 and group.further]
    note = "Where a folder holds one photograph, the masks in it are its own, whatever their names."
    return alone, [note] if alone else []
