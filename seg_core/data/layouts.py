"""Which folders hold photographs and which hold masks, of which split: by the words in their names alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from seg_core.data.annotations.drawn import draw_masks
from seg_core.data.beside import masks_among
from seg_core.data.experts import expert_in_path, names_of, tell_experts
from seg_core.data.image_file import MASK_ENDINGS, PHOTO_ENDINGS
from seg_core.data.image_sets import listed_splits
from seg_core.data.parts import Part, Parts, dead_links, holds_files, joined_roots, unread
from seg_core.data.source import Source
from seg_core.data.tree import TEXT_ENDINGS, Folder, describe_tree, ending, read_tree, stem
from seg_core.data.words import OTHER_TASKS, Kind, Meaning, SplitName, meaning
from seg_core.errors import InputError


def find_parts(source: Source, top: Path, *, experts: bool = True) -> Parts:
    """Find the photographs and masks below a folder.

    With ``experts``, folders may name those who drew the masks in them; without, such names say no more than others.

    Raises:
        InputError: if the folders that the user named are missing, or the names of those that are there do not tell.
        OSError: if the folder cannot be read.
    """
    tree = read_tree(top, PHOTO_ENDINGS | MASK_ENDINGS)
    inner = _without_wrapper(tree)
    told = experts and tell_experts(inner)
    is_named = source.images or source.masks or source.experts
    parts = _named(source, top, tree, experts=experts, told=told) if is_named else _by_words(inner, experts=told)
    if not (parts.masks and holds_files(parts.photos)) and not source.images:
        parts = beside if (beside := _side_by_side(inner)).masks else parts
    if not holds_files(parts.masks):
        parts = _with_drawn(parts, tree, source.lesion)
    if not (parts.photos and parts.masks and holds_files(parts.photos + parts.masks)):
        raise InputError(
            f"{source.folder} holds no photographs with masks in folders whose names tell which is which; "
            f"it holds {describe_tree(tree)}: name the folders (--images DIR --masks DIR, or the fields of the page), "
            "or call them images/ and masks/."
        )
    listed = _as_listed(parts, tree)
    return replace(listed, notes=[*joined_roots(source, listed.photos), *listed.notes, *unread(parts, tree), *dead_links(tree)])


def is_understood(top: Path) -> bool:
    """True if the names below a folder tell photographs from masks that are images; nothing is unpacked or drawn.

    Raises:
        InputError: if a folder below cannot be read, or there are too many.
        OSError: if the folder cannot be read.
    """
    inner = _without_wrapper(read_tree(top, PHOTO_ENDINGS | MASK_ENDINGS))
    readings = _by_words(inner, experts=tell_experts(inner)), _side_by_side(inner)
    return any(holds_files(parts.photos) and holds_files(parts.masks) for parts in readings)


def _without_wrapper(tree: Sequence[Folder]) -> list[Folder]:
    """Leave out the folders that all images lie in: their names, such as ``lesion-segmentation``, tell none apart."""
    holding = [folder.parts[:-1] for folder in tree if folder.images]
    common = min(holding, default=())
    while any(parts[: len(common)] != common for parts in holding):
        common = common[:-1]
    kept = tuple(part for part in common if meaning(part).split)
    within = [folder for folder in tree if folder.parts[: len(common)] == common]
    return [replace(folder, parts=(*kept, *folder.parts[len(common) :])) for folder in within]


def _by_words(tree: Sequence[Folder], *, experts: bool = False) -> Parts:
    """Take the folders with photographs and masks in their names; without any of photographs, the remaining ones are those."""
    beside_photos = {folder.parts[:-1] for folder in tree if folder.parts and meaning(folder.parts[-1]).kind == "photos"}
    around_experts = beside_photos | {folder.parts for folder in tree if folder.images} if experts else set()
    photos, masks, others = [], [], []
    for folder in tree:
        kind, split, place, root, expert = _read_path(folder.parts, beside_photos, around_experts)
        if kind == "photos":
            photos.append(_photos(folder, split, place, root))
        elif kind == "masks":
            masks.append(_masks(folder, split, place, root, expert))
        elif kind is None and folder.images:
            others.append(_photos(folder, split, place, root))
    return Parts(photos if holds_files(photos) else others or photos, masks, [])


def _read_path(
    parts: tuple[str, ...], beside_photos: set[tuple[str, ...]], around_experts: set[tuple[str, ...]]
) -> tuple[Kind | None, SplitName | None, str, str, str]:
    """Return the kind and split of a folder, said by its own name or the nearest above, its place and root, and its expert.

    Folders of experts that lie in folders of masks or ``around_experts`` hold masks.
    """
    said = [_said(parts[: depth + 1], beside_photos) for depth in range(len(parts))]
    expert, depths = expert_in_path(parts) if around_experts else ("", ())
    if depths and (parts[: depths[0]] in around_experts or any(each.kind == "masks" for each in said)):
        said = [Meaning(each.kind or "masks", each.split) if at in depths else each for at, each in enumerate(said)]
    else:
        expert = ""
    kinds = [each.kind for each in said if each.kind]
    return "neither" if "neither" in kinds else next(reversed(kinds), None), *_where(parts, said), expert


def _said(parts: tuple[str, ...], beside_photos: set[tuple[str, ...]]) -> Meaning:
    said = Meaning("neither", None) if OTHER_TASKS.match(parts[-1]) else meaning(parts[-1])
    if said.kind == "lesion":
        return Meaning("masks" if parts[:-1] in beside_photos else None, said.split)
    return said


def _where(parts: tuple[str, ...], said: Sequence[Meaning]) -> tuple[SplitName | None, str, str]:
    """Return the split that the nearest name says, and place and root of `Part`."""
    split = next((each.split for each in reversed(said) if each.split), None)
    silent = [each == Meaning(None, None) for each in said]
    root = parts[: silent.index(False)] if False in silent else parts
    return split, "/".join(part for part, is_silent in zip(parts, silent, strict=True) if is_silent), "/".join(root)


def _photos(folder: Folder, split: SplitName | None, place: str, root: str) -> Part:
    names = [name for name in folder.images if ending(name) in PHOTO_ENDINGS and not _is_superpixels(name)]
    return Part(folder.path, names, split, place, root)


def _masks(folder: Folder, split: SplitName | None, place: str, root: str, expert: str = "") -> Part:
    return Part(folder.path, [name for name in folder.images if ending(name) in MASK_ENDINGS], split, place, root, expert)


def _is_superpixels(name: str) -> bool:
    return stem(name).endswith("_superpixels")


def _side_by_side(tree: Sequence[Folder]) -> Parts:
    """Tell masks from photographs in one folder by their names: ``x_mask.png`` or ``x.png`` beside ``x.jpg``."""
    photos, masks = [], []
    for folder in tree:
        said = [meaning(part) for part in folder.parts]  # of ISIC's other tasks, Part 3B has masks beside its photographs
        of_masks = masks_among(folder.images)
        if of_masks and not any(each.kind == "neither" for each in said):
            where = _where(folder.parts, said)
            photos.append(_photos(_only(folder, set(folder.images) - of_masks), *where))
            masks.append(_masks(_only(folder, of_masks), *where))
    return Parts(photos, masks, [])


def _only(folder: Folder, names: set[str]) -> Folder:
    return Folder(folder.path, folder.parts, sorted(names), folder.others)


def _with_drawn(parts: Parts, tree: Sequence[Folder], lesion: str | None, *, are_named: bool = False) -> Parts:
    """Take the masks that annotation files outline, of the folders of ``tree``."""
    photos = {stem(name): part.folder / name for part in parts.photos for name in part.names}
    drawn, notes = draw_masks(tree, photos, lesion, are_named=are_named)
    masks = []
    for each in drawn:
        split, place, root = _where(each.folder.parts, [meaning(part) for part in each.folder.parts])
        masks.append(Part(each.folder.path, each.folder.images, split or meaning(each.file).split, place, root))
    return replace(parts, masks=masks, notes=[*parts.notes, *notes], are_drawn=True) if masks else parts


def _named(source: Source, top: Path, tree: Sequence[Folder], *, experts: bool, told: bool) -> Parts:
    """Take the folders that the user named, with those below them; what was not named is found by its words.

    ``experts`` keeps apart what is in the folders that the user named as experts', and ``told`` what their names tell.
    """
    files = [folder for name in source.masks if (folder := _annotation_file(top / name))]
    photos, masks = (
        [part for name in names for part in _below(source, top, name, tree, told=told)]
        for names in (source.images, [name for name in source.masks if not (top / name).is_file()])
    )
    for name, expert in zip(source.experts, names_of(source.experts), strict=True):
        own = _below(source, top, name, tree, told=False)
        masks += [part._replace(expert=expert) if experts else part for part in own]
    photo_paths, mask_paths = {each.folder.path for each in photos}, {each.folder.path for each in masks}
    if photos and photo_paths == mask_paths:
        return _side_by_side([each.folder for each in photos])
    if len(photo_paths) > len(mask_paths):  # the masks' folder lies in the photographs', or the other way
        photo_paths -= mask_paths
    else:
        mask_paths -= photo_paths
    by_words = _by_words(tree, experts=told)
    of_photos = [_photos(each.folder, each.split, each.place, "") for each in photos if each.folder.path in photo_paths]
    of_masks = [_masks(each.folder, each.split, each.place, "", each.expert) for each in masks if each.folder.path in mask_paths]
    found = Parts(of_photos or [part for part in by_words.photos if part.folder not in mask_paths], of_masks, [])
    if not (source.masks or source.experts):
        found = replace(found, masks=[part for part in by_words.masks if part.folder not in photo_paths])
    if not holds_files(found.masks):
        within = [*files, *(each.folder for each in masks)] or tree
        found = _with_drawn(found, within, source.lesion, are_named=bool(source.masks))
    for what, option, parts in (("photographs", "--images", found.photos), ("masks", "--masks", found.masks)):
        if not holds_files(parts):
            raise InputError(
                f"{source.folder} holds no {what} there; it holds {describe_tree(tree)}: name their folder ({option})."
            )
    return found


def _annotation_file(path: Path) -> Folder | None:
    """Return a file of annotations as all that its folder holds, None for a folder.

    Raises:
        InputError: if it is a file of another kind.
    """
    if not path.is_file():
        return None
    if ending(path.name) not in TEXT_ENDINGS:
        raise InputError(f"{path.name} is no folder of masks and no file of annotations (.json, .xml); name one of these.")
    return Folder(path.parent, (), [], Counter(), [path.name])


class _Below(NamedTuple):
    folder: Folder
    split: SplitName | None
    place: str
    expert: str


def _below(source: Source, top: Path, name: str, tree: Sequence[Folder], *, told: bool) -> list[_Below]:
    """Return a folder that the user named and those below it; with ``told``, names tell experts."""
    base = top / name
    if not base.is_dir():
        raise InputError(f"There is no folder {name} in {source.folder}; it holds {describe_tree(tree)}.")
    own, below = meaning(base.name).split, []
    for folder in read_tree(base, PHOTO_ENDINGS | MASK_ENDINGS):
        expert, depths = expert_in_path((base.name, *folder.parts)) if told else ("", ())
        said = [meaning(part) for part in folder.parts]
        said = [Meaning("masks", each.split) if at in depths else each for at, each in enumerate(said, start=1)]
        split, place, _ = _where(folder.parts, said)
        below.append(_Below(folder, split or own, place, expert))
    return below


def _as_listed(parts: Parts, tree: Sequence[Folder]) -> Parts:
    """Keep the photographs that a VOC dataset lists in ImageSets/, with their splits; other datasets stay as they are."""
    listed = listed_splits(tree)
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
    return replace(parts, photos=photos, notes=[*parts.notes, *notes])
