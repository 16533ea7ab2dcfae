"""Lists of photographs that travel with a dataset: tables of CSV in its folder, one row a photograph."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock

from seg_core.common.atomic_file import atomic_file
from seg_core.common.csv_text import csv_text, plain_cell
from seg_core.common.text import legible
from seg_core.errors import InputError

_LONGEST_TEXT = 500

Row = dict[str, str]
"""Texts by column."""


@dataclass(frozen=True)
class PhotoList:
    """A list that lies at the top of a dataset's folder.

    Attributes:
        name: of the file.
        columns: after ``id``, and before ``who`` and ``when``, which is UTC in ISO 8601.
        purpose: what its ids name, in errors.
    """

    name: str
    columns: tuple[str, ...]
    purpose: str

    @property
    def _all_columns(self) -> tuple[str, ...]:
        return "id", *self.columns, "who", "when"

    def read(self, folder: Path) -> dict[str, Row]:
        """Return the rows of the list in a dataset's folder by the photographs' ids; empty without a list.

        Raises:
            InputError: if the list cannot be read or has no column ``id``.
        """
        file = folder / self.name
        try:
            text = file.read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise InputError(f"{file} cannot be read ({error}); save it as CSV in UTF-8.") from None
        rows = csv.DictReader(io.StringIO(text, newline=""), strict=True, restval="")
        try:
            if "id" not in (rows.fieldnames or ()):
                raise InputError(f"{file} has no column id, which names {self.purpose}; add it or move the file away.")
            listed = [{name: plain_cell(row.get(name) or "").strip() for name in self._all_columns} for row in rows]
        except csv.Error as error:
            raise InputError(f"{file} cannot be read ({error}); save it as CSV in UTF-8.") from None
        return {row["id"]: row for row in listed if row["id"]}

    def add(self, folder: Path, ids: Sequence[str], who: str, **said: str) -> None:
        """Put photographs on the list, with what the further columns say of them; what was said before is replaced.

        Raises:
            InputError: if the list cannot be read or written.
        """
        said = {name: one_line(text) for name, text in {**said, "who": who}.items()}
        when = datetime.now(UTC).isoformat(timespec="seconds")
        with self._changing(folder) as listed:
            listed.update((id, {"id": id, **said, "when": when}) for id in ids)

    def remove(self, folder: Path, ids: Sequence[str]) -> None:
        """Take photographs off the list; those that are not on it stay what they are.

        Raises:
            InputError: if the list cannot be read or written.
        """
        with self._changing(folder) as listed:
            for id in ids:
                listed.pop(id, None)

    @contextmanager
    def _changing(self, folder: Path) -> Iterator[dict[str, Row]]:
        """Yield the list to change, and write it at the end; one process does so at a time."""
        file = folder / self.name
        try:
            with FileLock(folder / f".{self.name}.lock"):
                listed = self.read(folder)
                yield listed
                cells = [[row[name] for name in self._all_columns] for row in listed.values()]
                with atomic_file(file, sync=True) as partial:
                    partial.write_text(legible(csv_text([self._all_columns, *cells])), encoding="utf-8")
        except OSError as error:
            raise InputError(f"{file} cannot be written ({error.strerror}); allow it, or copy the dataset.") from None


def one_line(text: str) -> str:
    """Return a text as one line that is not too long for a cell."""
    return legible(" ".join(text.split()))[:_LONGEST_TEXT]
