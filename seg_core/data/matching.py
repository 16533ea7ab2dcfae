"""Pairs of photographs and masks, from files whose folders say of which kind and split they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from seg_core.common.text import legible
from seg_core.data.pair import Pair
from seg_core.data.pairing import Name, Rule, match_names
from seg_core.data.parts import Part
from seg_core.data.tree import stem
from seg_core.data.words import PHOTOS, SPLITS, SplitName


@dataclass(frozen=True)
class File:
    """A photograph or a mask, with the name by which it is matched, and the id of its pair if it is a photograph."""

    path: Path
    name: Name
    id: str


Files = dict[SplitName | None, list[File]]
"""Files by the split that their folder says, None where it says none."""


def files_by_split(parts: Sequence[Part]) -> Files:
    """Return the files of each split, by name."""
    files: Files = {split: [] for split in (*SPLITS, None)}
    for split, of_split in files.items():
        named = [(part.folder / name, (part.place, stem(name))) for part in parts if part.split == split for name in part.names]
        places = Counter(own for _, own in {name for _, name in named})
        of_split += (
            File(path, name, _id(name, places[name[1]] > 1)) for path, name in sorted(named, key=lambda each: each[1][1])
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

    photos: list[File] = field(default_factory=list)
    masks: list[File] = field(default_factory=list)
    further: list[File] = field(default_factory=list)


_Groups = tuple[list[_Group], list[str]]
"""What belongs together, and lines for the user about how it was found."""


def match_files(photos: Files, masks: Files, rules: list[Rule]) -> tuple[list[Pair], list[str]]:
    """Return what belongs together, which is taken out of the files, and lines for the user about how it was found.

    ``rules`` are those that other files of the dataset follow; what is found here is added to them.
    """
    pairs: list[Pair] = []
    notes: list[str] = []
    for split in (*SPLITS, None):
        _match(photos[split], masks[split], split, rules, pairs, notes)
    for split in SPLITS:  # one folder of masks for several splits, or the other way
        _match(photos[split], masks[None], split, rules, pairs, notes)
        _match(photos[None], masks[split], split, rules, pairs, notes)
    return pairs, notes


def _match(
    photos: list[File], masks: list[File], split: SplitName | None, rules: list[Rule], pairs: list[Pair], notes: list[str]
) -> None:
    """Move what belongs together from the files to the pairs.

    Files of one place are matched first, by their names or as they lie there alone, then all others by their names.
    """
    for step in (_in_place, _by_case, _anywhere):
        if photos and masks:
            groups, found = step(photos, masks, rules)
            pairs.extend(pair for group in groups for pair in _pairs(group, split or "train"))
            notes.extend(note for note in found if note not in notes)
            used = {file.path for group in groups for file in (*group.photos, *group.masks, *group.further)}
            photos[:], masks[:] = ([file for file in files if file.path not in used] for files in (photos, masks))


def _pairs(group: _Group, split: SplitName) -> Iterator[Pair]:
    # Two photographs or two masks of one id make two pairs, which `seg_core.data.check` reports.
    masks, further = group.masks or group.further[:1], group.further if group.masks else group.further[1:]
    for photo in group.photos:
        for first, mask in enumerate(masks):
            more = () if first else tuple(file.path for file in further)
            yield Pair(photo.id, photo.path, mask.path, split, more)


def _in_place(photos: Sequence[File], masks: Sequence[File], rules: list[Rule]) -> _Groups:
    return _by_name(photos, masks, [file.name for file in photos], [file.name for file in masks], rules)


def _anywhere(photos: Sequence[File], masks: Sequence[File], rules: list[Rule]) -> _Groups:
    """Match by names alone; where these occur in several places, the ids do too, which is reported."""
    photos = [replace(file, id=legible(file.name[1])) for file in photos]
    photo_names, mask_names = ([("", file.name[1]) for file in files] for files in (photos, masks))
    return _by_name(photos, masks, photo_names, mask_names, rules)


def _by_name(
    photos: Sequence[File], masks: Sequence[File], photo_names: list[Name], mask_names: list[Name], rules: list[Rule]
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


def _by_case(photos: Sequence[File], masks: Sequence[File], rules: list[Rule]) -> _Groups:
    """Match the masks in a folder per case to its one photograph, whatever their names."""
    groups: dict[str, _Group] = {}
    for file in photos:
        groups.setdefault(file.name[0], _Group()).photos.append(file)
    for file in masks:
        groups.setdefault(file.name[0], _Group()).further.append(file)
    alone = [group for place, group in groups.items() if place and len(group.photos) == 1 and group.further]
    note = "Where a folder holds one photograph, the masks in it are its own, whatever their names."
    return alone, [note] if alone else []
