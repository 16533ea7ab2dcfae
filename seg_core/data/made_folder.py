"""Folders made from a user's files once, kept in the home folder, and made again when those files change."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from seg_core.common.home import home


def made_folder(kind: str, origin: str, state: str, make: Callable[[Path], None]) -> Path:
    """Return the folder that is made from something of the user's; what was made from an earlier state of it is deleted.

    Args:
        kind: the name of the folder in the cache that holds all of its kind, such as ``archives``.
        origin: what it is made from, such as a path.
        state: another text if that has changed, such as its size and time.
        make: gets the path of a folder to write, which does not exist yet. The folder is used if this raises nothing.
    """
    of_origin, of_state = map(_digest, (origin, state))
    folder = home() / "cache" / kind / f"{of_origin}-{of_state}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.parent / f".{of_origin}.lock"):
        if not folder.is_dir():
            unfinished = folder.with_name(f".{of_origin}.unfinished")
            for earlier in (unfinished, *folder.parent.glob(f"{of_origin}-*")):
                shutil.rmtree(earlier, ignore_errors=True)
            try:
                make(unfinished)
                unfinished.rename(folder)
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def file_state(*files: Path) -> str:
    """Return the sizes and times of some files as text."""
    facts = [file.stat() for file in files]
    return " ".join(f"{each.st_size} {each.st_mtime_ns}" for each in facts)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:12]
