"""CSV files beside a dataset that say something of its photographs, one row each; another column names the photograph."""

from __future__ import annotations

import csv
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from seg_core.data.folders import PHOTO_ENDINGS, Pair
from seg_core.data.source import SAMPLE, Source
from seg_core.errors import InputError

UNKNOWN = frozenset({"", "na", "n/a", "nan", "none given", "null", "unk", "unknown"})
"""What cells say that say nothing, in lower case."""


@dataclass(frozen=True)
class PhotoCsv:
    """The header and the rows of a file, each row as long as the header."""

    file: Path
    header: list[str]
    rows: list[list[str]]

    def named(self, pairs: Sequence[Pair], without: Collection[int] = ()) -> tuple[int, list[str | None]]:
        """Find the column that names the photographs by its content; names may have an ending, and case does not matter.

        Args:
            pairs: the photographs.
            without: columns that are not looked at.

        Returns:
            The column's position, and the photograph's id of each row, None where it names none of the pairs.

        Raises:
            InputError: if no column names any of the photographs.
        """
        ids = {pair.id.casefold(): pair.id for pair in pairs}
        places = [place for place in range(len(self.header)) if place not in without]
        named = {place: [ids.get(_stem(row[place])) for row in self.rows] for place in places}
        best = max(named, key=lambda place: sum(id is not None for id in named[place]), default=None)
        if best is None or not any(named[best]):
            example = f", such as {pairs[0].id}" if pairs else ""
            raise InputError(f"No column of {self.file} names the photographs{example}; add one that does.")
        return best, named[best]


def read_photo_csv(file: Path) -> PhotoCsv:
    """Read a file with commas, semicolons or tabs.

    Raises:
        InputError: if it cannot be read, or is no table.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            first = opened.readline()
            opened.seek(0)
            delimiter = max(",;\t", key=first.count)
            header, *rows = csv.reader(opened, delimiter=delimiter)
    except (OSError, UnicodeDecodeError, csv.Error, ValueError) as error:  # ValueError: no line at all
        reason = error.strerror if isinstance(error, OSError) else "it is no table of text"
        raise InputError(f"{file} cannot be read ({reason}); save it as CSV in UTF-8.") from None
    header = [title.strip() for title in header]
    return PhotoCsv(file, header, [(row + [""] * len(header))[: len(header)] for row in rows if row])


def source_folders(sources: Sequence[str]) -> list[Path]:
    """Return the folders of a dataset's sources; of a zip archive the folder that it lies in."""
    folders = [Path(folder) for source in sources if (folder := Source.parse(source).folder) != SAMPLE]
    return [folder.parent if folder.suffix.lower() == ".zip" else folder for folder in folders]


def _stem(name: str) -> str:
    """Return a photograph's name without its ending, to be compared without case."""
    name = name.strip().replace("\\", "/").rpartition("/")[2].casefold()
    stem, dot, ending = name.rpartition(".")
    return stem if dot and f".{ending}" in PHOTO_ENDINGS else name
