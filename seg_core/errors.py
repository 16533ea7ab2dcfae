"""The one exception that stands for bad input."""

from __future__ import annotations


class InputError(ValueError):
    """Something the user gave cannot be used.

    Its text is one sentence for the user: what is wrong, where, and what to do. The CLI prints it and exits 2, the pages
    show it in place; nobody else catches it.
    """
