"""The properties by which photographs are divided into groups, to see for whom a model fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from seg_core.data.attributes import measure
from seg_core.data.columns import columns_of
from seg_core.data.dataset import Dataset
from seg_core.data.folders import Pair
from seg_core.data.partition import Partition
from seg_core.evaluation.group import Scored
from seg_core.evaluation.subgroups import by_lesion_size


def properties(
    evaluations: Mapping[str, Scored],
    dataset: Dataset,
    pairs: Sequence[Pair],
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Partition]:
    """Return the lesion's size, what is measured of the photographs now, and the columns of CSV files beside the dataset.

    Of properties with one title the first counts.

    Args:
        evaluations: of models, by label.
        dataset: what the photographs are of.
        pairs: the scored photographs, which are measured.
        on_progress: called with (done, total) photographs.
    """
    scored = {id for evaluation in evaluations.values() for id in evaluation.ids}
    measured = measure([pair for pair in pairs if pair.id in scored], on_progress).partitions()
    beside, _ = columns_of(dataset.sources, dataset.unique_pairs)
    found: dict[str, Partition] = {}
    for partition in (by_lesion_size(evaluations.values()), *measured, *beside):
        found.setdefault(partition.title, partition)
    return list(found.values())
