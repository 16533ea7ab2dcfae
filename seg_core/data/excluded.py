"""Photographs that are left out of a dataset: a list in its folder that travels with it. Nothing is deleted."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock

from seg_core.common.atomic_file import atomic_file
from seg_core.common.csv_text import csv_text, plain_cell
from seg_core.common.text import legible
from seg_core.errors import InputError

EXCLUDED = "excluded.csv"
_COLUMNS = ("id", "reason", "who", "when")
_LONGEST_TEXT = 500


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
    file = folder / EXCLUDED
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InputError(f"{file} cannot be read ({error}); save it as CSV in UTF-8.") from None
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True, restval="")
    try:
        if "id" not in (rows.fieldnames or ()):
            raise InputError(f"{file} has no column id, which names the photographs to leave out; add it or move the file away.")
        listed = [Exclusion(*(plain_cell(row.get(column) or "").strip() for column in _COLUMNS)) for row in rows]
    except csv.Error as error:
        raise InputError(f"{file} cannot be read ({error}); save it as CSV in UTF-8.") from None
    return {each.id: each for each in listed if each.id}


def exclude(folder: Path, ids: Sequence[str], reason: str, who: str) -> None:
    """Leave photographs out of the dataset in a folder, from the next time that it is opened. The last reason counts.

    Raises:
        InputError: if no reason is given, or the list cannot be read or written.
    """
    reason, who = (legible(" ".join(text.split()))[:_LONGEST_TEXT] for text in (reason, who))
    if not reason:
        raise InputError("Nothing says why the photograph is excluded; give a reason.")
    when = datetime.now(UTC).isoformat(timespec="seconds")
    with _changing(folder) as listed:
        listed.update((id, Exclusion(id, reason, who, when)) for id in ids)


def include(folder: Path, ids: Sequence[str]) -> None:
    """Take photographs off the list; those that are not on it stay what they are.

    Raises:
        InputError: if the list cannot be read or written.
    """
    with _changing(folder) as listed:
        for id in ids:
            listed.pop(id, None)


@contextmanager
def _changing(folder: Path) -> Iterator[dict[str, Exclusion]]:
    """Yield the list to change, and write it at the end; one process does so at a time."""
    try:
        with FileLock(folder / f".{EXCLUDED}.lock"):
            listed = read_excluded(folder)
            yield listed
            with atomic_file(folder / EXCLUDED, sync=True) as file:
                file.write_text(legible(csv_text([_COLUMNS, *map(astuple, listed.values())])), encoding="utf-8")
    except OSError as error:
        raise InputError(f"{folder / EXCLUDED} cannot be written ({error.strerror}); allow it, or copy the dataset.") from None
