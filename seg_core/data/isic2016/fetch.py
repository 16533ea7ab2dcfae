"""Fetching of the official data of ISIC 2016, Part 1 (lesion segmentation), from the challenge's server.

``LESIONLAB_ISIC_URL`` names another server that has the archives: an address to which ``/`` and an archive's name are added.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from seg_core.data.isic2016.download import Downloader, FetchStopped, discard_part, part_of
from seg_core.data.source import clean_source
from seg_core.data.unpacking import BadArchive, no_room, unfinished, unpack
from seg_core.errors import InputError

URL = "https://isic-challenge-data.s3.amazonaws.com/2016"
PAGE = "https://challenge.isic-archive.com/data/#2016"
PAIRS: Mapping[str, int] = {"Training": 900, "Test": 379}
"""Number of pairs in each split of the challenge."""

_PHOTO = re.compile(r"(ISIC_\d{7})\.jpg", re.I)
_MASK = re.compile(r"(ISIC_\d{7})_segmentation\.png", re.I)

OnProgress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class _Archive:
    """One of the four archives, and the folder of the same name that it becomes."""

    name: str
    what: str
    wanted: re.Pattern[str]
    count: int

    def folder(self, folder: Path) -> Path:
        return folder / self.name

    def file(self, folder: Path) -> Path:
        return folder / f"{self.name}.zip"

    def ids(self, folder: Path) -> set[str]:
        """The ids of the files that the unpacked folder holds."""
        found = (self.wanted.fullmatch(path.name) for path in self.folder(folder).iterdir())
        return {match[1] for match in found if match}


def fetch_isic2016(
    folder: str | Path,
    on_progress: OnProgress | None = None,
    *,
    should_stop: Callable[[], bool] = lambda: False,
    base_url: str | None = None,
    pairs: Mapping[str, int] | None = None,
    waits: Sequence[float] | None = None,
) -> Path:
    """Fetch the four archives of ISIC 2016, Part 1, and unpack them into folders that `open_dataset` reads.

    What is there already is not fetched again: a folder, an archive (also one put there by hand), the beginning of an archive.
    An archive is deleted once its folder is there. If all four folders are there, the network is not used.

    Args:
        folder: the target, made if missing.
        on_progress: gets (bytes fetched, bytes of all missing archives, current step); it is called often and must be quick.
        should_stop: asked before every block and every file; what was fetched is kept, and the next call continues from there.
        base_url: address of the archives; by default ``$LESIONLAB_ISIC_URL``, else the challenge's own address.
        pairs: number of pairs in each split, by default `PAIRS`.
        waits: seconds between tries, by default `seg_core.data.isic2016.download.WAITS`.

    Returns:
        The folder, as an absolute path.

    Raises:
        InputError: if the data cannot be fetched, are not as expected, or cannot be kept in ``folder``.
        FetchStopped: if ``should_stop`` returned True.
    """
    folder = Path(clean_source(folder)).resolve()
    archives = _archives(PAIRS if pairs is None else pairs)
    address = _address(base_url)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if _missing(archives, folder):
            with FileLock(folder / ".fetching.lock", blocking=False):
                _Fetch(folder, address, on_progress, should_stop, waits).carry_out(_missing(archives, folder))
        _refuse_lone_photos(archives, folder)
    except Timeout:
        raise InputError(f"The data are being fetched into {folder} already; wait for that, or stop it first.") from None
    except OSError as error:
        problem = f"{error.filename or folder} cannot be written ({error.strerror or error})"
        raise InputError(f"{problem}; make room or choose another folder: what was fetched is kept.") from None
    return folder


class _Fetch:
    """The work of one call on the archives that are missing."""

    def __init__(
        self,
        folder: Path,
        address: str,
        on_progress: OnProgress | None,
        should_stop: Callable[[], bool],
        waits: Sequence[float] | None,
    ) -> None:
        self._folder, self._address, self._should_stop = folder, address, should_stop
        self._on_progress = on_progress or (lambda done, total, what: None)
        advice = f"try again later, or fetch it by hand from {PAGE} into {folder}: what was fetched is kept"
        self._downloader = Downloader(should_stop, self._say, advice, waits)
        self._done = self._here = self._total = 0

    def carry_out(self, missing: list[_Archive]) -> None:
        for archive in missing:  # what a killed process left must not count as space that is taken
            shutil.rmtree(unfinished(archive.folder(self._folder)), ignore_errors=True)
        sizes = [self._size(archive) for archive in missing]
        self._total = sum(sizes)
        self._refuse_without_room(missing, sizes)
        for archive, size in zip(missing, sizes, strict=True):
            self._fetch(archive)
            self._done, self._here = self._done + size, 0
            self._say(f"Unpacking the {archive.what}")
            self._unpack(archive)

    def _size(self, archive: _Archive) -> int:
        file = archive.file(self._folder)
        return file.stat().st_size if file.exists() else self._downloader.size_of(self._url(archive)) or 0

    def _refuse_without_room(self, missing: list[_Archive], sizes: list[int]) -> None:
        # JPEG and PNG take as much space unpacked as packed, and an archive stays until its folder is there.
        files = [archive.file(self._folder) for archive in missing]
        here = sum(file.stat().st_size for file in (*files, *map(part_of, files)) if file.exists())
        needed, free = self._total + max(sizes) - here, shutil.disk_usage(self._folder).free
        if needed > free:
            raise no_room(self._folder, needed, free)

    def _fetch(self, archive: _Archive) -> None:
        def on_bytes(here: int) -> None:
            self._here = here
            self._say(f"Fetching the {archive.what}")

        file = archive.file(self._folder)
        if not file.exists():
            self._downloader.fetch(self._url(archive), file, on_bytes)

    def _unpack(self, archive: _Archive) -> None:
        file = archive.file(self._folder)
        try:
            unpack(file, archive.folder(self._folder), archive.wanted, archive.count, self._end_if_asked)
        except BadArchive as error:
            file.unlink()
            raise InputError(f"{file.name} {error}; it was deleted: start again to fetch it again.") from None
        file.unlink()
        discard_part(file)  # there is one if someone put the whole archive beside it

    def _end_if_asked(self) -> None:
        if self._should_stop():
            raise FetchStopped

    def _url(self, archive: _Archive) -> str:
        return f"{self._address}/{archive.name}.zip"

    def _say(self, what: str) -> None:
        self._on_progress(self._done + self._here, self._total, what)


def _archives(pairs: Mapping[str, int]) -> list[_Archive]:
    kinds = (("Data", "photographs", _PHOTO), ("GroundTruth", "masks", _MASK))
    return [
        _Archive(f"ISBI2016_ISIC_Part1_{split}_{kind}", f"{split.lower()} {what}", wanted, count)
        for split, count in pairs.items()
        for kind, what, wanted in kinds
    ]


def _address(base_url: str | None) -> str:
    address = base_url or os.environ.get("LESIONLAB_ISIC_URL") or URL
    if not re.match("https?://[^/]", address):
        raise InputError(f"LESIONLAB_ISIC_URL is {address!r}; set it to an address that begins with https:// or http://.")
    return address.rstrip("/")


def _missing(archives: list[_Archive], folder: Path) -> list[_Archive]:
    """Return the archives whose folders are not there; a folder with other contents is refused, as it is not ours to change."""
    for archive in archives:
        if archive.folder(folder).exists() and (found := len(archive.ids(folder))) != archive.count:
            raise InputError(
                f"{archive.folder(folder)} holds {found} {archive.what} instead of {archive.count}; "
                "move it away or choose another folder."
            )
    return [archive for archive in archives if not archive.folder(folder).exists()]


def _refuse_lone_photos(archives: list[_Archive], folder: Path) -> None:
    for photos, masks in zip(archives[::2], archives[1::2], strict=True):
        if alone := sorted(photos.ids(folder) - masks.ids(folder)):
            raise InputError(
                f"{len(alone)} of the {photos.what} in {folder} have no mask, {alone[0]} is the first; "
                f"delete {photos.name} and {masks.name} there, and start again to fetch them again."
            )
