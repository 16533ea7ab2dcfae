"""Exceptions for bad input, and the way their messages list names."""

from __future__ import annotations

from collections.abc import Sequence


class InputError(ValueError):
    """Input from the user that cannot be used.

    The message is one sentence for the user: what is wrong, where, and what to do. The command line prints it and exits with
    status 2, the pages show it in place; no other code catches it.
    """


class PassingError(InputError):
    """A file that exists but cannot be read at present, because of its permissions or its drive."""


class StoreError(InputError):
    """The run database cannot be read or written at present: a full disk, a damaged or missing file, no permission, no server."""


class StoreUnwritable(StoreError):
    """The run database cannot be written, but perhaps read."""


class StoreAway(StoreError):
    """The server of the run database does not answer; it may be back in a moment."""


class DiskFull(StoreUnwritable):
    """The disk that holds the run database is full."""


def some_of(names: Sequence[str], most: int = 5) -> str:
    """Join names for a sentence: all of them, or the first ``most`` and the number of the others."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
