"""Photographs that stand in a dataset more than once: mirrored, turned, encoded, resized, coloured or framed anew.

Two photographs are held for the same one if they pass two tests of `seg_core.data.scan.similarity`. Their correlation
in 32×32 grey is high: that is quick, but many lesions on plain skin pass it. Then their details agree. docs/data.md has
the measurements by which both bounds were chosen.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import NamedTuple

import numpy as np

from seg_core.data.check import Problem
from seg_core.data.dataset import Dataset
from seg_core.data.folders import SplitName
from seg_core.data.scan.dataset_scan import Scan
from seg_core.data.scan.similarity import TRANSFORMATIONS, agreement, coarse, details, turn

CORRELATION = 0.85
"""The least correlation, in 32×32 grey, of two photographs that are compared in detail."""

AGREEMENT = 0.45
"""The least agreement of details of two photographs that are held for the same one."""

OTHER_PICTURE = "another picture under the same id"

_BLOCK = 512  # photographs of a block, compared with those of another


@dataclass(frozen=True)
class Photograph:
    """One of two duplicates: where it stands in the scan, and its part."""

    index: int
    id: str
    split: SplitName


@dataclass(frozen=True)
class Duplicate:
    """Two photographs that are the same picture, or have the same id in two parts.

    ``correlation`` (-1 to 1) is that of the 32×32 grey pictures, and ``agreement`` (-1 to 1) that of their details, once the
    second is turned like the first; ``transformation`` is what made the second from the first, one of `TRANSFORMATIONS`,
    or `OTHER_PICTURE`.
    """

    first: Photograph
    second: Photograph
    correlation: float
    agreement: float
    transformation: str

    @property
    def is_leakage(self) -> bool:
        """Whether one of the two trains and the other validates or tests."""
        parts = {self.first.split, self.second.split}
        return "train" in parts and len(parts) == 2


class _Matches(NamedTuple):
    """M pairs of photographs, each array (M,): indices, the symmetry that fits best, its correlation, and the agreement."""

    first: np.ndarray
    second: np.ndarray
    symmetry: np.ndarray
    correlation: np.ndarray
    agreement: np.ndarray

    def where(self, kept: np.ndarray) -> _Matches:
        return _Matches(*(values[kept] for values in self))


class _Forms(NamedTuple):
    """Photographs in the two forms in which they are compared."""

    coarse: np.ndarray
    details: np.ndarray

    def agreement(self, first: np.ndarray, second: np.ndarray, symmetry: np.ndarray) -> np.ndarray:
        """That of the details of photographs by index, the second ones turned (M,)."""
        turned = self.details[second]
        for place, each in enumerate(symmetry.tolist()):
            turned[place] = turn(turned[place], each)
        return agreement(self.details[first], turned)


def near_duplicates(
    scan: Scan,
    on_progress: Callable[[int, int], None] | None = None,
    least_agreement: float = AGREEMENT,
) -> list[Duplicate]:
    """All pairs of photographs that are the same picture, or have the same id in two parts; leakage first, then the most alike.

    Pairs with an error have no fingerprint and are left out. Memory beside the survey is about 20 KB a photograph and 20 MB a
    core; time grows with the square of the number of photographs.
    """
    photographs = [Photograph(*each) for each in zip(range(len(scan)), scan.ids, scan.parts, strict=True)]
    duplicates: list[Duplicate] = []
    for found in _matches(scan, on_progress):
        duplicates += _duplicates(found.where(found.agreement >= least_agreement), photographs)
    known = {(duplicate.first.index, duplicate.second.index) for duplicate in duplicates}
    duplicates += _same_ids(scan, photographs, known)
    return sorted(duplicates, key=lambda found: (not found.is_leakage, -found.agreement, found.first.index, found.second.index))


def leakage(dataset: Dataset, duplicates: Sequence[Duplicate]) -> list[Problem]:
    """A warning for every photograph that validates or tests and looks like one that trains.

    The same id in two parts is left to `check_names`, which calls it an error.
    """
    problems = []
    for found in duplicates:
        if found.is_leakage and found.first.id != found.second.id:
            trains, judges = (found.first, found.second) if found.first.split == "train" else (found.second, found.first)
            seen, file = (dataset.pairs[one.index].image for one in (trains, judges))
            how = "" if found.transformation == TRANSFORMATIONS[0] else ", mirrored or turned"
            text = f"{file.name} ({judges.split}) looks like the same photograph as {seen.name} ({trains.split}){how}"
            problems.append(Problem("leakage", file, f"{text}; compare them, and remove one of the two."))
    return problems


def _matches(scan: Scan, on_progress: Callable[[int, int], None] | None) -> Iterator[_Matches]:
    """The pairs of photographs that correlate, block by block, judged in detail."""
    indices = np.flatnonzero(scan.readable)
    fingerprints = scan.fingerprints[indices]
    forms = _Forms(coarse(fingerprints), details(fingerprints))
    blocks = [np.arange(start, min(start + _BLOCK, len(indices))) for start in range(0, len(indices), _BLOCK)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for done, columns in enumerate(blocks, start=1):
            turned = np.stack([turn(forms.coarse[columns], symmetry).reshape(len(columns), -1) for symmetry in range(8)])
            for found in pool.map(partial(_compare, forms, turned, columns), blocks[:done]):
                yield found._replace(first=indices[found.first], second=indices[found.second])
            if on_progress:
                on_progress(done, len(blocks))


def _compare(forms: _Forms, turned: np.ndarray, columns: np.ndarray, rows: np.ndarray) -> _Matches:
    """Compare the photographs ``rows`` with those of ``columns`` after them; ``turned`` (8, C, 1024) are these in all ways."""
    correlations = forms.coarse[rows].reshape(len(rows), -1) @ turned.transpose(0, 2, 1)  # (8, rows, columns)
    best = correlations.max(axis=0)
    row, column = np.nonzero((best >= CORRELATION) & (rows[:, None] < columns))
    symmetry = correlations[:, row, column].argmax(axis=0)
    first, second = rows[row], columns[column]
    return _Matches(first, second, symmetry, best[row, column], forms.agreement(first, second, symmetry))


def _same_ids(scan: Scan, photographs: list[Photograph], known: set[tuple[int, int]]) -> Iterator[Duplicate]:
    """Photographs of the same id in different parts that are not ``known`` to look alike."""
    of_id: dict[str, list[Photograph]] = {}
    for photograph in photographs:
        if photograph.split and scan.readable[photograph.index]:
            of_id.setdefault(photograph.id, []).append(photograph)
    for first, second in (two for group in of_id.values() for two in combinations(group, 2)):
        if first.split != second.split and (first.index, second.index) not in known:
            fingerprints = scan.fingerprints[[first.index, second.index]]
            forms = _Forms(coarse(fingerprints), details(fingerprints))
            correlations = [float((forms.coarse[0] * turn(forms.coarse[1], symmetry)).sum()) for symmetry in range(8)]
            best = int(np.argmax(correlations))
            (agreeing,) = forms.agreement(np.array([0]), np.array([1]), np.array([best])).tolist()
            yield Duplicate(first, second, correlations[best], agreeing, OTHER_PICTURE)


def _duplicates(matches: _Matches, photographs: list[Photograph]) -> Iterator[Duplicate]:
    for first, second, symmetry, correlation, agreeing in zip(*(values.tolist() for values in matches), strict=True):
        yield Duplicate(photographs[first], photographs[second], correlation, agreeing, TRANSFORMATIONS[symmetry])
