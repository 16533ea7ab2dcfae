"""A dataset: the pairs of one or several folders, and how they split into training, validation and test."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from seg_core.config import SplitSpec
from seg_core.data.fingerprint import dataset_fingerprint, file_facts, pair_facts
from seg_core.data.folders import SAMPLE, SPLITS, Listing, Pair, clean_source, list_folder
from seg_core.data.sample.folder import sample_folder
from seg_core.errors import InputError


@dataclass(frozen=True)
class Split:
    """Who trains, who validates, who tests; ``val_is_own`` says that validation is a part of the dataset's own, not split off."""

    train: list[Pair]
    val: list[Pair]
    test: list[Pair]
    val_is_own: bool


@dataclass(frozen=True)
class Dataset:
    """The pairs of one or several folders. Make it with `open_dataset`."""

    sources: tuple[str, ...]
    listings: tuple[Listing, ...]

    @property
    def name(self) -> str:
        """A short name: the folders' own names, joined."""
        return " + ".join(Path(source).name or source for source in self.sources)

    @cached_property
    def pairs(self) -> list[Pair]:
        """All pairs, in the order of the sources."""
        return [pair for listing in self.listings for pair in listing.pairs]

    @property
    def test(self) -> list[Pair]:
        """The pairs of the dataset's own test split, which no split touches."""
        return [pair for pair in self.unique_pairs if pair.split == "test"]

    @cached_property
    def unique_pairs(self) -> list[Pair]:
        """The pairs with each id once, the first that has it: what is trained and scored on."""
        first: dict[str, Pair] = {}
        for pair in self.pairs:
            first.setdefault(pair.id, pair)
        return list(first.values())

    @property
    def counts(self) -> dict[str, int]:
        """The number of pairs of each part, train, val and test."""
        return {part: sum(pair.split == part for pair in self.pairs) for part in SPLITS}

    @cached_property
    def facts(self) -> np.ndarray:
        """`pair_facts` of all pairs, read from the disk once: a later change of a file shows when the dataset is opened again.

        Raises:
            InputError: if a file went away since the dataset was opened.
        """
        return pair_facts(self.pairs)

    def facts_of(self, pairs: Sequence[Pair]) -> np.ndarray:
        """The rows of `facts` that belong to some of the pairs, in their order."""
        return self.facts[[self._rows[pair] for pair in pairs]]

    @cached_property
    def _rows(self) -> dict[Pair, int]:
        return {pair: row for row, pair in enumerate(self.pairs)}

    @property
    def unpaired_files(self) -> list[Path]:
        """The photographs without a mask and the masks without a photograph, in the order of the sources."""
        return [file for listing in self.listings for file in (*listing.without_mask, *listing.without_photo)]

    @cached_property
    def unpaired_facts(self) -> list[str]:
        """`file_facts` of `unpaired_files`, likewise read once.

        Raises:
            InputError: if a file went away since the dataset was opened.
        """
        return [file_facts(file) for file in self.unpaired_files]

    @cached_property
    def fingerprint(self) -> str:
        """As `dataset_fingerprint`.

        Raises:
            InputError: if a file went away since the dataset was opened.
        """
        return dataset_fingerprint(self.pairs, self.facts)

    def split(self, spec: SplitSpec) -> Split:
        """Split into training, validation and test.

        The test split is the dataset's own or empty, and is never trained on. Validation is the dataset's own part where there is
        one, else ``val_fraction`` of the training split, drawn by ``seed`` from the sorted ids. With several ``folds`` it is the
        ``fold``-th, from 1, of as many equal parts of both together, drawn likewise.

        Raises:
            InputError: if no pair would be left to train or none to validate with.
        """
        seed, val_fraction, folds, fold = spec
        train, val = ([pair for pair in self.unique_pairs if pair.split == part] for part in ("train", "val"))
        val_is_own = bool(val) and folds == 1
        if not val_is_own:
            shuffled = sorted(train + val, key=lambda pair: pair.id)
            random.Random(seed).shuffle(shuffled)
            if folds > 1:
                drawn = shuffled[fold - 1 :: folds], [pair for place, pair in enumerate(shuffled) if place % folds != fold - 1]
            else:
                held_out = max(1, round(val_fraction * len(shuffled)))
                drawn = shuffled[:held_out], shuffled[held_out:]
            val, train = (sorted(part, key=lambda pair: pair.id) for part in drawn)
        split = Split(train, val, self.test, val_is_own)
        if not split.train or not split.val:
            found = f"{len(split.train)} pairs to train and {len(split.val)} to validate with"
            raise InputError(f"{self.name} has {found}; each needs at least one.")
        return split

    def pairs_of(self, name: str, spec: SplitSpec) -> list[Pair]:
        """The pairs of ``train``, ``val`` or ``test``, as `split` gives them.

        Raises:
            InputError: if there is no such part, or it is empty.
        """
        if name not in SPLITS:
            raise InputError(f"There is no split {name!r}; choose {', '.join(SPLITS[:-1])} or {SPLITS[-1]}.")
        pairs = self.test if name == "test" else getattr(self.split(spec), name)
        if not pairs:
            raise InputError(f"{self.name} has no {name} part; use val, which is drawn by seed.")
        return list(pairs)


def open_dataset(sources: str | Path | Sequence[str | Path], on_progress: Callable[[int, int], None] | None = None) -> Dataset:
    """Open one folder, several folders joined, or the built-in ``sample`` (made at first use, which ``on_progress`` follows).

    Only file names are read here; `seg_core.data.check` reads the files.

    Raises:
        InputError: if no source is given, one is given twice, or a folder is missing or has none of the known layouts,
            or the sample cannot be written.
    """
    given = [sources] if isinstance(sources, str | Path) else list(sources)
    if not given:
        raise InputError(f"No data was named; give a folder, several, or {SAMPLE!r}.")
    cleaned = [clean_source(source) for source in given]
    if twice := [source for source in cleaned if cleaned.count(source) > 1]:
        raise InputError(f"{twice[0]} is given twice; name each folder once.")
    listings = tuple(list_folder(sample_folder(on_progress) if source == SAMPLE else Path(source)) for source in cleaned)
    return Dataset(tuple(cleaned), listings)


@dataclass(frozen=True)
class SplitChoice:
    """A part of a dataset: its name, and what draws it where it is split off."""

    dataset: Dataset
    name: str
    spec: SplitSpec

    @cached_property
    def pairs(self) -> list[Pair]:
        """Its pairs.

        Raises:
            InputError: if there is no such part, or it is empty.
        """
        return self.dataset.pairs_of(self.name, self.spec)
