"""The files of a dataset by their kind, folder by folder, and what is said to the user about those that are not used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from seg_core.common.text import legible
from seg_core.data.source import Source
from seg_core.data.tree import Folder, ending, stem
from seg_core.data.words import SplitName
from seg_core.errors import InputError, some_of

PICTURES = {
    *(".jxl", ".gif", ".svg", ".psd", ".dcm", ".dicom"),
    *(".dng", ".cr2", ".cr3", ".nef", ".arw", ".raw", ".npy", ".npz", ".mat", ".nii", ".gz"),
}
"""Endings of pictures, so that those which are not read are named."""


@dataclass(frozen=True)
class Part:
    """Files of one kind in one folder.

    Attributes:
        split: None if no name says.
        place: the names in the path that say neither kind nor split, such as a patient's.
        root: those of them that stand before all others, where each dataset in a folder of several would begin.
        expert: who drew the masks, where folders name several experts or the user did.
    """

    folder: Path
    names: list[str]
    split: SplitName | None = None
    place: str = ""
    root: str = ""
    expert: str = ""


@dataclass(frozen=True)
class Parts:
    """The photographs and the masks of a dataset, folder by folder, and lines for the user about how they were found.

    ``are_drawn`` is True if the masks are drawn from annotation files: they then hold the lesion alone, whatever its class.
    """

    photos: list[Part]
    masks: list[Part]
    notes: list[str]
    are_drawn: bool = False


def holds_files(parts: Sequence[Part]) -> bool:
    """True if there is a file in one of them."""
    return any(part.names for part in parts)


def joined_roots(source: Source, photos: Sequence[Part]) -> list[str]:
    """Return a line about the datasets that are read as one.

    Raises:
        InputError: if they hold photographs of the same names: they are the same ones, perhaps at another size.
    """
    counts, seen = Counter[str](), dict[str, str]()
    for part in photos:
        counts[part.root] += len(part.names)
    for part in photos:
        for own in map(stem, part.names):
            if (other := seen.setdefault(own, part.root)) != part.root and max(counts[other], counts[part.root]) > 1:
                both = f"{other or '.'}/ and {part.root or '.'}/"
                raise InputError(
                    f"{source.folder} holds several datasets with photographs of the same names, such as {own} in {both}; "
                    "name one of them."
                )
    several = [root or "." for root, count in counts.items() if count > 1]
    return [f"Folders that are read as one dataset: {some_of(sorted(several))}."] if len(several) > 1 else []


def dead_links(tree: Sequence[Folder]) -> list[str]:
    """Return a line about links that lead to no file or folder."""
    names = [legible("/".join((*folder.parts, name))) for folder in tree for name in folder.dead_links]
    return [f"Links that lead nowhere, or back to a folder above, are left out: {some_of(names)}."] if names else []


def unread(parts: Parts, tree: Sequence[Folder]) -> list[str]:
    """Return a line about files beside the photographs and masks that are pictures by their endings, but not read."""
    used: dict[Path, set[str]] = {}
    for part in (*parts.photos, *parts.masks):
        used.setdefault(part.folder, set()).update(part.names)
    kinds = Counter[str]()
    for folder in tree:
        if folder.path in used:
            kinds.update(folder.others)
            kinds.update(ending(name) for name in folder.images if name not in used[folder.path])
    found = {kind: count for kind, count in kinds.most_common() if kind in PICTURES}
    if not found:
        return []
    listed = ", ".join(f"{count:,} × {kind}" for kind, count in found.items())
    return [f"Files of other kinds are not read: {listed}. Save photographs as JPEG or PNG, and masks as PNG."]
