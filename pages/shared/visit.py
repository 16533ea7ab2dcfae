"""Datasets and folders of masks as the current visit found them.

Streamlit runs a page's script again at every click, and a dataset may hold 100,000 photographs. So a visit lists its folders and
reads the sizes and times of their files once. A visit begins when the browser loads a page, when the visitor goes to another
page, and with `refresh`, which a button that starts a job calls first. Within a visit

- files that are added, removed or renamed are noticed at the next click, by the times of their folders;
- files that are edited in place are noticed after `LONGEST_VISIT` seconds at the latest.

Until then the page shows what was found for the files as they were. Nothing new can be kept under their key: a job opens the
dataset itself, and fails if a file has changed since the request (`seg_core.jobs.tasks`).
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import streamlit as st

from seg_core.data.dataset import Dataset, open_dataset
from seg_core.data.folders import image_folders
from seg_core.data.source import Source
from seg_core.evaluation.key import mask_folder_digest

T = TypeVar("T")

LONGEST_VISIT = 600.0
"""Seconds after which files are read again in any case."""


def begin_visit(page: str) -> None:
    """Begin a visit, unless the visitor is on this page already."""
    if st.session_state.get("visit-page") != page:
        st.session_state["visit-page"] = page
        refresh()


def refresh() -> None:
    """Begin a new visit, which notices files that have changed."""
    st.session_state["visit-began"] = time.monotonic()


def opened_dataset(sources: Sequence[str], on_progress: Callable[[int, int], None]) -> Dataset:
    """Return `open_dataset` of some sources, opened once in a visit.

    Raises:
        InputError: as `open_dataset` does.
    """
    return _datasets.get(tuple(sources), lambda: open_dataset(sources, on_progress), _folders)


def found_folders(source: Source) -> dict[str, int]:
    """Return `image_folders` of a source, read once in a visit.

    Raises:
        InputError: as `image_folders` does.
    """
    return _image_folders.get(source.folder, lambda: image_folders(source), lambda _: [Path(source.folder)])


def mask_folder_content(folder: Path) -> str:
    """Return `mask_folder_digest` of a folder, read once in a visit.

    Raises:
        InputError: as `mask_folder_digest` does.
    """
    return _mask_folders.get(folder, lambda: mask_folder_digest(folder), lambda _: [folder])


@dataclass(frozen=True)
class _Kept(Generic[T]):
    value: T
    began: float
    times: dict[Path, int]

    def is_current(self) -> bool:
        earliest = max(st.session_state.get("visit-began", 0.0), time.monotonic() - LONGEST_VISIT)
        return self.began >= earliest and _times(self.times) == self.times


class _KeptReads(Generic[T]):
    """The ``capacity`` most recent results of reading folders. Visitors share them; each gets only what was read in its visit."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._kept: OrderedDict[Hashable, _Kept[T]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, read: Callable[[], T], folders: Callable[[T], Iterable[Path]]) -> T:
        with self._lock:
            kept = self._kept.get(key)
        if kept is None or not kept.is_current():
            began = time.monotonic()
            value = read()
            kept = _Kept(value, began, _times(folders(value)))
        with self._lock:
            self._kept[key] = kept
            self._kept.move_to_end(key)
            while len(self._kept) > self.capacity:
                self._kept.popitem(last=False)
        return kept.value


_datasets: _KeptReads[Dataset] = _KeptReads(4)
_image_folders: _KeptReads[dict[str, int]] = _KeptReads(4)
_mask_folders: _KeptReads[str] = _KeptReads(64)  # more than are compared


def _folders(dataset: Dataset) -> set[Path]:
    """Return the folders that hold the dataset's files, and those above them up to its sources."""
    files = (file for pair in dataset.pairs for file in (pair.image, *pair.masks))
    holding = {file.parent for file in (*files, *dataset.unpaired_files)}
    sources = {Path(Source.parse(source).folder) for source in dataset.sources}
    return holding | sources | {folder for each in holding for folder in each.parents if sources & {folder, *folder.parents}}


def _times(folders: Iterable[Path]) -> dict[Path, int]:
    return {folder: _time(folder) for folder in folders}


def _time(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return -1  # gone, or not to be read: opening it again says so
