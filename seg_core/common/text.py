"""Names from the file system as text."""

from __future__ import annotations


def legible(text: str) -> str:
    """Replace what UTF-8 cannot encode with question marks: file names may contain bytes that are not text."""
    return text.encode(errors="replace").decode()
