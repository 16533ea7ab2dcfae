"""Colours of runs, groups and other models on all pages and in reports, and the pair of colours for errors."""

from __future__ import annotations

import re
from collections.abc import Iterable
from zlib import crc32

# The first six are the palette of Okabe and Ito (2008). The others were chosen to be told apart from these, from each other and
# from the colours of errors with every kind of colour vision.
RUN_COLOURS: tuple[str, ...] = (
    *("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"),
    *("#774422", "#445555", "#88BB66", "#9988FF", "#881177", "#5544BB"),
)
GROUP_COLOURS = RUN_COLOURS[6:] + RUN_COLOURS[:6]
"""A group and its first run, which have the same number, differ."""

FALSE_POSITIVE, FALSE_NEGATIVE = "#9900FF", "#FFE600"
"""Marked but not lesion, and lesion but not marked. No model has these."""

# Places in the palette of the models that ship, away from those of the first runs. Those that pages show first have the colours
# that are plain on skin.
_SHIPPED = {
    "trainable-decoder-best": 8,
    "fine-tune-best": 9,
    "fine-tune-best-plus": 10,
    "trainable-decoder-report": 5,
    "frozen-decoder-best": 6,
    "fine-tune-report": 11,
    "frozen-decoder-report": 7,
}
_KEY = re.compile(r"(g?)([1-9]\d*)")


def colours_of(keys: Iterable[str]) -> dict[str, str]:
    """Return the colours of what is shown together: runs (``3``), groups (``g3``), and other models by a name of theirs.

    Each has the colour that follows from its key alone. Only if two of them would have the same does the newer run, or what is no
    run, take the next free one: the order of the keys and runs that are added later change nothing.
    """
    given = list(dict.fromkeys(keys))
    taken: dict[str, int] = {}
    for key in sorted(given, key=_age):
        first = _place(key)
        places = [(first + step) % len(RUN_COLOURS) for step in range(len(RUN_COLOURS))]
        taken[key] = next((place for place in places if place not in taken.values()), first)
    return {key: RUN_COLOURS[taken[key]] for key in given}


def _place(key: str) -> int:
    if not (found := _KEY.fullmatch(key)):
        return _SHIPPED.get(key, crc32(key.encode("utf-8", "surrogateescape")) % 5)  # away from those of the models that ship
    colours = GROUP_COLOURS if found[1] else RUN_COLOURS
    return RUN_COLOURS.index(colours[(int(found[2]) - 1) % len(colours)])


def _age(key: str) -> tuple[int, int, str]:
    """Order runs by number, then groups by number, then the others by name."""
    found = _KEY.fullmatch(key)
    return (len(found[1]), int(found[2]), key) if found else (2, 0, key)
