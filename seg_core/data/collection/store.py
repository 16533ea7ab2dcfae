"""The collections of the home folder, by name."""

from __future__ import annotations

import json
import re
import tempfile
import unicodedata
from pathlib import Path

from filelock import FileLock, Timeout

from seg_core.common.atomic_file import partial_suffix, remove_partials
from seg_core.common.home import home
from seg_core.data.collection.collection import ADDING, Collection
from seg_core.data.collection.contents import IMAGES, MASKS
from seg_core.data.tree import COLLECTION
from seg_core.errors import InputError, some_of

LONGEST_NAME = 60
_NAME = re.compile(r"[^\W_][\w -]*")
_FORMAT = 1


def list_collections() -> list[str]:
    """Return the names of all collections, sorted."""
    return sorted((file.parent.name for file in _top().glob(f"[!.]*/{COLLECTION}")), key=str.casefold)


def create_collection(name: str) -> Collection:
    """Make an empty collection.

    Raises:
        InputError: if it cannot have this name, there is one of it already, or it cannot be written.
    """
    name, top = _checked(name), _top()
    if name.casefold() in map(str.casefold, list_collections()):  # many file systems ignore case
        raise InputError(f"There is a collection {name} already; choose another name.")
    try:
        top.mkdir(exist_ok=True)
        remove_partials(top)
        with tempfile.TemporaryDirectory(dir=top, prefix=".", suffix=partial_suffix()) as made:
            folder = Path(made, "collection")
            for each in (folder, folder / IMAGES, folder / MASKS):
                each.mkdir()
            (folder / COLLECTION).write_text(json.dumps({"format": _FORMAT}) + "\n", encoding="utf-8")
            folder.rename(top / name)
    except OSError as error:
        raise InputError(f"The collection {name} cannot be made in {top} ({error.strerror}); choose another name.") from None
    return Collection(top / name)


def open_collection(name: str) -> Collection:
    """Open a collection, and repair what a process that was killed left unfinished.

    It reads its files whenever it is asked, so it may be kept open and shared by threads.

    Raises:
        InputError: as `find_collection`.
    """
    collection = find_collection(name)
    collection.repair()
    return collection


def find_collection(name: str) -> Collection:
    """Open a collection as `open_collection`, without looking at every photograph of it.

    Raises:
        InputError: if there is none of this name, or it cannot be read.
    """
    name = _checked(name)
    folder = _top() / name
    try:
        made_by = json.loads((folder / COLLECTION).read_text(encoding="utf-8"))["format"]
    except FileNotFoundError:
        there = f"there are {some_of(known)}" if (known := list_collections()) else "there is none yet"
        raise InputError(f"There is no collection {name}; {there}.") from None
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{folder / COLLECTION} cannot be read ({error}); put it back from a backup.") from None
    if made_by != _FORMAT:
        raise InputError(f"The collection {name} was made by another version of LesionLab; open it with that one.")
    return Collection(folder)


def delete_collection(name: str) -> None:
    """Delete a collection with its photographs and all versions of their masks; files that it only refers to stay.

    For everyone else it is gone at once, and whole.

    Raises:
        InputError: as `find_collection`, while photographs are added to it, or if it cannot be deleted.
    """
    folder, top = find_collection(name).folder, _top()
    try:
        with FileLock(folder / ADDING, timeout=0):
            pass  # released at once: Windows renames no folder that holds an open file
        with tempfile.TemporaryDirectory(dir=top, prefix=".", suffix=partial_suffix()) as doomed:
            folder.rename(Path(doomed, "collection"))
    except Timeout:
        raise InputError(f"Photographs are being added to {folder.name}; delete it when they are there.") from None
    except OSError as error:
        raise InputError(f"The collection {folder.name} cannot be deleted ({error.strerror}); check its permissions.") from None


def collection_at(source: str) -> str | None:
    """Return the name of the collection whose folder a dataset's source names; None if it names no collection."""
    folder = Path(source)
    return folder.name if folder.parent == _top() and folder.name in list_collections() else None


def _top() -> Path:
    return home() / "collections"


def _checked(name: str) -> str:
    """Return a name as that of a folder, which can be no path.

    Raises:
        InputError: if it cannot be one.
    """
    cleaned = unicodedata.normalize("NFC", name.strip())
    if not (_NAME.fullmatch(cleaned) and len(cleaned) <= LONGEST_NAME):
        raise InputError(
            f"A collection cannot be called {name[:LONGEST_NAME]!r}; use up to {LONGEST_NAME} letters, digits, spaces, dashes "
            "and underscores, and begin with a letter or digit."
        )
    return cleaned
