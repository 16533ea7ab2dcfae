"""Adding photographs to a collection: copied or referred to by a link, each content once, under a safe name of its own."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from seg_core.common.atomic_file import atomic_file
from seg_core.common.home import home
from seg_core.common.text import legible
from seg_core.data.image_file import PHOTO_ENDINGS, open_image
from seg_core.data.tree import ending, stem
from seg_core.errors import InputError

_LONGEST = 150
"""Bytes of an id: names of files may have 255 in all."""


def safe_id(name: str) -> str:
    """Return a photograph's name as an id of letters, digits, full stops, dashes and underscores; a letter or digit is first."""
    text = unicodedata.normalize("NFC", legible(name))
    text = re.sub(r"[^\w.-]+", "_", text).lstrip("._-").encode()[:_LONGEST].decode(errors="ignore").rstrip(".")
    return text or "photograph"


class Adding:
    """Adds photographs to the folder ``images`` of a collection, which is read once; the caller keeps others from adding.

    Args:
        folder: the folder.
        photos: the photographs that are there.
    """

    def __init__(self, folder: Path, photos: Iterable[Path]) -> None:
        self._folder = folder
        self._ids: set[str] = set()
        self._by_size: dict[int, list[Path]] = {}
        self._digests: dict[Path, str] = {}
        for photo in photos:
            self._ids.add(stem(photo.name).casefold())
            if photo.is_file():  # a link may lead nowhere
                self._by_size.setdefault(photo.stat().st_size, []).append(photo)

    def add(self, path: Path, *, copy: bool, id: str = "") -> str:
        """Add a photograph and return its id; where its content is there already, return the id of that.

        Args:
            path: the photograph.
            copy: False for a link to it.
            id: the wanted id; without, the file's name is one.

        Raises:
            InputError: if it is no photograph.
            OSError: if it cannot be written.
        """
        if ending(path.name) not in PHOTO_ENDINGS:
            raise InputError(f"{path.name} is not called a photograph; use a JPEG, PNG, TIFF, BMP, WebP or HEIC file.")
        open_image(path, path.name).close()
        alike = self._by_size.setdefault(path.stat().st_size, [])
        content = _digest(path) if alike else ""
        if same := next((photo for photo in alike if self._digest(photo) == content), None):
            return stem(same.name)
        own = self._free(safe_id(id or stem(path.name)))
        target = self._folder / f"{own}{ending(path.name)}"
        # What is made in the cache may be deleted there.
        if copy or path.resolve().is_relative_to(home() / "cache"):
            with atomic_file(target) as file:
                shutil.copyfile(path, file)
        else:
            os.symlink(path.resolve(), target)  # noqa: PTH211 - reads as what it does
        self._ids.add(own.casefold())
        alike.append(target)
        return own

    def _digest(self, photo: Path) -> str:
        if photo not in self._digests:
            self._digests[photo] = _digest(photo)
        return self._digests[photo]

    def _free(self, wanted: str) -> str:
        """Return an id that none has, in any case: many file systems ignore it."""
        id, count = wanted, 1
        while id.casefold() in self._ids:
            count += 1
            id = f"{wanted}-{count}"
        return id


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
