"""Photographs that belong together, so that a split keeps them on one side: copies, and those of one lesion or patient."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from seg_core.data.folders import Pair
from seg_core.data.photo_csv import UNKNOWN, read_photo_csv, source_folders
from seg_core.errors import InputError, some_of

_NAMING = ("patient", "subject", "person", "case", "lesion")
"""Words for what several photographs show, the widest first."""
_FEWEST = 10


def place_of(groups: str, sources: Sequence[str]) -> str:
    """Return ``FILE.csv:COLUMN`` as a run keeps it: the file's name within its dataset, else its absolute path.

    Raises:
        InputError: if there is no such file, neither in a source nor where the program was started.
    """
    if not groups.strip():
        return ""
    file, column = _parts(groups)
    found = _find(file, sources)
    for folder in source_folders(sources):
        if found.is_relative_to(folder):
            return f"{found.relative_to(folder).as_posix()}:{column}"
    return f"{found}:{column}"


def listed_groups(groups: str, sources: Sequence[str], pairs: Sequence[Pair]) -> list[list[str]]:
    """Return the ids of the photographs that share a value in a column of a CSV file, for each value that any of them has.

    The column that names the photographs is found by its content; names may have an ending. Photographs with no value, or one
    such as ``unknown``, and those that are not in the file, are in no group.

    Args:
        groups: ``FILE.csv:COLUMN``, as `place_of` returns it.
        sources: the dataset's, in which the file is looked for.
        pairs: the photographs.

    Raises:
        InputError: if the file cannot be read, has no such column, or names none of the photographs.
    """
    name, column = _parts(groups)
    file = _find(name, sources)
    table = read_photo_csv(file)
    columns = {title.casefold(): place for place, title in reversed(list(enumerate(table.header)))}
    if column.casefold() not in columns:
        raise InputError(f"{file} has no column {column!r}; it has {some_of(table.header)}.")
    wanted = columns[column.casefold()]
    _, found = table.named(pairs, without={wanted})
    by_value: dict[str, dict[str, None]] = {}
    for id, row in zip(found, table.rows, strict=True):
        if id is not None and (value := row[wanted].strip()).casefold() not in UNKNOWN:
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
    for file in (file for folder in source_folders(sources) for file in sorted(folder.glob("*.csv"))):
        with file.open(encoding="utf-8-sig", errors="replace") as opened:
            if "lesion_id" in re.split("[,;\t]", opened.readline().strip()):
                return f"{file.name}:lesion_id"
    return ""


def cluster_columns(sources: Sequence[str], pairs: Sequence[Pair]) -> list[str]:
    """Return the columns of CSV files in a dataset's folders that name patients or lesions, as `listed_groups` takes them.

    Patients come first: photographs of two lesions of one person are alike too. A column counts if it has ten values or more, and
    some of the photographs share one. Files that cannot be read, or name none of the photographs, have none.
    """
    found: dict[str, int] = {}
    for file in (file for folder in source_folders(sources) for file in sorted(folder.glob("*.csv"))):
        try:
            header = read_photo_csv(file).header
            named = {column: _rank(column) for column in header if _rank(column) < len(_NAMING)}
            for column, rank in named.items():
                listed = listed_groups(f"{file.name}:{column}", sources, pairs)
                if len(listed) >= _FEWEST and max(map(len, listed)) > 1:
                    found.setdefault(f"{file.name}:{column}", rank)
        except InputError:
            continue
    return sorted(found, key=found.__getitem__)


def _rank(column: str) -> int:
    """Return the place among `_NAMING` of the word that a column's name holds; their number if it holds none."""
    words = re.findall(r"[a-z]+", re.sub("(?<=[a-z])(?=[A-Z])", "_", column).casefold())
    if not words or words[-1] not in {"id", "ids", "no", "nr", "number", "code", "name", *_NAMING}:
        return len(_NAMING)
    return next((place for place, word in enumerate(_NAMING) if word in words), len(_NAMING))


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
        for file in (*(folder / given for folder in source_folders(sources)), given):
            if file.is_file():
                return file.resolve()
    except (OSError, RuntimeError, ValueError):  # a name that can be no path
        pass
    raise InputError(
        f"There is no file {name} with the groups of photographs; put it into the dataset's folder or check the path."
    )
