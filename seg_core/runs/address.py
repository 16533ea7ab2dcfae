"""Addresses of runs and groups: links, commands and requests write run 3 as ``3`` and group 3 as ``g3``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from seg_core.errors import InputError

_SPELLINGS = re.compile(r"\s*(?:(?P<group>g|group)|run)?\s*#?\s*(?P<number>[0-9]{1,19})\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Address:
    """The number of a run or, if ``is_group``, of a group."""

    number: int
    is_group: bool = False

    @property
    def key(self) -> str:
        """The spelling that links use: ``3`` or ``g3``."""
        return f"g{self.number}" if self.is_group else str(self.number)


def parse_address(text: str) -> Address:
    """Read any spelling: ``3``, ``#3``, ``run 3``, ``g3``, ``group 3``, in any case. Older links have the longer ones.

    Raises:
        InputError: if the text names neither a run nor a group.
    """
    found = _SPELLINGS.fullmatch(text)
    if not found:
        raise InputError(f"{text[:60]!r} names no run and no group; write 3 for run 3, or g3 for group 3.")
    return Address(int(found["number"]), is_group=bool(found["group"]))


def parse_run_id(text: str) -> int:
    """Read the number of a run in any spelling.

    Raises:
        InputError: if the text names a group, or nothing.
    """
    address = parse_address(text)
    if address.is_group:
        raise InputError(f"{text.strip()} is a group, and this takes one run; give the number of one of its runs.")
    return address.number


def short_key(text: str) -> str:
    """Return the key of a run or a group for any of its spellings, and any other text unchanged."""
    try:
        return parse_address(text).key
    except InputError:
        return text
