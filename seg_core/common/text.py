"""Text from the file system."""

from __future__ import annotations


def legible(text: str) -> str:
    """A text that UTF-8 can hold: a file name may contain bytes that are no text; each becomes a question mark."""
    return text.encode(errors="replace").decode()
