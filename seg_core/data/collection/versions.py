"""The versions of one mask: folders ``0001``, ``0002``, … that appear whole and are never overwritten."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from seg_core.common.atomic_file import atomic_file, flush_folder, partial_suffix, remove_partials
from seg_core.data.image import write_mask
from seg_core.data.masks.folder import MaskFolderRule
from seg_core.data.masks.rule import MaskRule
from seg_core.errors import InputError

_MASK, _RECORD = "mask.png", "version.json"
_NUMBER = re.compile(r"\d{4,9}")
_TAKEN = (errno.EEXIST, errno.ENOTEMPTY)


@dataclass(frozen=True)
class Version:
    """What is known of one version of a mask.

    Attributes:
        number: from 1.
        author: who saved it; empty if that is not known. Of a proposal, the model.
        saved: when, in UTC.
        began_as: what the mask was before it was changed: ``empty``, ``truth``, ``model KEY at THRESHOLD``, ``version 3``.
        seconds: the time that was spent on it.
        base: the number of the version that its author knew as the newest; 0 if there was none.
        meanwhile: the authors of the versions that were saved after ``base`` and before this one.
    """

    number: int
    author: str
    saved: datetime
    began_as: str
    seconds: float
    base: int
    meanwhile: tuple[str, ...] = ()

    @property
    def is_conflict(self) -> bool:
        """True if others saved a version that its author had not seen."""
        return self.base < self.number - 1

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "number": self.number,
            "author": self.author,
            "saved": self.saved.isoformat(timespec="seconds"),
            "began_as": self.began_as,
            "seconds": self.seconds,
            "base": self.base,
            "conflict": self.is_conflict,
            "meanwhile": list(self.meanwhile),
        }


def read_saved_mask(file: Path) -> np.ndarray:
    """Read a mask that was written here: (H, W) bool.

    Raises:
        InputError: if it cannot be read.
    """
    return MaskFolderRule.known(MaskRule()).mask(file)[0]


class History:
    """The versions of one mask. Several processes may add to it at once: it is the file system that gives out the numbers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def numbers(self) -> list[int]:
        """The numbers of all versions, oldest first."""
        try:
            return sorted(int(name) for name in os.listdir(self.folder) if _NUMBER.fullmatch(name))  # noqa: PTH208 - of thousands
        except FileNotFoundError:
            return []

    @property
    def latest(self) -> int:
        """The number of the newest version, 0 if there is none."""
        return max(self.numbers(), default=0)

    def versions(self) -> list[Version]:
        """All versions, oldest first.

        Raises:
            InputError: if the record of one is missing or damaged.
        """
        return [self.version(number) for number in self.numbers()]

    def version(self, number: int) -> Version:
        """One version.

        Raises:
            InputError: if there is none of this number, or its record is damaged.
        """
        record = self._record(number)
        between = [each for each in self.numbers() if record["base"] < each < number]
        return Version(number=number, **record, meanwhile=tuple(self._record(each)["author"] for each in between))

    def mask(self, number: int) -> Path:
        """The file of a version's mask, a PNG of 0 and 255.

        Raises:
            InputError: if there is none of this number.
        """
        file = self._mask(number)
        if not file.is_file():
            there = f"the newest is {latest}" if (latest := self.latest) else "it has none yet"
            raise InputError(f"There is no version {number} of the mask of {self.folder.name}; {there}.")
        return file

    def add(
        self, mask: np.ndarray, *, author: str, began_as: str, seconds: float = 0.0, base: int = 0, sync: bool = True
    ) -> Version:
        """Write a mask (H, W) bool as the next version.

        With ``sync`` it is on the disk when this returns, also after a power failure.

        Raises:
            OSError: if it cannot be written.
        """
        for folder in (self.folder.parent, self.folder):  # and no more: the collection may be deleted meanwhile
            folder.mkdir(exist_ok=True)
        remove_partials(self.folder)
        record = {
            "author": author,
            "saved": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "began_as": began_as,
            "seconds": round(seconds, 1),
            "base": base,
        }
        with tempfile.TemporaryDirectory(dir=self.folder, prefix=".", suffix=partial_suffix()) as made:
            building = Path(made, "version")
            building.mkdir()
            with atomic_file(building / _MASK, sync=sync) as file:
                write_mask(mask, file)
            with atomic_file(building / _RECORD, sync=sync) as file:
                file.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
            number = self._publish(building)
        if sync:
            flush_folder(self.folder)
        return self.version(number)

    def settle(self, current: Path, *, sync: bool = True) -> None:
        """Make the current mask that of the newest version.

        Whoever saves does this and looks again, so of several at once the last leaves the newest.

        Raises:
            OSError: if it cannot be written.
        """
        while (newest := self.latest) and not _same(current, self.mask(newest)):
            with atomic_file(current, sync=sync) as file:
                shutil.copy2(self.mask(newest), file)  # with its time, by which `is_settled` knows it

    def is_settled(self, current: Path) -> bool:
        """True if size and time of the current mask are those of the newest version."""
        try:
            there, newest = current.stat(), self._mask(self.latest).stat()
        except FileNotFoundError:
            return False
        return (there.st_size, there.st_mtime_ns) == (newest.st_size, newest.st_mtime_ns)

    def holds(self, current: Path) -> bool:
        """True if the current mask is that of any version."""
        content = current.read_bytes()  # before the versions are listed: what was current then is among them
        return any(self.mask(number).read_bytes() == content for number in reversed(self.numbers()))

    def _publish(self, building: Path) -> int:
        """Move a whole version to the next free number; a folder is never moved onto one that holds files."""
        number = self.latest + 1
        while True:
            try:
                building.rename(self._place(number))
            except OSError as error:
                if error.errno not in _TAKEN:
                    raise
                number += 1
            else:
                return number

    def _place(self, number: int) -> Path:
        return self.folder / f"{number:04d}"

    def _mask(self, number: int) -> Path:
        return Path(self.folder, f"{number:04d}", _MASK)

    def _record(self, number: int) -> dict[str, Any]:
        self.mask(number)
        file = self._place(number) / _RECORD
        try:
            read = json.loads(file.read_text(encoding="utf-8"))
            return {
                "author": str(read["author"]),
                "saved": datetime.fromisoformat(read["saved"]),
                "began_as": str(read["began_as"]),
                "seconds": float(read["seconds"]),
                "base": int(read["base"]),
            }
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"{file} cannot be read ({error}); put it back from a backup.") from None


def _same(one: Path, other: Path) -> bool:
    try:
        return one.read_bytes() == other.read_bytes()
    except FileNotFoundError:
        return False
