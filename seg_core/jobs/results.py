"""Results of jobs: a folder for each request, which appears whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from seg_core.common.atomic_file import partial_suffix, remove_partials
from seg_core.common.home import home
from seg_core.jobs.job import Kind, Request

MOST_RESULTS = 300
"""Number of results to keep; those unused for longest are deleted. An evaluation takes some megabytes, others less."""


def result_folder(request: Request) -> Path | None:
    """Return the folder of a request's result, or None if there is none yet."""
    return _used(_place(request.kind, request.key))


def evaluation_folder(key: str) -> Path | None:
    """Return the folder of the evaluation with this key, or None if there is none yet."""
    return _used(_place("evaluate", key))


def delete_result(request: Request) -> None:
    """Delete the result of a request, so that the next job produces it again."""
    shutil.rmtree(_place(request.kind, request.key), ignore_errors=True)


def _remove_leftovers(folder: Path) -> None:
    """Delete what killed jobs left behind, those of older versions after a day: their names do not say whose they are."""
    remove_partials(folder)
    for leftover in folder.glob(".building-*"):
        with suppress(FileNotFoundError):
            if time.time() - leftover.stat().st_mtime > 86_400:
                shutil.rmtree(leftover, ignore_errors=True)


def _used(folder: Path) -> Path | None:
    try:
        os.utime(folder)  # the time of the last use decides which results go
    except FileNotFoundError:
        return None
    return folder


@contextmanager
def new_result(request: Request) -> Iterator[Path]:
    """Yield a folder to write a result into. It takes its place at the end of the block; after an exception it is deleted."""
    place = _place(request.kind, request.key)
    place.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(place.parent)
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".building-", suffix=partial_suffix()) as made:
        folder = Path(made, "result")
        folder.mkdir()
        yield folder
        shutil.rmtree(place, ignore_errors=True)
        folder.rename(place)
    _make_room(place.parent)


def _place(kind: Kind, key: str) -> Path:
    return home() / "results" / f"{kind}-{key}"


def _make_room(folder: Path) -> None:
    def last_use(result: Path) -> float:
        with suppress(FileNotFoundError):
            return result.stat().st_mtime
        return 0.0

    results = sorted(
        (path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")), key=last_use, reverse=True
    )
    for result in results[MOST_RESULTS:]:
        shutil.rmtree(result, ignore_errors=True)
