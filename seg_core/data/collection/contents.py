"""What a collection holds: its photographs, their masks with all versions, proposals of models, and what is excluded."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from seg_core.common.text import counted
from seg_core.data.collection.photographs import safe_id
from seg_core.data.collection.versions import History, Version
from seg_core.data.excluded import Exclusion, read_excluded
from seg_core.data.folders import list_images
from seg_core.data.image_file import PHOTO_ENDINGS, open_image, upright_size
from seg_core.data.tree import ending, stem
from seg_core.errors import InputError

IMAGES, MASKS, HISTORY, PROPOSED = "images", "masks", "history", "proposed"
"""The folders in that of a collection."""


@dataclass(frozen=True)
class Item:
    """A photograph of a collection.

    Attributes:
        photo: its file; a link may lead nowhere (`Collection.photograph` says so).
        mask: the current mask, which a person saved or a dataset brought as truth; None if there is none yet.
        proposal: the newest mask by a model, whether a person has looked at it or not; None if there is none.
        versions: the number of the newest version, which a save states as its ``base``; 0 without any.
        excluded: why it is left out of the dataset; None if it is not.
    """

    id: str
    photo: Path
    mask: Path | None
    proposal: Path | None
    versions: int
    excluded: str | None


def contents_in_words(items: Sequence[Item]) -> str:
    """Return how much there is, as ``3 photographs and 7 versions of masks``."""
    return f"{counted(len(items), 'photograph')} and {counted(sum(item.versions for item in items), 'version')} of masks"


@dataclass(frozen=True)
class Contents:
    """What can be read of a collection in a folder."""

    folder: Path

    @property
    def name(self) -> str:
        """The name of its folder."""
        return self.folder.name

    def source(self) -> str:
        """The dataset source for `open_dataset`, a training or a comparison."""
        return str(self.folder)

    def items(self) -> list[Item]:
        """All photographs, by id.

        Raises:
            InputError: if the folder or its list of exclusions cannot be read.
        """
        left_out = read_excluded(self.folder)
        saved, proposed = self._names(HISTORY), self._names(PROPOSED)  # else thousands of folders are looked for in vain
        return [self._item(id, photo, left_out, id in saved, id in proposed) for id, photo in sorted(self._photos().items())]

    def item(self, id: str) -> Item:
        """One photograph.

        Raises:
            InputError: if there is none of this id.
        """
        return self._item(id, self._photo(id), read_excluded(self.folder))

    def photograph(self, id: str) -> Path:
        """The file of a photograph.

        Raises:
            InputError: if there is none of this id, or it was only referred to and is gone.
        """
        photo = self._photo(id)
        if not photo.is_file():
            where = photo.readlink() if photo.is_symlink() else photo
            raise InputError(f"The photograph {id} of {self.name} is gone from {where}; put it back there.")
        return photo

    def size(self, id: str) -> tuple[int, int]:
        """Width and height of a photograph once it is upright, which are those of its masks.

        Raises:
            InputError: as `photograph`, or if it cannot be read.
        """
        photo = self.photograph(id)
        with open_image(photo, photo.name) as image:
            return upright_size(image)

    def proposal(self, id: str) -> Version | None:
        """The newest proposal, whose author is the model; None if there is none.

        Raises:
            InputError: if there is no such photograph, or the record cannot be read.
        """
        proposals = self._proposals(self._known(id))
        return proposals.version(latest) if (latest := proposals.latest) else None

    def history(self, id: str) -> list[Version]:
        """All versions of a mask, oldest first.

        Raises:
            InputError: if there is no such photograph, or a record cannot be read.
        """
        return self._history(self._known(id)).versions()

    def version_mask(self, id: str, number: int) -> Path:
        """The mask of a version, a PNG of 0 and 255.

        Raises:
            InputError: if there is no such photograph or version.
        """
        return self._history(self._known(id)).mask(number)

    def _item(
        self, id: str, photo: Path, left_out: Mapping[str, Exclusion], is_saved: bool = True, is_proposed: bool = True
    ) -> Item:
        current, proposals = self._current(id), self._proposals(id)
        proposal = proposals.mask(latest) if is_proposed and (latest := proposals.latest) else None
        versions = self._history(id).latest if is_saved else 0
        reason = left_out[id].reason if id in left_out else None
        return Item(id, photo, current if current.is_file() else None, proposal, versions, reason)

    def _names(self, folder: str) -> set[str]:
        try:
            return set(os.listdir(self.folder / folder))  # noqa: PTH208 - of thousands
        except FileNotFoundError:
            return set()

    def _photos(self) -> dict[str, Path]:
        if not self.folder.is_dir():
            raise InputError(f"The collection {self.name} is gone: it was deleted or renamed. Choose another.")
        found = list_images(self.folder / IMAGES, dead_links=True)
        return {stem(photo.name): photo for photo in found if ending(photo.name) in PHOTO_ENDINGS}

    def _photo(self, id: str) -> Path:
        if safe_id(id) == id:  # which is no path: thousands of photographs are not listed for each
            for each in sorted(PHOTO_ENDINGS, reverse=True):
                if os.path.lexists(photo := Path(self.folder, IMAGES, f"{id}{each}")):  # a link may lead nowhere
                    return photo
        if id not in (photos := self._photos()):
            raise InputError(f"There is no photograph {id} in the collection {self.name}.")
        return photos[id]

    def _known(self, id: str) -> str:
        self._photo(id)
        return id

    def _current(self, id: str) -> Path:
        return Path(self.folder, MASKS, f"{id}.png")

    def _history(self, id: str) -> History:
        return History(Path(self.folder, HISTORY, id))

    def _proposals(self, id: str) -> History:
        return History(Path(self.folder, PROPOSED, id))
