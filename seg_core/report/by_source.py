"""A published model's scores by source: on the held-out photographs of those that trained it, and on those of others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from seg_core.data.dataset import Dataset, Split
from seg_core.data.folders import Pair
from seg_core.errors import InputError
from seg_core.evaluation.overlap import seen_in_training


@dataclass(frozen=True)
class SourcePart:
    """The photographs of a source that score a model."""

    source: str
    split: str
    """``validation``, ``test`` or ``all`` of its photographs."""
    pairs: Sequence[Pair]
    left_out: int = 0
    """Further photographs of the split, which trained the model."""
    is_own: bool = False
    """True for photographs of the dataset that trained the model."""


def own_parts(dataset: Dataset, split: Split) -> Iterator[SourcePart]:
    """Yield the validation and the test photographs of each source of the dataset that trained a model."""
    for name, listing in zip(dataset.source_names, dataset.listings, strict=True):
        own = set(listing.pairs)
        for title, pairs in {"validation": split.val, "test": split.test}.items():
            if of_source := [pair for pair in pairs if pair in own]:
                yield SourcePart(name, title, of_source, is_own=True)


def other_parts(
    trained: Sequence[Pair], others: Mapping[str, Dataset], on_progress: Callable[[int, int], None] | None = None
) -> list[SourcePart]:
    """Return the photographs of other datasets, by name, that did not train a model.

    Those are of the test split, of the validation split where there is no test split, and all where there is neither.

    Raises:
        InputError: if a photograph cannot be found, or none of a dataset is left.
    """
    parts = {name: _held_out(dataset) for name, dataset in others.items()}
    seen = seen_in_training(trained, [pair for _, pairs in parts.values() for pair in pairs], on_progress) if parts else set()
    found = []
    for name, (split, pairs) in parts.items():
        unseen = [pair for pair in pairs if pair not in seen]
        if not unseen:
            raise InputError(f"The photographs of {name} that would score the model have all trained it; leave {name} out.")
        found.append(SourcePart(name, split, unseen, len(pairs) - len(unseen)))
    return found


def _held_out(dataset: Dataset) -> tuple[str, list[Pair]]:
    for title, own in {"test": "test", "validation": "val"}.items():
        if pairs := [pair for pair in dataset.unique_pairs if pair.split == own]:
            return title, pairs
    return "all", dataset.unique_pairs
