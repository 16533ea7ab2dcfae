"""Name, notes and tags of a run: checking and cleaning what users type."""

from __future__ import annotations

from collections.abc import Sequence

from seg_core.common.text import legible
from seg_core.errors import InputError

LONGEST_NAME = 100
LONGEST_NOTES = 10_000
MOST_TAGS, LONGEST_TAG = 12, 30


def clean_name(name: str) -> str:
    """Return a name on one line.

    Raises:
        InputError: if it has more than 100 characters.
    """
    return _short_enough("name", " ".join(legible(name).split()), LONGEST_NAME)


def clean_notes(notes: str) -> str:
    """Return notes without surrounding white space.

    Raises:
        InputError: if they have more than 10,000 characters.
    """
    return _short_enough("text of the notes", legible(notes).strip(), LONGEST_NOTES)


def clean_tags(tags: Sequence[str]) -> list[str]:
    """Return tags in the order given, without duplicates and empty ones.

    Raises:
        InputError: if there are more than 12, or one has more than 30 characters.
    """
    cleaned = [_short_enough(f"tag {tag!r}", " ".join(legible(tag).split()), LONGEST_TAG) for tag in tags]
    found = list(dict.fromkeys(filter(None, cleaned)))
    if len(found) > MOST_TAGS:
        raise InputError(f"A run can have {MOST_TAGS} tags, and these are {len(found)}; leave some out.")
    return found


def _short_enough(what: str, text: str, longest: int) -> str:
    if len(text) > longest:
        raise InputError(f"The {what} has {len(text)} characters; give it at most {longest}.")
    return text
