"""Answers with files that someone may delete meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fastapi import HTTPException
from fastapi.responses import Response

_TYPES = {".png": "image/png", ".jpg": "image/jpeg"}


def file_answer(file: Path, headers: Mapping[str, str]) -> Response:
    """Return a picture of a few megabytes at most as an answer. FileResponse opens its file after the last chance to say 404.

    Raises:
        HTTPException: 404 if the file is gone or cannot be read.
    """
    try:
        content = file.read_bytes()
    except OSError:
        raise HTTPException(404, f"The picture {file.name} is not there.") from None
    return Response(content, media_type=_TYPES[file.suffix], headers=dict(headers))
