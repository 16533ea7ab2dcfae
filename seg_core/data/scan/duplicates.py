"""Near-duplicates: photographs that a dataset holds twice, mirrored, turned, resized, or encoded, coloured or framed differently.

Two photographs count as the same picture if they pass two tests of `seg_core.data.scan.similarity`. First, their correlation in
32×32 grey is high; this is quick, but many lesions on plain skin pass it. Second, their details agree. docs/data.md has the
measurements by which both bounds were chosen.
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
"""Least correlation in 32×32 grey of two photographs that are then compared in detail."""

AGREEMENT = 0.45
"""Least agreement of details of two photographs that count as the same picture."""

OTHER_PICTURE = "another picture under the same id"

_BLOCK = 512  # photographs that are compared at once with as many others


@dataclass(frozen=True)
class Photograph:
    """One of two duplicates; ``index`` is its row in the scan."""

    index: int
    id: str
    split: SplitName


@dataclass(frozen=True)
class Duplicate:
    """Two photographs that are the same picture, or have the same id in two splits.

    Their 32×32 grey pictures have ``correlation`` (-1 to 1) and their details ``agreement`` (-1 to 1) once the second is turned
    like the first. ``transformation`` makes the second from the first: one of `TRANSFORMATIONS`, or `OTHER_PICTURE`.
    """

    first: Photograph
    second: Photograph
    correlation: float
    agreement: float
    transformation: str

    @property
    def is_leakage(self) -> bool:
        """True if one of the two trains and the other validates or tests."""
        splits = {self.first.split, self.second.split}
        return "train" in splits and len(splits) == 2


class Matches(NamedTuple):
    """M pairs of photographs, as arrays (M,): indices, the symmetry that fits best, its correlation, and the agreement."""

    first: np.ndarray
    second: np.ndarray
    symmetry: np.ndarray
    correlation: np.ndarray
    agreement: np.ndarray

    def where(self, kept: np.ndarray) -> Matches:
        return Matches(*(values[kept] for values in self))


class _Forms(NamedTuple):
    """Photographs in the two forms in which they are compared."""

    coarse: np.ndarray
    details: np.ndarray

    def agreement(self, first: np.ndarray, second: np.ndarray, symmetry: np.ndarray) -> np.ndarray:
        """Agreement of details (M,) of M pairs of photographs by index, the second ones turned by their symmetry."""
        turned = self.details[second]
        for place, each in enumerate(symmetry.tolist()):
            turned[place] = turn(turned[place], each)
        return agreement(self.details[first], turned)


def near_duplicates(
    scan: Scan,
    on_progress: Callable[[int, int], None] | None = None,
    least_agreement: float = AGREEMENT,
) -> list[Duplicate]:
    """Find photographs that are the same picture, or have the same id in two splits; leakage first, then the most similar.

    Pairs with an error have no fingerprint and are left out. Memory besides the scan is about 20 KB for each photograph and 20 MB
    for each core; time grows with the square of the number of photographs.
    """
    photographs = [Photograph(*each) for each in zip(range(len(scan)), scan.ids, scan.splits, strict=True)]
    duplicates: list[Duplicate] = []
    for found in similar(scan.fingerprints, scan.readable, on_progress, least_agreement):
        duplicates += _duplicates(found, photographs)
    known = {(duplicate.first.index, duplicate.second.index) for duplicate in duplicates}
    duplicates += _same_ids(scan, photographs, known)
    return sorted(duplicates, key=lambda found: (not found.is_leakage, -found.agreement, found.first.index, found.second.index))


def leakage(dataset: Dataset, duplicates: Sequence[Duplicate]) -> list[Problem]:
    """Warn of every photograph that validates or tests and looks like one that trains.

    The same id in two splits is left to `check_names`, where it is an error.
    """
    problems = []
    for found in duplicates:
        if found.is_leakage and found.first.id != found.second.id:
            trains, other = (found.first, found.second) if found.first.split == "train" else (found.second, found.first)
            seen, file = (dataset.pairs[one.index].image for one in (trains, other))
            how = "" if found.transformation == TRANSFORMATIONS[0] else ", mirrored or turned"
            text = f"{file.name} ({other.split}) looks like the same photograph as {seen.name} ({trains.split}){how}"
            problems.append(Problem("leakage", file, f"{text}; compare them, and remove one of the two."))
    return problems


def similar(
    fingerprints: np.ndarray,
    readable: np.ndarray,
    on_progress: Callable[[int, int], None] | None = None,
    least_agreement: float = AGREEMENT,
) -> Iterator[Matches]:
    """Yield the pairs of photographs that are the same picture, block by block.

    Args:
        fingerprints: (N, 64, 64) uint8, as of `seg_core.data.scan.dataset_scan.Scan`.
        readable: (N,) bool; the others are left out.
        on_progress: gets how many blocks are compared, and how many there are.
        least_agreement: of the details of two photographs.
    """
    indices = np.flatnonzero(readable)
    forms = _Forms(coarse(fingerprints[indices]), details(fingerprints[indices]))
    blocks = [np.arange(start, min(start + _BLOCK, len(indices))) for start in range(0, len(indices), _BLOCK)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for done, columns in enumerate(blocks, start=1):
            turned = np.stack([turn(forms.coarse[columns], symmetry).reshape(len(columns), -1) for symmetry in range(8)])
            for found in pool.map(partial(_compare, forms, turned, columns), blocks[:done]):
                kept = found.where(found.agreement >= least_agreement)
                yield kept._replace(first=indices[kept.first], second=indices[kept.second])
            if on_progress:
                on_progress(done, len(blocks))


def _compare(forms: _Forms, turned: np.ndarray, columns: np.ndarray, rows: np.ndarray) -> Matches:
    """Compare photographs ``rows`` with later ones of ``columns``; ``turned`` (8, C, 1024) are these under all symmetries."""
    correlations = forms.coarse[rows].reshape(len(rows), -1) @ turned.transpose(0, 2, 1)  # (8, rows, columns)
    best = correlations.max(axis=0)
    row, column = np.nonzero((best >= CORRELATION) & (rows[:, None] < columns))
    symmetry = correlations[:, row, column].argmax(axis=0)
    first, second = rows[row], columns[column]
    return Matches(first, second, symmetry, best[row, column], forms.agreement(first, second, symmetry))


def _same_ids(scan: Scan, photographs: list[Photograph], known: set[tuple[int, int]]) -> Iterator[Duplicate]:
    """Yield photographs of the same id in different splits that are not ``known`` near-duplicates."""
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


def _duplicates(matches: Matches, photographs: list[Photograph]) -> Iterator[Duplicate]:
    for first, second, symmetry, correlation, agreeing in zip(*(values.tolist() for values in matches), strict=True):
        yield Duplicate(photographs[first], photographs[second], correlation, agreeing, TRANSFORMATIONS[symmetry])
