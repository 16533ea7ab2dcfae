"""Zip archives as datasets: unpacked once into the home folder, and again when an archive changes."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from seg_core.data.made_folder import file_state, made_folder
from seg_core.data.tree import read_tree
from seg_core.data.unpacking import BadArchive, unpack_tree
from seg_core.errors import InputError


def is_archive(path: Path) -> bool:
    """True for a file that is called a zip archive."""
    return path.suffix.lower() == ".zip" and path.is_file()


def archives_in(folder: Path, images: Collection[str]) -> list[Path]:
    """Return the zip archives directly in a folder, none if it or a folder below it holds files with these endings.

    Raises:
        OSError: if the folder cannot be read.
    """
    found = sorted(path for path in folder.iterdir() if is_archive(path) and not path.name.startswith("."))
    return [] if found and any(each.images for each in read_tree(folder, images)) else found


def unpacked(archive: Path, endings: Collection[str]) -> Path:
    """Return the folder with the contents of an archive, which is unpacked if it is new or has changed.

    Only files with one of these endings, such as ``.png``, are unpacked.

    Raises:
        InputError: if it is damaged, is not safe to unpack, or there is too little space for it.
        OSError: if it cannot be read, or the home folder cannot be written.
    """
    return made_folder("archives", str(archive), file_state(archive), lambda folder: _unpack(archive, folder, endings))


def unpacked_together(archives: Collection[Path], endings: Collection[str]) -> Path:
    """Return a folder with the contents of the archives of one folder, each in a folder of its name; see `unpacked`."""

    def unpack_all(folder: Path) -> None:
        folder.mkdir()
        for archive in archives:
            _unpack(archive, folder / archive.stem, endings)

    return made_folder("archives", "\n".join(map(str, archives)), file_state(*archives), unpack_all)


def _unpack(archive: Path, folder: Path, endings: Collection[str]) -> None:
    wanted = re.compile(rf"(?!.*(?:^|/)(?:__MACOSX/|\.(?!\.?/))).*(?:{'|'.join(map(re.escape, endings))})", re.I | re.S)
    try:
        unpack_tree(archive, folder, wanted)
    except BadArchive as error:
        raise InputError(f"{archive} {error}; unpack it yourself and name the folder.") from None
