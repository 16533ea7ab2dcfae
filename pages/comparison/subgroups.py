"""For whom a model fails: IoU by groups of photographs, one property at a time, each group with its pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import streamlit as st

from pages.comparison.compared import Compared, evaluations_of
from pages.dataset.beside import columns_beside
from pages.shared.job_panel import started
from pages.shared.markdown import plain
from pages.shared.tables import Cell, TableRow, html_table
from seg_core.common.text import counted
from seg_core.data.attributes import TITLES, Attributes
from seg_core.data.dataset import Dataset, SplitChoice
from seg_core.data.partition import Partition
from seg_core.errors import InputError
from seg_core.evaluation.clusters import Clusters
from seg_core.evaluation.group import Scored
from seg_core.evaluation.sheets import Sheet, groups_sheet
from seg_core.evaluation.subgroups import PartScore, by_lesion_size, compare_parts, too_small, worst_parts
from seg_core.evaluation.tables import PART_LEGEND, PART_NOTE, part_rows
from seg_core.jobs.requests import attributes_request
from seg_core.jobs.results import delete_result, result_folder


@dataclass(frozen=True)
class Properties:
    """The partitions of a dataset's photographs by the title of their property, in order; None before they are measured."""

    dataset: Dataset
    partitions: Mapping[str, Partition | None]
    problems: Sequence[str]
    """Why files beside the dataset cannot be read."""

    @property
    def known(self) -> list[Partition]:
        """The partitions that are there."""
        return [partition for partition in self.partitions.values() if partition]


def subgroups(
    models: Sequence[Compared], properties: Properties, threshold: float | None, clusters: Clusters | None = None
) -> frozenset[str] | None:
    """Show the IoU by groups of one property; return the ids of the group that the visitor chose, None without one.

    Args:
        models: the evaluated ones, on the photographs that all have.
        properties: `properties_of` these.
        threshold: of all; if None, each one's own.
        clusters: of photographs that are not independent.
    """
    evaluations = evaluations_of(models)
    st.subheader("For whom it fails")
    title = st.selectbox("Groups by", list(properties.partitions), key="compare-groups-by")
    partition = properties.partitions[title]
    with st.container():  # always there, so that what follows keeps its state
        for problem in properties.problems:
            st.caption(plain(problem))
        if partition is None:
            _measure(properties.dataset)
            return None
        found = compare_parts(evaluations, partition, threshold, clusters)
        return _show(partition, found, _left_out(partition, evaluations.values()))


def groups_table(
    models: Sequence[Compared], properties: Properties, threshold: float | None, clusters: Clusters | None = None
) -> Callable[[], Sheet]:
    """Return what makes the table of all groups whose property is known, when it is downloaded."""
    return partial(groups_sheet, evaluations_of(models), properties.known, threshold, clusters)


def properties_of(models: Sequence[Compared], split: SplitChoice) -> Properties:
    """Return the properties by which the photographs of a split can be divided: lesion size, what is measured, columns."""
    size = by_lesion_size(evaluations_of(models).values())
    found: dict[str, Partition | None] = {size.title: size, **dict.fromkeys(TITLES)}
    found |= {partition.title: partition for partition in _measured(split.dataset)}
    columns, problems = columns_beside(split.dataset)
    for partition in columns:
        found.setdefault(partition.title, partition)
    return Properties(split.dataset, found, problems)


def _measured(dataset: Dataset) -> list[Partition]:
    """Return the partitions that need pixels; none where the photographs are not measured yet."""
    try:
        request = attributes_request(dataset)
        if folder := result_folder(request):
            try:
                return _attributes(folder / "attributes.npz")
            except InputError:  # damaged: a new request replaces it
                delete_result(request)
    except InputError:  # a file is gone; `_measure` says so
        pass
    return []


@lru_cache(maxsize=8)  # the folder's name holds the key: other photographs are another file
def _attributes(file: Path) -> list[Partition]:
    return Attributes.load(file).partitions()


def _measure(dataset: Dataset) -> None:
    try:
        request = attributes_request(dataset)
    except InputError as error:
        st.error(plain(str(error)))
        return
    st.caption("The photographs are measured once, in the background.")
    nobody = "Nobody has measured these photographs yet."
    started(f"{dataset.name}, measured", request, label="Measure the photographs", nobody=nobody)


def _left_out(partition: Partition, evaluations: Iterable[Scored]) -> int:
    """Return how many photographs are in no group, as the property is unknown of them."""
    return len({id for evaluation in evaluations for id in evaluation.ids if id not in partition.part_of})


def _show(partition: Partition, found: Mapping[str, Sequence[PartScore]], left_out: int) -> frozenset[str] | None:
    scores = {score.part.name: score for of_model in found.values() for score in of_model}
    if not scores:
        st.info(plain(f"{partition.title}: not known of any of these photographs. {partition.note}"))
        return None
    if len(scores) == 1:
        st.markdown(plain(f"All of these photographs are in one group, {next(iter(scores))}; there is nothing to compare."))
    else:
        for sentence in worst_parts(found):
            st.markdown(f"**{plain(sentence)}**")
    st.html(_table(partition, found))
    unknown = f"{counted(left_out, 'photograph')} {'is' if left_out == 1 else 'are'} in no group. " if left_out else ""
    st.caption(plain(f"{partition.note} {unknown}{PART_LEGEND}"), help=PART_NOTE)
    if len(scores) > 1 and (warning := too_small(found)):
        st.warning(plain(warning))
    return _choose(partition, list(scores))


def _table(partition: Partition, found: Mapping[str, Sequence[PartScore]]) -> str:
    rows = [TableRow(name, [Cell(*cell) for cell in cells]) for name, cells in part_rows(partition, found)]
    return html_table(["Photographs", *found], rows, f"IoU by {partition.title[:1].lower()}{partition.title[1:]}")


def _choose(partition: Partition, names: Sequence[str]) -> frozenset[str] | None:
    """Let the visitor choose a group whose pictures are shown."""
    chosen = st.pills(
        "Show only the photographs of",
        names,
        format_func=plain,
        key=f"compare-group-{partition.title}",
    )
    if chosen is None:
        return None
    place = [part.name for part in partition.parts].index(chosen)
    ids = frozenset(id for id, of in partition.part_of.items() if of == place)
    st.markdown(f"[The pictures below](#photographs) are those of this group; click {plain(chosen)} again for all.")
    return ids
