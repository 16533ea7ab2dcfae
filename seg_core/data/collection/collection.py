"""A collection: its photographs, their masks with all versions, proposals of models, and what is excluded."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock

from seg_core.data.collection.photographs import Adding, safe_id
from seg_core.data.collection.versions import History, Version, read_saved_mask
from seg_core.data.excluded import Exclusion, exclude, include, read_excluded
from seg_core.data.folders import list_images
from seg_core.data.image_file import PHOTO_ENDINGS, open_image, upright_size
from seg_core.data.masks.folder import MaskFolderRule
from seg_core.data.tree import ending, stem
from seg_core.errors import InputError

IMAGES, MASKS = "images", "masks"
_HISTORY, _PROPOSED = "history", "proposed"
_LONGEST_TEXT = 200


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


@dataclass(frozen=True)
class Collection:
    """A collection in a folder; `seg_core.data.collection.store` opens it by name."""

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
        saved, proposed = self._names(_HISTORY), self._names(_PROPOSED)  # else thousands of folders are looked for in vain
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

    def add_photographs(
        self,
        paths: Sequence[Path],
        *,
        copy: bool,
        masks: Mapping[Path, np.ndarray] | None = None,
        author: str = "",
        on_progress: Callable[[int, int], None] | None = None,
    ) -> list[str]:
        """Add photographs and return their ids, which come from the files' names.

        A photograph whose content is there already is not added again: its id is the one that is there.

        Args:
            paths: the files, which stay as they are.
            copy: False to refer to them by links.
            masks: true masks (H, W) bool of some of them, which become their first versions.
            author: who drew the masks.
            on_progress: gets how many are done, and how many there are.

        Raises:
            InputError: at the first that cannot be added; those before it stay.
        """
        ids = []
        with self.adding() as adding:
            for done, path in enumerate(paths, start=1):
                ids.append(adding.add(path, copy=copy))
                if masks and path in masks:
                    self.add_truth(ids[-1], masks[path], author)
                if on_progress:
                    on_progress(done, len(paths))
        return ids

    def add_truth(self, id: str, mask: np.ndarray, author: str = "") -> None:
        """Save a mask (H, W) bool of a dataset as the first version; a photograph that has versions keeps them.

        Raises:
            InputError: as `save`.
        """
        mask, history = self._fitting(id, mask), self._history(id)
        with self._writing():
            if not history.latest:
                history.add(mask, author=author, began_as="truth", sync=False)
                history.settle(self._current(id), sync=False)

    @contextmanager
    def adding(self) -> Iterator[Adding]:
        """Yield what adds photographs, while no other process does.

        Raises:
            InputError: if the folder cannot be read or written.
        """
        with self._writing(), FileLock(self.folder / ".adding.lock"):
            yield Adding(self.folder / IMAGES, self._photos().values())

    def save(self, id: str, mask: np.ndarray, *, author: str, began_as: str, seconds: float, base: int) -> Version:
        """Save a mask as a new version, and make it the current one.

        Nothing is overwritten: if others saved since ``base``, theirs are versions too, and the result says so.

        Args:
            id: the photograph.
            mask: (H, W) bool, of the upright photograph's size.
            author: who drew it.
            began_as: ``empty``, ``truth``, ``model KEY at THRESHOLD`` or ``version 3``.
            seconds: the time that was spent on it.
            base: the newest version that the author knew, ``Item.versions``; 0 for none.

        Raises:
            InputError: if there is no such photograph, the mask does not fit it, or it cannot be written.
        """
        mask, history = self._fitting(id, mask), self._history(id)
        with self._writing():
            self._repair(id)
            if not 0 <= base <= history.latest:
                raise InputError(f"There is no version {base} of the mask of {id} to go on from; load it again.")
            version = history.add(mask, author=_line(author), began_as=_line(began_as), seconds=max(0.0, seconds), base=base)
            history.settle(self._current(id))
        return version

    def propose(self, id: str, mask: np.ndarray, *, model: str) -> Version:
        """Keep a model's mask (H, W) bool, which is no mask of the dataset until a person saves one.

        Raises:
            InputError: as `save`.
        """
        mask, history = self._fitting(id, mask), self._proposals(id)
        with self._writing():
            return history.add(mask, author=_line(model), began_as="empty", base=history.latest, sync=False)

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

    def restore(self, id: str, number: int, author: str) -> Version:
        """Go back to a version, by saving it as a new one.

        Raises:
            InputError: as `save`, or if there is no such version.
        """
        mask, base = read_saved_mask(self.version_mask(id, number)), self._history(id).latest
        return self.save(id, mask, author=author, began_as=f"version {number}", seconds=0, base=base)

    def exclude(self, id: str, reason: str, author: str) -> None:
        """Leave a photograph out of the dataset; it stays in the collection.

        Raises:
            InputError: if there is no such photograph, no reason, or the list cannot be written.
        """
        exclude(self.folder, [self._known(id)], reason, author)

    def include(self, id: str) -> None:
        """Take a photograph into the dataset again.

        Raises:
            InputError: if there is no such photograph, or the list cannot be written.
        """
        include(self.folder, [self._known(id)])

    def repair(self) -> None:
        """Make each current mask that of the newest version, where a process was killed between the two.

        A mask that another program changed becomes a version, so that no work is lost.

        Raises:
            InputError: if the folder cannot be read or written.
        """
        saved = self._names(_HISTORY) | {stem(name) for name in self._names(MASKS)}
        with self._writing():
            for id in saved & self._photos().keys():
                self._repair(id)

    def _repair(self, id: str) -> None:
        current, history = self._current(id), self._history(id)
        if history.is_settled(current) or not (current.exists() or history.latest):
            return
        if current.exists() and not history.holds(current) and (changed := self._read_changed(id, current)) is not None:
            history.add(changed, author="", began_as="a change by another program", base=history.latest)
        history.settle(current)

    def _read_changed(self, id: str, file: Path) -> np.ndarray | None:
        """Read a mask that another program wrote; return None if it cannot be one of this photograph."""
        try:
            mask, _ = MaskFolderRule([file]).mask(file)
            return self._fitting(id, mask)
        except InputError:
            return None

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
        found = list_images(self.folder / IMAGES, dead_links=True)
        return {stem(photo.name): photo for photo in found if ending(photo.name) in PHOTO_ENDINGS}

    def _photo(self, id: str) -> Path:
        if safe_id(id) == id:  # which is no path: thousands of photographs are not listed for each
            for each in sorted(PHOTO_ENDINGS, reverse=True):
                if os.path.lexists(photo := self.folder / IMAGES / f"{id}{each}"):  # a link may lead nowhere
                    return photo
        if id not in (photos := self._photos()):
            raise InputError(f"There is no photograph {id} in the collection {self.name}.")
        return photos[id]

    def _known(self, id: str) -> str:
        self._photo(id)
        return id

    def _fitting(self, id: str, mask: np.ndarray) -> np.ndarray:
        width, height = self.size(id)
        if mask.shape != (height, width):
            of = " × ".join(map(str, mask.shape[::-1]))
            raise InputError(f"The mask of {id} is {of} pixels and its photograph {width} × {height}; give both one size.")
        return mask.astype(bool)

    def _current(self, id: str) -> Path:
        return self.folder / MASKS / f"{id}.png"

    def _history(self, id: str) -> History:
        return History(self.folder / _HISTORY / id)

    def _proposals(self, id: str) -> History:
        return History(self.folder / _PROPOSED / id)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            why = error.strerror or error
            raise InputError(f"The collection {self.name} cannot be written ({why}); check its disk and permissions.") from None


def _line(text: str) -> str:
    return " ".join(text.split())[:_LONGEST_TEXT]
