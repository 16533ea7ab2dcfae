"""What people decided about the masks of a dataset: that they are right, or that a photograph is left out.

Both are lists in the folder of each of its sources: `seg_core.data.accepted` and `seg_core.data.excluded`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from seg_core.data.accepted import accept, read_accepted, withdraw
from seg_core.data.dataset import Dataset
from seg_core.data.excluded import Exclusion, exclude, include, read_excluded
from seg_core.data.folders import Pair, opened_folder
from seg_core.data.source import SAMPLE, Source
from seg_core.errors import InputError


@dataclass(frozen=True)
class Verdicts:
    """Contents of the masks that are right (`seg_core.data.accepted.mask_content`), and what is left out, by id."""

    accepted: dict[str, str]
    left_out: dict[str, Exclusion]


def read_verdicts(dataset: Dataset) -> Verdicts:
    """Return what was decided about a dataset; where sources name the same photograph, the first of them counts.

    Raises:
        InputError: if a list cannot be read.
    """
    folders = [opened_folder(source) for source in reversed(list(_sources(dataset))) if source.folder != SAMPLE]
    accepted, left_out = dict[str, str](), dict[str, Exclusion]()
    for folder in folders:
        accepted |= read_accepted(folder)
        left_out |= read_excluded(folder)
    return Verdicts(accepted, left_out)


def accept_mask(dataset: Dataset, pair: Pair, content: str, who: str = "") -> None:
    """Note that the mask of a pair is right as long as it has this content.

    Raises:
        InputError: if its source keeps no lists, or the list cannot be read or written.
    """
    accept(lists_folder(dataset, pair), pair.id, content, who)


def leave_out(dataset: Dataset, pair: Pair, reason: str, who: str = "") -> None:
    """Leave a pair out of the dataset, from the next time that it is opened.

    Raises:
        InputError: if its source keeps no lists, no reason is given, or the list cannot be read or written.
    """
    exclude(lists_folder(dataset, pair), [pair.id], reason, who)


def take_back(dataset: Dataset, id: str) -> None:
    """Take back what was decided about a photograph, wherever it stands.

    Raises:
        InputError: if a list cannot be read or written.
    """
    for source in _sources(dataset):
        if source.folder == SAMPLE:
            continue
        folder = opened_folder(source)
        if id in read_accepted(folder):
            withdraw(_lists_folder(source), [id])
        if id in read_excluded(folder):
            include(_lists_folder(source), [id])


def source_of(dataset: Dataset, pair: Pair) -> Source:
    """Return the source that a pair is of."""
    return next(source for source, listing in zip(_sources(dataset), dataset.listings, strict=True) if pair in listing.pairs)


def lists_folder(dataset: Dataset, pair: Pair) -> Path:
    """Return the folder of a pair's source, at whose top its lists can be written.

    Raises:
        InputError: if there is none: for an archive, a folder of archives, and the sample.
    """
    return _lists_folder(source_of(dataset, pair))


def _lists_folder(source: Source) -> Path:
    if source.folder == SAMPLE:
        raise InputError("The sample photographs are made by LesionLab, and keep no lists; name a folder of your own.")
    folder = Path(source.folder)
    if opened_folder(source) != folder:
        raise InputError(f"{folder} is packed, and keeps no lists of photographs; unpack it, and name the folder.")
    return folder


def _sources(dataset: Dataset) -> Iterator[Source]:
    return map(Source.parse, dataset.sources)
