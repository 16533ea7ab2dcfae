"""The scan of a dataset: size, lesion area, problems and a small fingerprint of every pair, each decoded once."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from seg_core.common.atomic_file import atomic_file
from seg_core.data.check import LoadedPair, Problem, check_masks, check_names, load_pairs
from seg_core.data.dataset import Dataset
from seg_core.data.folders import SplitName
from seg_core.errors import InputError

FINGERPRINT_SIZE = 64
"""At 32 pixels smooth lesions on plain skin look alike; at 64 they differ (docs/data.md has the figures)."""

SCAN_VERSION = 2
_ARRAYS = ("sizes", "areas", "fingerprints")


@dataclass(frozen=True, eq=False)
class Scan:
    """Sizes, areas, fingerprints and problems of a dataset's N pairs, in the order of `Dataset.pairs`, from `scan_dataset`.

    ``sizes`` (N, 2) int32 are width and height of the upright photographs, 0 where the photograph is unreadable. ``areas`` (N,)
    float64 are the lesions' shares of the photographs at stored resolution, 0 to 1, NaN where the pair has an error.
    ``fingerprints`` (N, 64, 64) uint8 are the photographs in grey, squeezed to squares, zeros where the pair has an error.
    """

    ids: list[str]
    splits: list[SplitName]
    sizes: np.ndarray
    areas: np.ndarray
    fingerprints: np.ndarray
    pair_problems: list[list[Problem]]
    name_problems: list[Problem]

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def readable(self) -> np.ndarray:
        """(N,) bool: True where the pair was decoded, and so has an area and a fingerprint."""
        decoded: np.ndarray = ~np.isnan(self.areas)
        return decoded

    @property
    def problems(self) -> list[Problem]:
        """All problems, those of file names first. `seg_core.data.scan.duplicates` finds photographs in two splits."""
        return self.name_problems + [problem for problems in self.pair_problems for problem in problems]

    def save(self, path: Path) -> None:
        """Write everything to one ``.npz`` file, which appears whole or not at all; nothing in it is pickled."""
        words = {
            "version": SCAN_VERSION,
            "ids": self.ids,
            "parts": self.splits,
            "pair_problems": [[problem.to_json() for problem in problems] for problems in self.pair_problems],
            "name_problems": [problem.to_json() for problem in self.name_problems],
        }
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        with atomic_file(path) as partial, partial.open("wb") as file:
            np.savez(file, allow_pickle=False, words=np.frombuffer(json.dumps(words).encode(), np.uint8), **arrays)

    @classmethod
    def load(cls, path: Path) -> Scan:
        """Read what `save` wrote.

        Raises:
            InputError: if the file is missing, is not a scan, or was written by another version.
        """
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as saved:
                words = json.loads(saved["words"].tobytes())
                if words["version"] != SCAN_VERSION:
                    raise InputError(f"{path} was written by another version; scan the dataset again.")
                arrays = {name: saved[name] for name in _ARRAYS}
            pair_problems = [[Problem.from_json(entry) for entry in entries] for entries in words["pair_problems"]]
            name_problems = [Problem.from_json(entry) for entry in words["name_problems"]]
        except FileNotFoundError:
            raise InputError(f"{path} does not exist; scan the dataset again.") from None
        except InputError:
            raise
        except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile):
            raise InputError(f"{path} is not a scan of a dataset, or is damaged; scan the dataset again.") from None
        return cls(words["ids"], words["parts"], **arrays, pair_problems=pair_problems, name_problems=name_problems)


def scan_dataset(dataset: Dataset, on_progress: Callable[[int, int], None] | None = None) -> Scan:
    """Decode every pair once, on all cores. An exception from ``on_progress``, which gets (done, total), ends the scan.

    Files that cannot be used raise no error: they are among the problems of the scan.
    """
    pairs = dataset.pairs
    sizes, areas = np.zeros((len(pairs), 2), np.int32), np.full(len(pairs), np.nan)
    fingerprints = np.zeros((len(pairs), FINGERPRINT_SIZE, FINGERPRINT_SIZE), np.uint8)
    pair_problems: list[list[Problem]] = []
    for index, loaded in enumerate(load_pairs(pairs, FINGERPRINT_SIZE, on_progress)):
        sizes[index], areas[index] = loaded.photo_size, loaded.lesion_area
        fingerprints[index] = fingerprint_of(loaded)
        pair_problems.append(loaded.problems)
    ids, splits = [pair.id for pair in pairs], [pair.split for pair in pairs]
    of_dataset = check_names(dataset) + check_masks(dataset, [problem for problems in pair_problems for problem in problems])
    return Scan(ids, splits, sizes, areas, fingerprints, pair_problems, of_dataset)


def fingerprint_of(loaded: LoadedPair) -> np.ndarray:
    """Return the photograph (S, S) uint8 in grey, of a pair loaded at ``FINGERPRINT_SIZE``."""
    return np.asarray(Image.fromarray(loaded.image).convert("L"))
