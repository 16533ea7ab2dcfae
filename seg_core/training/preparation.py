"""Preparation of the data of a training: checks, split and image cache."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from seg_core.config import Config
from seg_core.data.cache.cached_pairs import CachedPairs
from seg_core.data.cache.storage import cache_pairs
from seg_core.data.check import check_masks, check_names, describe, notes_on, refusal
from seg_core.data.dataset import Dataset
from seg_core.data.fingerprint import dataset_fingerprint, pair_facts
from seg_core.data.scan.copies import find_copies
from seg_core.errors import InputError
from seg_core.prediction.metadata import MOST_IDS, DatasetSummary
from seg_core.training.contents import Contents, contents, require_same

WARM_UP_SECONDS = 60
"""Longest time to decode before the training begins. Two cores decode several thousand photographs of 256 pixels in it, or some
hundred camera originals, and their problems show before training begins. Nobody waits for 100,000."""


@dataclass(frozen=True)
class PreparedData:
    """Training and validation pairs at network resolution, and lines for the log about what was found."""

    dataset: Dataset
    fingerprint: str
    train: CachedPairs
    val: CachedPairs
    test_pairs: int
    val_is_own: bool
    notes: list[str]
    contents: Contents

    def new_notes(self) -> list[str]:
        """Lines for the log about what was found since the last call, as pairs are decoded while the training runs."""
        return self.train.new_notes() + self.val.new_notes()

    def summary(self) -> DatasetSummary:
        """Return what a checkpoint says about its data: the ids that train, if not too many, and no paths."""
        ids = [pair.id for pair in self.train.pairs]
        return {
            "name": self.dataset.name,
            "fingerprint": self.fingerprint,
            "train": self.train.usable,
            "val": self.val.usable,
            "test": self.test_pairs,
            "val_is_own": self.val_is_own,
            "train_ids": ids if len(ids) <= MOST_IDS else None,
        }


def prepare(
    dataset: Dataset, config: Config, on_progress: Callable[[int, int, str], None], before: Contents | None = None
) -> PreparedData:
    """Check the pairs of a training, and decode for at most `WARM_UP_SECONDS` those that the dataset's cache lacks.

    ``on_progress`` gets (done, total, what), first of the training split and then of the validation split, so that a short
    warm-up serves the first batches. ``before`` are the contents that a training to be resumed has read.

    Raises:
        DataChanged: if the contents differ from ``before``.
        InputError: if pairs have errors and the config does not say to skip them, or too few are left.
    """
    problems = check_names(dataset)
    errors = [problem for problem in problems if problem.is_error]
    if config.copies == "together" and dataset.draws_validation(config.split_spec):
        find_copies(dataset, lambda done, total: on_progress(done, total, "photographs compared"))
    try:
        split = dataset.split(config.split_spec)
    except InputError as error:
        raise InputError(f"{error} {describe(errors)}".strip()) from None
    facts = pair_facts(dataset.pairs)
    read = contents(split, dict(zip(dataset.pairs, facts[:, 0].tolist(), strict=True)))
    if before:
        require_same(before, read)
    cached = _open_cache(dataset, config, facts)
    train, val = cached.select(split.train), cached.select(split.val)
    notes = dataset.notes + notes_on(problems) + list(filter(None, [dataset.note_on_groups(config.split_spec)]))
    if cached.uncached:
        notes.append(f"The photographs are decoded in every epoch, as they {cached.uncached}.")
    deadline = time.monotonic() + WARM_UP_SECONDS
    for what, pairs in (("training photographs", train), ("validation photographs", val)):
        notes += _warm_up(pairs, what, deadline - time.monotonic(), on_progress)
        errors += pairs.errors
    if errors and not config.skip_problems:
        raise refusal(errors)
    if not train.usable or not val.usable:
        raise InputError(f"{dataset.name} has no usable pairs left to train or to validate with: {describe(errors)}")
    if train.ready and train.empty == train.ready:
        text = f"None of the {train.empty:,} masks that were read for training marks a lesion"
        raise InputError(f"{dataset.name}: {text}; check the folder of masks and the value that is the lesion.")
    notes += notes_on(check_masks(dataset, []))
    fingerprint = dataset_fingerprint(dataset.pairs, facts)
    return PreparedData(dataset, fingerprint, train, val, len(split.test), split.val_is_own, notes, read)


def _open_cache(dataset: Dataset, config: Config, facts: np.ndarray) -> CachedPairs:
    """Open the cache of all pairs that train or validate in some split, without decoding any.

    Test pairs stay out: no training reads them, their pixels would count against the cache's limit, and a changed test file
    would need another cache.
    """
    rows = {pair: row for row, pair in enumerate(dataset.pairs)}
    return cache_pairs(
        dataset.trainable,
        config.image_size,
        seconds=0,
        skip_problems=config.skip_problems,
        facts=facts[[rows[pair] for pair in dataset.trainable]],
    )


def _warm_up(pairs: CachedPairs, what: str, seconds: float, on_progress: Callable[[int, int, str], None]) -> list[str]:
    """Decode for ``seconds``, and return lines for the log about what was found and what is left."""
    pairs.warm_up(seconds, lambda done, total: on_progress(done, total, what))
    notes = pairs.new_notes()
    if not pairs.uncached and pairs.ready < len(pairs):
        rest = "the others follow when a batch first needs them"
        notes.append(f"{pairs.ready:,} of {len(pairs):,} {what} are decoded; {rest}.")
    return notes
