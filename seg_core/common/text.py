"""Names from the file system as text, and texts as names of files."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_FOLDERS = re.compile(r"(?<![\w.:/\\])(?:~|[A-Za-z]:)?[/\\](?:[^\s/\\:;,'\"()]+[/\\])*(?=[^\s/\\])")
"""The folders in front of a file's name, or of a folder's own."""


def legible(text: str) -> str:
    """Replace what UTF-8 cannot encode with question marks: file names may contain bytes that are not text."""
    return text.encode(errors="replace").decode()


def on_one_line(text: str) -> str:
    """Escape control characters for a terminal: the name of a file may hold line ends and what moves the cursor."""
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], text)


def counted(count: int, what: str) -> str:
    """Return ``1 photograph`` or ``1,200 photographs``."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def named(text: str) -> tuple[str, str]:
    """Return name and value of ``NAME=VALUE``; the name is empty where there is none, as in ``/data/skin?images=photos``."""
    name, equals, value = text.partition("=")
    return (name.strip(), value.strip()) if equals and not {"/", "\\", "?"} & set(name) else ("", text.strip())


def finite_number(text: str) -> float | None:
    """Return the number that a text spells; None if it spells none, or one that is not finite."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def slug(name: str) -> str:
    """Return a model's name as part of a file name: ``model-2-fine-tuned-run-3``."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "model"


def without_folders(text: str, folders: Sequence[str] = ()) -> str:
    """Shorten every path in a sentence to its last part; ``folders`` are known ones, whose names may hold blanks."""
    for folder in sorted((folder.rstrip("/\\") for folder in folders), key=len, reverse=True):
        if "/" in folder or "\\" in folder:
            text = re.sub(re.escape(folder) + r"[/\\](?=\S)", "/", text)
            text = text.replace(folder, re.split(r"[/\\]", folder)[-1])
    return _FOLDERS.sub("", text)
