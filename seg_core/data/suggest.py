"""Folders near one that could not be opened, which its user may have meant."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from pathlib import Path

from seg_core.data.layouts import is_understood
from seg_core.data.source import SAMPLE, Source
from seg_core.errors import InputError

_MOST_TRIED, _MOST_SECONDS = 12, 2
"""Folders that are looked into, and how long: each look reads the names of all files below."""


@contextmanager
def suggesting(sources: Sequence[str]) -> Iterator[None]:
    """Where these sources cannot be opened in the block, let the exception name the folders that may have been meant."""
    try:
        yield
    except InputError as error:
        near = [folder for source in sources for folder in suggest_folders(source)]
        raise InputError(f"{error} Did you mean {' or '.join(near)}?" if near else str(error)) from None


def suggest_folders(source: str | Path, most: int = 3) -> list[str]:
    """Return the datasets that a source may have meant: of a similar name, in the folder, or beside it. Look for seconds at most.

    None for a dataset that can be opened, or where nothing near it is one.
    """
    try:
        folder = Path(Source.parse(source).folder)
        if str(folder) == SAMPLE or _is_dataset(folder):
            return []
        if folder.is_dir():
            near = [*_folders(folder), *_folders(folder.parent)]
        else:
            near = _similar(folder)
            near += [inner for each in near for inner in _folders(each)]
        until, found = time.monotonic() + _MOST_SECONDS, list[Path]()
        for each in near[:_MOST_TRIED]:
            if len(found) == most or time.monotonic() > until:
                break
            if each != folder and not any(each.is_relative_to(other) for other in found) and _is_dataset(each):
                found.append(each)
        return [str(each) for each in found]
    except (InputError, OSError):
        return []


def _similar(missing: Path) -> list[Path]:
    """Return folders of similar names: the first part of the path that does not exist is misspelt, the rest may be right."""
    there = next(parent for parent in missing.parents if parent.is_dir())
    wrong, *rest = missing.relative_to(there).parts
    names = {each.name.casefold(): each for each in _folders(there)}
    close = [names[name] for name in get_close_matches(wrong.casefold(), names, n=5, cutoff=0.5)]
    begun = [each for name, each in names.items() if name.startswith(wrong.casefold()) and each not in close]
    similar = [*close, *begun]
    return [inner for each in similar if (inner := each.joinpath(*rest)).is_dir()] + similar


def _folders(folder: Path) -> list[Path]:
    return sorted(each for each in folder.iterdir() if each.is_dir() and not each.name.startswith("."))


def _is_dataset(folder: Path) -> bool:
    with suppress(InputError, OSError):
        return is_understood(folder)
    return False
