"""Photographs that are left out of a dataset: a list in its folder that travels with it. Nothing is deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from seg_core.data.photo_list import PhotoList, one_line
from seg_core.errors import InputError

EXCLUDED = "excluded.csv"
_LIST = PhotoList(EXCLUDED, ("reason",), "the photographs to leave out")


@dataclass(frozen=True)
class Exclusion:
    """A photograph that is left out, why, and by whom; ``when`` is UTC in ISO 8601."""

    id: str
    reason: str = ""
    who: str = ""
    when: str = ""


def read_excluded(folder: Path) -> dict[str, Exclusion]:
    """Return what the list in a dataset's folder leaves out, by the photographs' ids; empty without a list.

    Raises:
        InputError: if the list cannot be read or has no column ``id``.
    """
    return {id: Exclusion(**row) for id, row in _LIST.read(folder).items()}


def exclude(folder: Path, ids: Sequence[str], reason: str, who: str) -> None:
    """Leave photographs out of the dataset in a folder, from the next time that it is opened. The last reason counts.

    Raises:
        InputError: if no reason is given, or the list cannot be read or written.
    """
    if not one_line(reason):
        raise InputError("Nothing says why the photograph is excluded; give a reason.")
    _LIST.add(folder, ids, who, reason=reason)


def include(folder: Path, ids: Sequence[str]) -> None:
    """Take photographs off the list; those that are not on it stay what they are.

    Raises:
        InputError: if the list cannot be read or written.
    """
    _LIST.remove(folder, ids)
