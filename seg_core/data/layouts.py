"""Which folders hold photographs and which hold masks, of which split: by the words in their names alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from seg_core.data.source import Source
from seg_core.data.tree import Folder, describe_tree, ending, read_tree, stem
from seg_core.data.words import LESION, MASKS, OTHER_TASKS, Meaning, SplitName, either, meaning
from seg_core.errors import InputError

PHOTO_ENDINGS = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp"}
MASK_ENDINGS = {".png", ".bmp", ".tif", ".tiff", ".gif", ".jpg", ".jpeg"}
_JPEG = {".jpg", ".jpeg"}
_IMAGE_SETS: dict[str, SplitName] = {"trainval": "train", "test": "test", "val": "val", "train": "train"}
"""VOC's lists by name; a later one here takes precedence."""

_WORD, _COUNT = either(LESION | MASKS), r"(?:[ _.-]?\d{1,2})?"
_MASK_AFFIX = re.compile(f"^(?:{_WORD})[ _.-]+|[ _.-]+(?:{_WORD}){_COUNT}$", re.I)
_MASK_WORD = re.compile(f"(?:{_WORD}){_COUNT}", re.I)


@dataclass(frozen=True)
class Part:
    """Files of one kind in one folder; ``split`` None if no name says, ``place`` what else the path says, such as a patient."""

    folder: Path
    names: list[str]
    split: SplitName | None
    place: str


@dataclass(frozen=True)
class Parts:
    """The photographs and the masks of a dataset, folder by folder, and lines for the user about what was left out."""

    photos: list[Part]
    masks: list[Part]
    notes: list[str]


def find_parts(source: Source, top: Path) -> Parts:
    """Find the photographs and masks below a folder.

    Raises:
        InputError: if the folders that the user named are missing, or the names of those that are there do not tell.
        OSError: if the folder cannot be read.
    """
    tree = read_tree(top, PHOTO_ENDINGS | MASK_ENDINGS)
    if source.images or source.masks:
        return _named(source, top, tree)
    parts = _by_words(tree)
    if not (parts.masks and _holds_files(parts.photos)) and (beside := _side_by_side(tree)).masks:
        return beside
    if not parts.masks or not _holds_files(parts.photos + parts.masks):
        raise InputError(
            f"{top} holds no photographs with masks in folders whose names tell which is which; it holds {describe_tree(tree)}: "
            "name them (--images DIR --masks DIR, or FOLDER?images=DIR&masks=DIR on a page), or call them images/ and masks/."
        )
    return _as_listed(parts, tree)


def _holds_files(parts: Sequence[Part]) -> bool:
    return any(part.names for part in parts)


def _by_words(tree: Sequence[Folder]) -> Parts:
    """Take the folders with photographs and masks in their names; without any of photographs, the remaining ones are those."""
    beside_photos = {folder.parts[:-1] for folder in tree if folder.parts and meaning(folder.parts[-1]).kind == "photos"}
    photos, masks, others = [], [], []
    for folder in tree:
        kind, split, place = _read_path(folder.parts, beside_photos)
        if kind == "photos":
            photos.append(_photos(folder, split, place))
        elif kind == "masks":
            masks.append(_masks(folder, split, place))
        elif kind is None and folder.images:
            others.append(_photos(folder, split, place))
    return Parts(photos if _holds_files(photos) else others or photos, masks, [])


def _read_path(parts: tuple[str, ...], beside_photos: set[tuple[str, ...]]) -> tuple[str | None, SplitName | None, str]:
    """Return kind and split of a folder, said by its own name or the nearest above, and what other names say, joined."""
    kind: str | None = None
    split: SplitName | None = None
    place: list[str] = []
    for depth in range(len(parts), 0, -1):
        said = meaning(parts[depth - 1])
        if said.kind == "lesion":
            said = Meaning("masks" if parts[: depth - 1] in beside_photos else None, said.split)
        if said.kind == "neither" or OTHER_TASKS.match(parts[depth - 1]):
            return "neither", None, ""
        kind, split = kind or said.kind, split or said.split
        if said == Meaning(None, None):
            place.insert(0, parts[depth - 1])
    return kind, split, "/".join(place)


def _photos(folder: Folder, split: SplitName | None, place: str) -> Part:
    names = [name for name in folder.images if ending(name) in PHOTO_ENDINGS and not _is_superpixels(name)]
    return Part(folder.path, names, split, place)


def _masks(folder: Folder, split: SplitName | None, place: str) -> Part:
    return Part(folder.path, [name for name in folder.images if ending(name) in MASK_ENDINGS], split, place)


def _is_superpixels(name: str) -> bool:
    return stem(name).endswith("_superpixels")


def _side_by_side(tree: Sequence[Folder]) -> Parts:
    """Tell masks from photographs in one folder by their names: ``x_mask.png`` or ``x.png`` beside ``x.jpg``."""
    photos, masks = [], []
    for folder in tree:
        said = [meaning(part) for part in folder.parts]  # of ISIC's other tasks, Part 3B has masks beside its photographs
        of_masks = _masks_among(folder.images)
        if of_masks and not any(each.kind == "neither" for each in said):
            split = next((each.split for each in reversed(said) if each.split), None)
            place = "/".join(part for part, each in zip(folder.parts, said, strict=True) if each == Meaning(None, None))
            photos.append(_photos(_only(folder, set(folder.images) - of_masks), split, place))
            masks.append(_masks(_only(folder, of_masks), split, place))
    return Parts(photos, masks, [])


def _only(folder: Folder, names: set[str]) -> Folder:
    return Folder(folder.path, folder.parts, sorted(names), folder.others)


def _masks_among(names: Sequence[str]) -> set[str]:
    """Return the masks among the images of a folder, none if their names do not tell."""
    stems = {stem(name) for name in names}
    bare = {name: _MASK_AFFIX.sub("", stem(name)) for name in names}
    masks = {name for name in names if bare[name] != stem(name) and bare[name] in stems}
    masks |= {name for name in names if _MASK_WORD.fullmatch(stem(name))}  # a folder per case: image.png, mask.png
    if masks and len(masks) < len(names):
        return masks
    jpegs = sorted(stem(name) for name in names if ending(name) in _JPEG)
    others = [name for name in names if ending(name) not in _JPEG]
    return set(others) if jpegs == sorted(map(stem, others)) else set()


def _named(source: Source, top: Path, tree: Sequence[Folder]) -> Parts:
    """Take the folders that the user named, with those below them; what was not named is found by its words."""
    photos, masks = ([part for name in names for part in _below(top, name, tree)] for names in (source.images, source.masks))
    photo_paths, mask_paths = {folder.path for folder, *_ in photos}, {folder.path for folder, *_ in masks}
    if photos and photo_paths == mask_paths:
        return _side_by_side([folder for folder, *_ in photos])
    if len(photo_paths) > len(mask_paths):  # the masks' folder lies in the photographs', or the other way
        photo_paths -= mask_paths
    else:
        mask_paths -= photo_paths
    by_words = _by_words(tree)
    of_photos = [_photos(*each) for each in photos if each[0].path in photo_paths]
    of_masks = [_masks(*each) for each in masks if each[0].path in mask_paths]
    of_photos = of_photos or [part for part in by_words.photos if part.folder not in mask_paths]
    of_masks = of_masks or [part for part in by_words.masks if part.folder not in photo_paths]
    for what, option, parts in (("photographs", "--images", of_photos), ("masks", "--masks", of_masks)):
        if not _holds_files(parts):
            raise InputError(f"{top} holds no {what} there; found were {describe_tree(tree)}. Name their folder with {option}.")
    return _as_listed(Parts(of_photos, of_masks, []), tree)


def _below(top: Path, name: str, tree: Sequence[Folder]) -> list[tuple[Folder, SplitName | None, str]]:
    base = top / name
    if not base.is_dir():
        raise InputError(f"There is no folder {name} in {top}; found were {describe_tree(tree)}.")
    own = meaning(base.name).split
    folders = []
    for folder in read_tree(base, PHOTO_ENDINGS | MASK_ENDINGS):
        said = [meaning(part) for part in folder.parts]
        place = "/".join(part for part, each in zip(folder.parts, said, strict=True) if each == Meaning(None, None))
        folders.append((folder, next((each.split for each in reversed(said) if each.split), own), place))
    return folders


def _as_listed(parts: Parts, tree: Sequence[Folder]) -> Parts:
    """Keep the photographs that a VOC dataset lists in ImageSets/, with their splits; other datasets stay as they are."""
    listed = _image_sets(tree)
    if not listed:
        return parts
    photos, left_out = [], 0
    for part in parts.photos:
        splits: dict[SplitName, list[str]] = {}
        for name in part.names:
            if split := listed.get(stem(name)):
                splits.setdefault(split, []).append(name)
            else:
                left_out += 1
        photos += [Part(part.folder, names, split, part.place) for split, names in splits.items()]
    if not photos:
        return parts
    notes = [f"{left_out:,} photographs that ImageSets does not list are left out."] if left_out else []
    return Parts(photos, parts.masks, notes)


def _image_sets(tree: Sequence[Folder]) -> dict[str, SplitName]:
    listed: dict[str, SplitName] = {}
    folders = [folder for folder in tree if "imagesets" in (part.lower() for part in folder.parts[-2:])]
    for folder in sorted(folders, key=lambda folder: folder.parts[-1].lower() == "segmentation")[-1:]:
        for name, split in _IMAGE_SETS.items():
            file = folder.path / f"{name}.txt"
            if file.is_file():
                lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
                listed.update((line.split()[0], split) for line in lines if line.split())
    return listed
