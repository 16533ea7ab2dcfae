"""A dataset: the pairs of one or several folders, and their split into training, validation and test."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from seg_core.config import SplitSpec
from seg_core.data.experts import in_order
from seg_core.data.fingerprint import dataset_fingerprint, file_facts, pair_facts
from seg_core.data.folders import SPLITS, Listing, Pair, list_folder
from seg_core.data.groups import cluster_columns, in_fixed_order, joined, lesion_groups, listed_groups
from seg_core.data.masks.folder import MaskFolderRule
from seg_core.data.sample.folder import sample_folder
from seg_core.data.source import JOINED, SAMPLE, Names, Source
from seg_core.errors import InputError

ALL = "all"
"""Name of the whole dataset where a split is asked for, to score a model on data of elsewhere."""
UNSEEN = "unseen"
"""Name of what could train and did not train one model: the fold that it validated on, whatever was added or left out since."""


@dataclass(frozen=True)
class Split:
    """The pairs that train, validate and test; ``val_is_own`` if the dataset has a validation split of its own."""

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
        """The folders' own names, joined."""
        return JOINED.join(self.source_names)

    @property
    def source_names(self) -> list[str]:
        """The name of each folder."""
        return [Source.parse(source).name for source in self.sources]

    @cached_property
    def pairs(self) -> list[Pair]:
        """All pairs, in the order of the sources."""
        return [pair for listing in self.listings for pair in listing.pairs]

    @cached_property
    def experts(self) -> list[str]:
        """The names of those who outlined the photographs, where several did, in order; empty where nobody says so."""
        return in_order({expert.name for pair in self.pairs for expert in pair.experts})

    @property
    def test(self) -> list[Pair]:
        """The pairs of the dataset's own test split, which never trains or validates."""
        return [pair for pair in self.unique_pairs if pair.split == "test"]

    @cached_property
    def unique_pairs(self) -> list[Pair]:
        """The first pair of each id: what is trained and scored on."""
        first: dict[str, Pair] = {}
        for pair in self.pairs:
            first.setdefault(pair.id, pair)
        return list(first.values())

    @cached_property
    def trainable(self) -> list[Pair]:
        """The pairs that train or validate in some split, by id: the same ones for every seed and fold."""
        return sorted((pair for pair in self.unique_pairs if pair.split != "test"), key=lambda pair: pair.id)

    @property
    def counts(self) -> dict[str, int]:
        """The number of pairs in the dataset's own train, val and test splits."""
        return {split: sum(pair.split == split for pair in self.pairs) for split in SPLITS}

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
    def mask_rules(self) -> list[MaskFolderRule]:
        """The rules by which the masks are read: one for each split of each source, and there for each expert."""
        return list({id(rule): rule for pair in self.pairs for rule in pair.rules}.values())

    @property
    def unpaired_files(self) -> list[Path]:
        """The photographs without a mask and the masks without a photograph, in the order of the sources."""
        return [file for listing in self.listings for file in (*listing.without_mask, *listing.untested, *listing.without_photo)]

    @property
    def notes(self) -> list[str]:
        """Lines for the user about how photographs and masks were found, in the order of the sources."""
        return list(dict.fromkeys(note for listing in self.listings for note in listing.notes))

    @cached_property
    def unpaired_facts(self) -> list[str]:
        """`file_facts` of `unpaired_files`, likewise read once.

        Raises:
            InputError: if a file went away since the dataset was opened.
        """
        return [file_facts(file) for file in self.unpaired_files]

    @cached_property
    def fingerprint(self) -> str:
        """Twelve hex digits, from `dataset_fingerprint`.

        Raises:
            InputError: if a file went away since the dataset was opened.
        """
        return dataset_fingerprint(self.pairs, self.facts)

    @cached_property
    def copies(self) -> list[list[str]]:
        """Ids, two at a time, of photographs outside the test split that look the same; found by reading them, and then kept.

        Raises:
            InputError: if a file went away since the dataset was opened.
        """
        from seg_core.data.scan.copies import find_copies  # here, as a scan is one of a dataset

        return find_copies(self)

    def groups(self, spec: SplitSpec) -> list[list[Pair]]:
        """Return the pairs that belong together, two or more in a group: copies, and those of one value in a CSV file.

        Raises:
            InputError: if the file with the groups cannot be used, or a photograph went away since the dataset was opened.
        """
        return [unit for unit in self._units(self.trainable, spec) if len(unit) > 1]

    def lesions(self) -> list[list[Pair]]:
        """Return the pairs that train or validate by lesion, in a fixed order: a first part of it may be held out.

        Copies are of one lesion, and so are photographs of one ``lesion_id`` in a CSV file of the folder.

        Raises:
            InputError: as `groups`.
        """
        return in_fixed_order(self._units(self.trainable, SplitSpec(copies="together", groups=lesion_groups(self.sources))))

    def _units(self, pairs: Sequence[Pair], spec: SplitSpec) -> list[list[Pair]]:
        listed = listed_groups(spec.groups, self.sources, self.trainable) if spec.groups else []
        if spec.copies == "anywhere":
            return joined(pairs, listed)
        units = joined(pairs, [*self.copies, *listed])
        return units if len(units) > 1 else joined(pairs, listed)  # where all look alike, looks tell nothing

    def note_on_groups(self, spec: SplitSpec) -> str:
        """Return a sentence on the photographs that `split` keeps together; empty if there are none, or nothing is drawn.

        Raises:
            InputError: as `groups`.
        """
        if not self.draws_validation(spec):
            return ""
        file, _, column = Path(spec.groups).name.rpartition(":")
        why = " or ".join(filter(None, ["are copies" if spec.copies == "together" else "", column and f"share a {column}"]))
        count = sum(map(len, self.groups(spec)))
        note = f"{count:,} photographs {why}; each group stays on one side of the split." if count else ""
        if column:
            listed = {id for ids in listed_groups(spec.groups, self.sources, self.trainable) for id in ids}
            if alone := len(self.trainable) - len(listed):
                note += f" {alone:,} have no {column} in {file}, and are drawn one by one."
        return note.strip()

    def unused_groups(self, spec: SplitSpec) -> str:
        """Return the column of patients or lesions that `split` is not told of, as ``FILE.csv:COLUMN``.

        Empty if there is none beside the dataset, or nothing is drawn.
        """
        if spec.groups or not self.draws_validation(spec):
            return ""
        return next(iter(cluster_columns(self.sources, self.trainable)), "")

    def draws_validation(self, spec: SplitSpec) -> bool:
        """Return True if `split` draws the photographs that validate, as the dataset has no validation split or it is folded."""
        return spec.folds > 1 or not any(pair.split == "val" for pair in self.unique_pairs)

    def split(self, spec: SplitSpec) -> Split:
        """Split into training, validation and test.

        The test split is the dataset's own or empty, and never trains. Validation is the dataset's own split if it has one, else
        about ``val_fraction`` of the training split, drawn by ``seed`` from the sorted ids. With several ``folds``, training and
        validation split together into that many equal folds, drawn likewise, and validation is the ``fold``-th, from 1.

        Pairs that belong together (`groups`) are drawn together. Without any, the split is the same as if none were asked for.

        Raises:
            InputError: as `groups`, or if no pair would be left to train or none to validate with.
        """
        train, val = ([pair for pair in self.unique_pairs if pair.split == own] for own in ("train", "val"))
        val_is_own = not self.draws_validation(spec)
        if not val_is_own:
            drawn = set(self._draw(spec))
            val, train = ([pair for pair in self.trainable if (pair in drawn) == wanted] for wanted in (True, False))
        if not train or not val:
            found = f"{len(train)} pairs to train and {len(val)} to validate with"
            grouped = not val_is_own and len(train + val) > 1 and len(self._units(self.trainable, spec)) == 1
            why = ", as all of them belong together" if grouped else ""
            raise InputError(f"{self.name} has {found}{why}; each needs at least one.")
        return Split(train, val, self.test, val_is_own)

    def _draw(self, spec: SplitSpec) -> list[Pair]:
        """Draw the pairs that validate."""
        shuffled = list(self.trainable)
        random.Random(spec.seed).shuffle(shuffled)
        units = self._units(shuffled, spec)
        if spec.folds > 1:
            folds: list[list[Pair]] = [[] for _ in range(spec.folds)]
            for unit in sorted(units, key=len, reverse=True):  # the single ones, last, make the folds equal
                min(folds, key=len).extend(unit)
            return folds[spec.fold - 1]
        wanted, drawn = max(1, round(spec.val_fraction * len(shuffled))), list[Pair]()
        for unit in units:
            if len(unit) < 2 * (wanted - len(drawn)):  # comes nearer to the number that is wanted
                drawn += unit
        return drawn or min(units, key=len, default=[])

    def pairs_of(self, name: str, spec: SplitSpec) -> list[Pair]:
        """Return the pairs of ``train``, ``val`` or ``test`` as drawn by `split`, or ``all`` pairs of the dataset.

        Raises:
            InputError: if there is no such split, or it is empty.
        """
        if name not in (*SPLITS, ALL):
            raise InputError(f"There is no split {name!r}; choose {', '.join(SPLITS)} or {ALL}.")
        whole = {"test": self.test, ALL: self.unique_pairs}
        pairs = whole[name] if name in whole else getattr(self.split(spec), name)
        if not pairs:
            raise InputError(f"{self.name} has no {name} split; use val, which is drawn by seed.")
        return list(pairs)


@dataclass(frozen=True)
class SplitChoice:
    """A split of a dataset by its name; ``spec`` says how it is drawn if the dataset has none of its own."""

    dataset: Dataset
    name: str
    spec: SplitSpec
    trained: frozenset[str] = frozenset()
    """Ids of the photographs that trained, if it is `UNSEEN`."""

    @property
    def is_drawn(self) -> bool:
        """True if its pairs depend on ``spec`` where the dataset has no validation split."""
        return self.name in ("train", "val")

    @cached_property
    def pairs(self) -> list[Pair]:
        """The pairs of the split.

        Raises:
            InputError: if there is no such split, or it is empty.
        """
        if self.name != UNSEEN:
            return self.dataset.pairs_of(self.name, self.spec)
        if unseen := [pair for pair in self.dataset.trainable if pair.id not in self.trained]:
            return unseen
        raise InputError(f"{self.dataset.name} has no photograph that the model did not train on; train on folds of it.")

    @cached_property
    def facts(self) -> np.ndarray:
        """The rows of `Dataset.facts` that belong to its pairs, in their order."""
        return self.dataset.facts_of(self.pairs)


def open_dataset(
    sources: str | Path | Sequence[str | Path],
    on_progress: Callable[[int, int], None] | None = None,
    *,
    images: Names = None,
    masks: Names = None,
    lesion: str | int | None = None,
    experts: Names = None,
    truth: str | None = None,
) -> Dataset:
    """Open one folder, several folders joined, or the built-in ``sample``, which is made at its first use.

    Only file names are read here; `seg_core.data.check` reads the files.

    Args:
        sources: a folder, several, or ``sample``; each as `seg_core.data.source.Source` reads it.
        on_progress: gets how many pairs of the sample are made, and how many there will be.
        images: the folders of photographs in each source, where their names do not tell.
        masks: likewise the folders of masks.
        lesion: the value, number or name of the class in the masks that is the lesion.
        experts: likewise the folders of masks of one expert each, where names do not tell that.
        truth: what counts of the masks of several experts: ``majority``, ``staple``, or the name of one.

    Raises:
        InputError: if no source is given, one is given twice, a folder is missing or has none of the known layouts, or the
            sample cannot be written.
    """
    given = [sources] if isinstance(sources, str | Path) else list(sources)
    if not given:
        raise InputError(f"No data was named; give a folder, several, or {SAMPLE!r}.")
    parsed = [Source.parse(source) for source in given]
    if any(said is not None for said in (images, masks, lesion, experts, truth)):
        parsed = [source.with_choices(images, masks, lesion, experts, truth) for source in parsed]
    cleaned = [str(source) for source in parsed]
    if twice := [source for source in cleaned if cleaned.count(source) > 1]:
        raise InputError(f"{twice[0]} is given twice; name each folder once.")
    folders = (Source(str(sample_folder(on_progress))) if source.folder == SAMPLE else source for source in parsed)
    listings = tuple(_with_rules(list_folder(source)) for source in folders)
    return Dataset(tuple(cleaned), listings)


def _with_rules(listing: Listing) -> Listing:
    """Have the masks of each split, and of each expert there, read by one rule, which is decided when the first is read."""
    files: dict[tuple[str, str], list[Path]] = {(split, ""): [] for split in SPLITS}
    for pair in listing.pairs:
        for name, masks in [(expert.name, expert.files) for expert in pair.experts] or [("", pair.masks)]:
            files.setdefault((pair.split, name), []).extend(masks)
    rules = {key: MaskFolderRule(masks, listing.lesion) for key, masks in files.items()}
    of_experts = {split: {name: rule for (of, name), rule in rules.items() if of == split} for split in SPLITS}
    return replace(listing, pairs=[pair.with_rules(rules[pair.split, ""], of_experts[pair.split]) for pair in listing.pairs])
