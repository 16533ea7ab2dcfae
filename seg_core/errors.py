"""The one exception that stands for bad input, and how its text lists many things."""

from __future__ import annotations

from collections.abc import Sequence


class InputError(ValueError):
    """Something the user gave cannot be used.

    Its text is one sentence for the user: what is wrong, where, and what to do. The CLI prints it and exits 2, the pages
    show it in place; nobody else catches it.
    """


def some_of(names: Sequence[str], most: int = 5) -> str:
    """Names for a sentence: all of them, or the first ``most`` and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
