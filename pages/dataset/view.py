"""A scanned dataset as the Data page shows it: filtered, and with a caption for each photograph."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from seg_core.data.check import Problem
from seg_core.data.dataset import Dataset
from seg_core.data.folders import SPLITS, Pair, SplitName
from seg_core.data.scan.dataset_scan import Scan
from seg_core.data.scan.duplicates import Duplicate
from seg_core.errors import InputError
from seg_core.jobs.requests import load_scan, scan_request
from seg_core.jobs.results import result_folder

ANY, SOUND, TROUBLED = "any or none", "none", "any"
PROBLEM_FILTERS = (ANY, SOUND, TROUBLED)


@dataclass(frozen=True)
class Filter:
    """Filter of the pairs to show; lesion areas are shares of the photograph, both bounds included."""

    split: SplitName | None
    problem: str
    least_area: float
    most_area: float


@dataclass(frozen=True)
class View:
    """The pairs of a dataset with what the scan found, row by row."""

    pairs: list[Pair]
    scan: Scan
    duplicates: list[Duplicate]

    @property
    def areas(self) -> np.ndarray:
        """(N,) lesion areas as shares of the photograph, NaN where a pair cannot be read."""
        return self.scan.areas

    @property
    def longest_sides(self) -> np.ndarray:
        """(N,) pixels on the longer side, NaN where a photograph cannot be read."""
        longest: np.ndarray = self.scan.sizes.max(axis=1).astype(float)
        longest[longest == 0] = np.nan
        return longest

    @property
    def splits(self) -> list[SplitName]:
        """The splits that have pairs."""
        return [split for split in SPLITS if split in self.scan.splits]

    @cached_property
    def problems(self) -> list[list[Problem]]:
        """The problems of each row, those of file names included."""
        of_file: dict[Path, list[Problem]] = {}
        for problem in self.scan.name_problems:
            of_file.setdefault(problem.file, []).append(problem)
        return [
            [*of_pair, *(problem for file in (pair.image, *pair.masks) for problem in of_file.get(file, []))]
            for pair, of_pair in zip(self.pairs, self.scan.pair_problems, strict=True)
        ]

    @property
    def problem_kinds(self) -> list[str]:
        """The kinds of problems, the most frequent first."""
        return [kind for kind, _ in Counter(problem.kind for some in self.problems for problem in some).most_common()]

    def by_split(self, values: np.ndarray) -> dict[str, np.ndarray]:
        """Return values of all rows (N,) as one array per split, without NaN."""
        splits = np.array(self.scan.splits)
        return {split: values[(splits == split) & ~np.isnan(values)] for split in self.splits}

    def rows(self, wanted: Filter) -> list[int]:
        """Return the rows that pass a filter, in order; a pair that cannot be read passes every lesion area."""
        return [
            row
            for row, (pair, problems) in enumerate(zip(self.pairs, self.problems, strict=True))
            if wanted.split in (None, pair.split)
            and _has(problems, wanted.problem)
            and not (self.areas[row] < wanted.least_area or self.areas[row] > wanted.most_area)
        ]

    def caption(self, row: int) -> str:
        """Return the caption of a photograph: split, size, lesion area, problems."""
        width, height = self.scan.sizes[row]
        area = "" if np.isnan(self.areas[row]) else f"lesion {self.areas[row] * 100:.1f} %"
        size = f"{width} × {height}" if width else ""
        return " · ".join(filter(None, [self.pairs[row].split, size, area, *(problem.kind for problem in self.problems[row])]))


def open_view(dataset: Dataset, folder: Path) -> View:
    """Return a dataset with the result of its scan.

    Raises:
        InputError: if the result is damaged.
    """
    scan, duplicates = _loaded(folder)
    return View(dataset.pairs, scan, duplicates)


def known_duplicates(dataset: Dataset) -> list[Duplicate]:
    """Return the duplicates that the scan of a dataset found; none if there was no scan yet."""
    try:
        folder = result_folder(scan_request(dataset))
        return _loaded(folder)[1] if folder else []
    except InputError:
        return []


@lru_cache(maxsize=4)
def _loaded(folder: Path) -> tuple[Scan, list[Duplicate]]:
    return load_scan(folder)  # the folder's name holds the key: other files are another folder


def _has(problems: list[Problem], wanted: str) -> bool:
    if wanted == ANY:
        return True
    return bool(problems) == (wanted == TROUBLED) if wanted in (SOUND, TROUBLED) else any(p.kind == wanted for p in problems)
