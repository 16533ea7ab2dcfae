"""Photographs that belong together, so that a split keeps them on one side: copies, and those of one lesion or patient."""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from seg_core.data.folders import PHOTO_ENDINGS, Pair
from seg_core.data.source import SAMPLE, Source
from seg_core.errors import InputError, some_of


def place_of(groups: str, sources: Sequence[str]) -> str:
    """Return ``FILE.csv:COLUMN`` as a run keeps it: the file's name within its dataset, else its absolute path.

    Raises:
        InputError: if there is no such file, neither in a source nor where the program was started.
    """
    if not groups.strip():
        return ""
    file, column = _parts(groups)
    found = _find(file, sources)
    for folder in _folders(sources):
        if found.is_relative_to(folder):
            return f"{found.relative_to(folder).as_posix()}:{column}"
    return f"{found}:{column}"


def listed_groups(groups: str, sources: Sequence[str], pairs: Sequence[Pair]) -> list[list[str]]:
    """Return the ids of the photographs that share a value in a column of a CSV file, for each value that any of them has.

    The column that names the photographs is found by its content; names may have an ending. Photographs with no value, or not in
    the file, are in no group.

    Args:
        groups: ``FILE.csv:COLUMN``, as `place_of` returns it.
        sources: the dataset's, in which the file is looked for.
        pairs: the photographs.

    Raises:
        InputError: if the file cannot be read, has no such column, or names none of the photographs.
    """
    name, column = _parts(groups)
    file = _find(name, sources)
    header, rows = _read(file)
    columns = {title.casefold(): place for place, title in reversed(list(enumerate(header)))}
    if column.casefold() not in columns:
        raise InputError(f"{file} has no column {column!r}; it has {some_of(header)}.")
    wanted = columns.pop(column.casefold())
    ids = {pair.id.casefold(): pair.id for pair in pairs}
    named = {place: [ids.get(_stem(row[place])) for row in rows] for place in columns.values()}
    found = max(named.values(), key=lambda each: sum(id is not None for id in each), default=[])
    if not any(found):
        example = f", such as {pairs[0].id}" if pairs else ""
        raise InputError(f"No column of {file} names the photographs{example}; add one that does.")
    by_value: dict[str, dict[str, None]] = {}
    for id, row in zip(found, rows, strict=True):
        if id is not None and (value := row[wanted].strip()):
            by_value.setdefault(value, {})[id] = None
    return [list(members) for members in by_value.values()]


def joined(pairs: Sequence[Pair], groups: Iterable[Sequence[str]]) -> list[list[Pair]]:
    """Join pairs by groups of ids, in the order of each one's first pair; a pair in no group stands alone.

    Groups that share an id become one.
    """
    leader: dict[str, str] = {}

    def find(id: str) -> str:
        while (up := leader.get(id, id)) != id:
            leader[id] = id = leader.get(up, up)  # halves the way for the next search
        return id

    for first, *others in groups:
        for other in others:
            leader[find(other)] = find(first)
    units: dict[str, list[Pair]] = {}
    for pair in pairs:
        units.setdefault(find(pair.id), []).append(pair)
    return list(units.values())


def lesion_groups(sources: Sequence[str]) -> str:
    """Return which CSV file in a dataset's folders says what lesion a photograph shows, as `listed_groups` takes it.

    It is the first with a column ``lesion_id``; empty if there is none.
    """
    for file in (file for folder in _folders(sources) for file in sorted(folder.glob("*.csv"))):
        with file.open(encoding="utf-8-sig", errors="replace") as opened:
            if "lesion_id" in re.split("[,;\t]", opened.readline().strip()):
                return f"{file.name}:lesion_id"
    return ""


def in_fixed_order(units: Iterable[list[Pair]]) -> list[list[Pair]]:
    """Return pairs that belong together in an order that looks random and stays: by a hash of the first id of each unit."""
    return sorted(units, key=lambda pairs: hashlib.sha256(min(pair.id for pair in pairs).encode()).digest())


def _parts(groups: str) -> tuple[str, str]:
    file, _, column = groups.strip().rpartition(":")
    if not file.strip() or not column.strip():
        raise InputError(f"The groups {groups!r} name no column; write FILE.csv:COLUMN, such as lesions.csv:lesion_id.")
    return file.strip(), column.strip()


def _find(name: str, sources: Sequence[str]) -> Path:
    try:
        given = Path(name).expanduser()
        for file in (*(folder / given for folder in _folders(sources)), given):
            if file.is_file():
                return file.resolve()
    except (OSError, RuntimeError, ValueError):  # a name that can be no path
        pass
    raise InputError(
        f"There is no file {name} with the groups of photographs; put it into the dataset's folder or check the path."
    )


def _folders(sources: Sequence[str]) -> list[Path]:
    """Return the folders of a dataset's sources; of a zip archive the folder that it lies in."""
    folders = [Path(folder) for source in sources if (folder := Source.parse(source).folder) != SAMPLE]
    return [folder.parent if folder.suffix.lower() == ".zip" else folder for folder in folders]


def _read(file: Path) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows, as long as the header, of a file with commas, semicolons or tabs."""
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
    return header, [(row + [""] * len(header))[: len(header)] for row in rows if row]


def _stem(name: str) -> str:
    """Return a photograph's name without its ending, to be compared without case."""
    name = name.strip().replace("\\", "/").rpartition("/")[2].casefold()
    stem, dot, ending = name.rpartition(".")
    return stem if dot and f".{ending}" in PHOTO_ENDINGS else name
