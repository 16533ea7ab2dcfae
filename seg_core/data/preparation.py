"""From a dataset to what a training reads: checked, split, cached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.data import Dataset as TorchDataset

from seg_core.config import Config
from seg_core.data.cache import CachedPairs, cache_pairs
from seg_core.data.check import check_names, describe
from seg_core.data.dataset import Dataset
from seg_core.data.transforms import EvalPreset, TrainPreset
from seg_core.errors import InputError

Item = tuple[torch.Tensor, torch.Tensor, int]


class Items(TorchDataset[Item]):
    """Cached pairs, transformed: (photograph, mask, index)."""

    def __init__(self, pairs: CachedPairs, transform: TrainPreset | EvalPreset) -> None:
        self.pairs, self.transform = pairs, transform

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> Item:
        return *self.transform(*self.pairs[index]), index


@dataclass(frozen=True)
class PreparedData:
    """Training and validation pairs at network resolution, and lines for the log about what was found."""

    dataset: Dataset
    train: CachedPairs
    val: CachedPairs
    test_pairs: int
    val_is_own: bool
    notes: list[str]
    config: Config

    def items(self, pairs: CachedPairs, training: bool) -> Items:
        """Pairs as a torch dataset, augmented for training."""
        return Items(pairs, TrainPreset(self.config) if training else EvalPreset())

    def summary(self) -> dict[str, Any]:
        """What a checkpoint says of its data: no paths, they are the machine's own."""
        return {
            "name": self.dataset.name,
            "fingerprint": self.dataset.fingerprint,
            "train": len(self.train),
            "val": len(self.val),
            "test": self.test_pairs,
            "val_is_own": self.val_is_own,
        }


def prepare(dataset: Dataset, config: Config, on_progress: Callable[[int, int, str], None]) -> PreparedData:
    """Check and cache the pairs that a training reads. ``on_progress`` gets (done, total, what).

    Raises:
        InputError: if pairs have errors and the config does not say to skip them, or too few are left.
    """
    problems = check_names(dataset)
    notes = [problem.message for problem in problems if not problem.is_error]
    errors = [problem for problem in problems if problem.is_error]
    try:
        split = dataset.split(config.seed, config.val_fraction)
    except InputError as error:
        raise InputError(f"{error} {describe(errors)}".strip()) from None
    cached: list[CachedPairs] = []
    for what, pairs in (("training photographs", split.train), ("validation photographs", split.val)):
        cached.append(cache_pairs(pairs, config.image_size, lambda done, total, what=what: on_progress(done, total, what)))  # type: ignore[misc]
        errors += [problem for problem in cached[-1].problems if problem.is_error]
        notes += [problem.message for problem in cached[-1].problems if not problem.is_error]
        if cached[-1].images is None:
            notes.append(f"The {what} do not fit into the image cache and are decoded in every epoch; raise LESIONLAB_CACHE_GB.")
    if errors and not config.skip_problems:
        found = f"{len(errors)} of the pairs cannot be trained on: {describe(errors)}"
        raise InputError(f"{found} Mend them, or skip pairs with problems (--skip-problems).")
    notes += [f"Left out: {problem.message}" for problem in errors]
    train, val = (one.without({problem.file for problem in errors}) for one in cached)
    if not len(train) or not len(val):
        raise InputError(f"{dataset.name} has no usable pairs left to train or to validate with: {describe(errors)}")
    return PreparedData(dataset, train, val, len(split.test), split.val_is_own, notes, config)
