"""For whom the models of a report fail: their IoU by groups of photographs, one property at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from seg_core.data.dataset import Dataset
from seg_core.data.folders import Pair
from seg_core.evaluation.clusters import Clusters
from seg_core.evaluation.group import Scored
from seg_core.evaluation.properties import properties
from seg_core.evaluation.subgroups import compare_parts, too_small, worst_parts
from seg_core.evaluation.tables import part_rows


@dataclass(frozen=True)
class Property:
    """A property of the photographs, with a row of a table for each of its groups (`seg_core.evaluation.tables.part_rows`)."""

    title: str
    rows: list[tuple[str, list[tuple[str, str]]]]
    worst: list[str]
    """A sentence for each model on the group that it serves worst; or that none is."""
    serves_worse: bool
    """True if a group is shown to be served worse, by any of the models."""
    notes: list[str]


def subgroups(
    evaluations: Mapping[str, Scored],
    dataset: Dataset,
    pairs: Sequence[Pair],
    clusters: Clusters | None,
    on_progress: Callable[[int, int], None],
) -> list[Property]:
    """Return the properties by which the scored photographs fall into two groups or more.

    Args:
        evaluations: by label, on the photographs that all have.
        dataset: what the photographs are of.
        pairs: the photographs.
        clusters: of photographs that are not independent.
        on_progress: called with (done, total) photographs while they are measured.
    """
    found = []
    for partition in properties(evaluations, dataset, pairs, on_progress):
        scores = compare_parts(evaluations, partition, clusters=clusters)
        rows = part_rows(partition, scores)
        if len(rows) > 1:
            notes = [note for note in (partition.note, too_small(scores)) if note]
            serves_worse = any(score.is_worse for of_model in scores.values() for score in of_model)
            found.append(Property(partition.title, rows, worst_parts(scores), serves_worse, notes))
    return found
