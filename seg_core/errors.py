"""The exceptions that stand for bad input, and how their texts list many things."""

from __future__ import annotations

from collections.abc import Sequence


class InputError(ValueError):
    """Something the user gave cannot be used.

    Its text is one sentence for the user: what is wrong, where, and what to do. The CLI prints it and exits 2, the pages
    show it in place; nobody else catches it.
    """


class PassingError(InputError):
    """A file that is there and cannot be read for now: its permissions or its drive may change, and the file need not."""


def some_of(names: Sequence[str], most: int = 5) -> str:
    """Names for a sentence: all of them, or the first ``most`` and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
