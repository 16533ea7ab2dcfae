"""Masks that a person looked at and found right though a model disagrees: a list in the dataset's folder that travels with it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seg_core.data.photo_list import PhotoList
from seg_core.errors import InputError

if TYPE_CHECKING:
    from seg_core.data.folders import Pair

ACCEPTED = "accepted.csv"
_LIST = PhotoList(ACCEPTED, ("mask",), "the photographs whose masks are right")


def read_accepted(folder: Path) -> dict[str, str]:
    """Return the `mask_content` of every mask that was found right, by the photographs' ids; empty without a list.

    Another content than the mask has now means that it was changed since, and nobody has looked at it.

    Raises:
        InputError: if the list cannot be read or has no column ``id``.
    """
    return {id: row["mask"] for id, row in _LIST.read(folder).items()}


def accept(folder: Path, id: str, mask: str, who: str = "") -> None:
    """Note that the mask of a photograph is right, as long as its `mask_content` stays the same.

    Raises:
        InputError: if the list cannot be read or written.
    """
    _LIST.add(folder, [id], who, mask=mask)


def withdraw(folder: Path, ids: Sequence[str]) -> None:
    """Take photographs off the list; those that are not on it stay what they are.

    Raises:
        InputError: if the list cannot be read or written.
    """
    _LIST.remove(folder, ids)


def mask_content(pair: Pair) -> str:
    """Return 16 hex digits over the content of a pair's mask files and what is the lesion in them.

    Raises:
        InputError: if a file cannot be read.
    """
    content = hashlib.sha256(pair.lesion.encode(errors="surrogateescape"))
    for mask in pair.masks:
        try:
            content.update(mask.read_bytes())
        except OSError as error:
            raise InputError(f"{mask} cannot be read ({error.strerror}); put it back or open the dataset again.") from None
    return content.hexdigest()[:16]
