"""The folders below a dataset's folder, with the names of the images in them: read from the disk once."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from seg_core.errors import InputError

MOST_LEVELS = 6
"""PH2's photographs lie four levels below the folder that its archive is unpacked into."""
MOST_FOLDERS = 50_000

TEXT_ENDINGS = {".json", ".xml", ".txt"}
"""Of files that may be annotations of images."""

COLLECTION = "collection.json"
"""The file that makes a folder a collection: see `seg_core.data.collection`."""
_KEPT_BESIDE = ("history", "proposed")
"""Folders of a collection that hold no masks of the dataset."""

_SYSTEM = ("__MACOSX", "lost+found", "System Volume Information", "$RECYCLE.BIN", "@eaDir")


@dataclass(frozen=True)
class Folder:
    """A folder: its place below the top one as ``parts``, the sorted names of its images, and its other files.

    Attributes:
        others: how many other files it holds, by ending in lower case.
        texts: the sorted names of those that may be annotations of images.
        dead_links: the sorted names of links that lead nowhere, in a circle, or to a folder above.
    """

    path: Path
    parts: tuple[str, ...]
    images: list[str]
    others: Counter[str]
    texts: list[str] = field(default_factory=list)
    dead_links: list[str] = field(default_factory=list)


def read_tree(top: Path, endings: Collection[str]) -> list[Folder]:
    """Return a folder and all folders below it, level by level; an image is a file with one of these endings.

    Hidden files and folders and those of operating systems are left out.

    Raises:
        InputError: if a folder below cannot be read, or there are too many.
        OSError: if ``top`` cannot be read.
    """
    folders: list[Folder] = []
    level: list[tuple[str, ...]] = [()]
    while level:
        below: list[tuple[str, ...]] = []
        for parts in level:
            folder, subfolders = _read(top, parts, endings)
            folders.append(folder)
            below += ((*parts, name) for name in subfolders)
        if len(folders) + len(below) > MOST_FOLDERS:
            raise InputError(f"{top} holds more than {MOST_FOLDERS:,} folders; name one nearer to the photographs.")
        level = below if level[0] == () or len(level[0]) < MOST_LEVELS else []
    return folders


def ending(name: str) -> str:
    """Return the last dot of a name and what follows it, in lower case."""
    dot = name.rfind(".")  # `os.path.splitext` of 200,000 names takes seconds
    return name[dot:].lower() if dot > 0 else ""


def stem(name: str) -> str:
    """Return a file's name without its ending."""
    dot = name.rfind(".")
    return name[:dot] if dot > 0 else name


def describe_tree(folders: Sequence[Folder], most: int = 6) -> str:
    """Return what lies in which folders, in a few words: those with images, and if there are none, other files by ending."""
    holding = [(folder.parts, len(folder.images), 1) for folder in folders if folder.images]
    if len(holding) > most:  # a folder per case: only the upper levels tell
        few = [depth for depth in range(1, MOST_LEVELS) if len({parts[:depth] for parts, *_ in holding}) <= most]
        depth = max(few, default=1)
        together: dict[tuple[str, ...], list[int]] = {}
        for parts, count, _ in holding:
            together.setdefault(parts[:depth], []).append(count)
        holding = [(parts, sum(counts), len(counts)) for parts, counts in together.items()]
    if holding:
        named = [f"{'/'.join(parts) or '.'}/ ({_images(count)}{_folders(within)})" for parts, count, within in holding]
        return ", ".join(named[:most]) + (f" and {len(named) - most:,} more folders" if len(named) > most else "")
    others: Counter[str] = sum((folder.others for folder in folders), Counter())
    kinds = ", ".join(f"{count:,} × {kind or 'no ending'}" for kind, count in others.most_common(most))
    return f"no images, but files of other kinds ({kinds})" if kinds else "no files"


def _images(count: int) -> str:
    return f"{count:,} image{'s' if count != 1 else ''}"


def _folders(count: int) -> str:
    return f" in {count:,} folders" if count > 1 else ""


def _read(top: Path, parts: tuple[str, ...], endings: Collection[str]) -> tuple[Folder, list[str]]:
    path = top.joinpath(*parts)
    try:
        with os.scandir(path) as entries:  # tells files from folders without another call for each
            folder, subfolders = _sorted_out(path, parts, entries, endings)
    except OSError as error:
        if not parts:
            raise
        raise InputError(f"The folder {path} cannot be read ({error.strerror}); allow it or move it away.") from None
    return folder, subfolders


def _sorted_out(
    path: Path, parts: tuple[str, ...], entries: Iterator[os.DirEntry[str]], endings: Collection[str]
) -> tuple[Folder, list[str]]:
    images, others, texts, subfolders, dead_links = [], Counter[str](), [], [], []
    is_collection = False
    for entry in entries:
        if entry.name.startswith(".") or entry.name in _SYSTEM:
            continue
        if is_dead_link(entry):
            dead_links.append(entry.name)
        elif entry.is_dir():
            subfolders.append(entry.name)
        elif ending(entry.name) in endings and entry.is_file():
            images.append(entry.name)
        elif entry.name == COLLECTION:
            is_collection = True
        else:
            others[ending(entry.name)] += 1
            texts += [entry.name] if ending(entry.name) in TEXT_ENDINGS else []
    if is_collection:
        subfolders = [name for name in subfolders if name not in _KEPT_BESIDE]
    return Folder(path, parts, sorted(images), others, sorted(texts), sorted(dead_links)), sorted(subfolders)


def is_dead_link(entry: os.DirEntry[str]) -> bool:
    """Return True for a link to what is not there, is no file, or is a folder that it lies in."""
    if not entry.is_symlink():
        return False
    try:
        if entry.is_dir():
            return Path(entry.path).absolute().is_relative_to(Path(entry.path).resolve())
        return not entry.is_file()
    except OSError:  # it leads in a circle
        return True
