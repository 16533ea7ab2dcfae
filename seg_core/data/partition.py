"""Photographs divided by one property, such as the size of the lesion or a column of a CSV file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Part:
    """A part of the photographs: its name in a table, and what it consists of in a sentence, ``lesions below 5 %``."""

    name: str
    phrase: str


@dataclass(frozen=True, eq=False)
class Partition:
    """Parts of which no photograph is in two; a photograph of which the property is unknown is in none."""

    title: str
    parts: tuple[Part, ...]
    part_of: Mapping[str, int]
    """Position of a photograph's part, by its id."""
    note: str = ""
    """How the property is found, and its weakness, in a sentence or two."""

    def rows_of(self, ids: Sequence[str]) -> np.ndarray:
        """Return the position of the part of each photograph, (N,) int; -1 for those in none."""
        return np.array([self.part_of.get(id, -1) for id in ids], int)


def divided(
    title: str, parts: Iterable[Part], ids: Sequence[str], values: np.ndarray, bounds: Sequence[float], note: str = ""
) -> Partition:
    """Divide photographs by a number; one that equals a bound is in the part above it, and NaN in none.

    Args:
        title: of the property.
        parts: one more than bounds, from the lowest numbers up.
        ids: of N photographs.
        values: (N,).
        bounds: rising.
        note: of the partition.
    """
    places = np.searchsorted(bounds, values, side="right").tolist()
    known = (~np.isnan(values)).tolist()
    part_of = {id: place for id, place, is_known in zip(ids, places, known, strict=True) if is_known}
    return Partition(title, tuple(parts), part_of, note)
