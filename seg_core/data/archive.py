"""Zip archives as datasets: unpacked once into the home folder, and again when the archive changes."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Collection
from pathlib import Path

from filelock import FileLock

from seg_core.common.home import home
from seg_core.data.isic2016.unpacking import BadArchive, unpack_tree
from seg_core.errors import InputError


def is_archive(path: Path) -> bool:
    """True for a file that is called a zip archive."""
    return path.suffix.lower() == ".zip" and path.is_file()


def unpacked(archive: Path, endings: Collection[str]) -> Path:
    """Return the folder with the contents of an archive, which is unpacked if it is new or has changed.

    Only files with one of these endings, such as ``.png``, are unpacked. What an earlier version of the archive left is deleted.

    Raises:
        InputError: if it is damaged, is not safe to unpack, or there is too little space for it.
        OSError: if it cannot be read, or the home folder cannot be written.
    """
    facts = archive.stat()
    of_path, of_state = (_digest(text) for text in (str(archive), f"{facts.st_size} {facts.st_mtime_ns}"))
    folder = home() / "cache" / "archives" / f"{of_path}-{of_state}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.parent / f".{of_path}.lock"):
        if not folder.is_dir():
            for earlier in folder.parent.glob(f"{of_path}-*"):
                shutil.rmtree(earlier, ignore_errors=True)
            wanted = re.compile(rf"(?!.*(?:^|/)(?:__MACOSX/|\.(?!\.?/))).*(?:{'|'.join(map(re.escape, endings))})", re.I | re.S)
            try:
                unpack_tree(archive, folder, wanted)
            except BadArchive as error:
                raise InputError(f"{archive} {error}; unpack it yourself and name the folder.") from None
    return folder


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:12]
