"""A collection that is worked on: photographs are added, masks saved, proposed and restored, photographs excluded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock

from seg_core.common.atomic_file import remove_partials
from seg_core.common.text import legible
from seg_core.data.collection.contents import HISTORY, IMAGES, MASKS, Contents
from seg_core.data.collection.photographs import Adding
from seg_core.data.collection.versions import Version, read_saved_mask
from seg_core.data.excluded import exclude, include
from seg_core.data.masks.folder import MaskFolderRule
from seg_core.data.tree import stem
from seg_core.errors import InputError

ADDING = ".adding.lock"
"""The file that a process locks while it adds photographs."""
_LONGEST_TEXT = 200
_MOST_SECONDS = 86_400.0
"""A day, so that infinity is no time."""


@dataclass(frozen=True)
class Collection(Contents):
    """A collection in a folder, and all that changes it; `seg_core.data.collection.store` opens it by name."""

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
        with self._writing(), FileLock(self.folder / ADDING):
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
            spent = min(max(0.0, seconds), _MOST_SECONDS)
            version = history.add(mask, author=_line(author), began_as=_line(began_as), seconds=spent, base=base)
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
        saved = self._names(HISTORY) | {stem(name) for name in self._names(MASKS)}
        with self._writing():
            remove_partials(self.folder / IMAGES)
            remove_partials(self.folder / MASKS)
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

    def _fitting(self, id: str, mask: np.ndarray) -> np.ndarray:
        width, height = self.size(id)
        if mask.shape != (height, width):
            of = " × ".join(map(str, mask.shape[::-1]))
            raise InputError(f"The mask of {id} is {of} pixels and its photograph {width} × {height}; give both one size.")
        return mask.astype(bool)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            why = error.strerror or error
            raise InputError(f"The collection {self.name} cannot be written ({why}); check its disk and permissions.") from None


def _line(text: str) -> str:
    return legible(" ".join(text.split()))[:_LONGEST_TEXT]
