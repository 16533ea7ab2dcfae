"""Photographs that are not independent: those of one lesion or one patient are alike, so that they count together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seg_core.data.folders import Pair
from seg_core.data.groups import cluster_columns, joined, listed_groups, place_of
from seg_core.errors import InputError

ALONE = "photographs"
"""What is said for clusters where each photograph counts by itself."""


@dataclass(frozen=True, eq=False)
class Clusters:
    """The clusters of photographs of which intervals and tests take one as a whole."""

    groups: str
    """The file and column that name them: ``lesions.csv:lesion_id``."""
    of: Mapping[str, int]
    """Number of a photograph's cluster, by its id; one that is not here stands alone."""

    @classmethod
    def read(cls, groups: str, sources: Sequence[str], pairs: Sequence[Pair]) -> Clusters:
        """Read the clusters of some photographs.

        Args:
            groups: ``FILE.csv:COLUMN``, of a file in the dataset's folder or elsewhere.
            sources: the dataset's.
            pairs: its photographs.

        Raises:
            InputError: as `seg_core.data.groups.listed_groups`.
        """
        place = place_of(groups, sources)
        units = joined(pairs, listed_groups(place, sources, pairs))  # a photograph of two patients joins them
        return cls(place, {pair.id: number for number, unit in enumerate(units) for pair in unit if len(unit) > 1})

    @property
    def column(self) -> str:
        """The column that names them."""
        return self.groups.rpartition(":")[2]

    @property
    def many(self) -> str:
        """What several of them are called."""
        words = self.column.casefold().replace("_", " ").split()
        return next(
            (f"{word}s" for word in ("patient", "lesion", "subject", "case") if word in words), f"values of {self.column}"
        )

    def rows_of(self, ids: Sequence[str]) -> np.ndarray:
        """Return a number of each photograph's cluster, (N,) int, those that stand alone with one of their own."""
        numbers: dict[int | str, int] = {}
        return np.array([numbers.setdefault(self.of.get(id, id), len(numbers)) for id in ids], int)

    def count(self, ids: Sequence[str]) -> int:
        """Return how many clusters these photographs are."""
        return int(self.rows_of(ids).max(initial=-1)) + 1

    def note(self, ids: Sequence[str]) -> str:
        """Say what counts as one among these photographs; empty where each is alone in its cluster."""
        count = self.count(ids)
        if count == len(ids):
            return ""
        where = f"({self.column} in {Path(self.groups.rpartition(':')[0]).name})"
        if count == 1:
            return f"The {len(ids):,} photographs are of one {self.many.removesuffix('s')} {where}, which says nothing of others."
        these = f"{count:,} {self.many} {where}"
        return f"The {len(ids):,} photographs are of {these}: intervals draw these, and tests count each once."


def choose_clusters(wanted: str | None, sources: Sequence[str], pairs: Sequence[Pair]) -> Clusters | None:
    """Return the clusters that a person names, or those that a dataset's own files do.

    Args:
        wanted: ``FILE.csv:COLUMN``; `ALONE` for none; None for the column of patients, or else of lesions, if there is one.
        sources: the dataset's.
        pairs: its photographs.

    Raises:
        InputError: as `seg_core.data.groups.listed_groups`.
    """
    if wanted is None:
        wanted = next(iter(cluster_columns(sources, pairs)), ALONE)
    return None if wanted.strip().casefold() == ALONE else Clusters.read(wanted, sources, pairs)


def known_clusters(sources: Sequence[str], pairs: Sequence[Pair]) -> Clusters | None:
    """As `choose_clusters` where nobody says which; None if the file is gone or damaged."""
    try:
        return choose_clusters(None, sources, pairs)
    except InputError:
        return None
