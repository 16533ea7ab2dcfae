"""Models beside the experts who outlined the photographs: the section of Compare, and what other sections show of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import streamlit as st

from pages.comparison.answer import show_answer
from pages.comparison.compared import Compared, evaluations_of
from pages.comparison.judging import Judging
from pages.shared.markdown import plain
from pages.shared.tables import Cell, TableRow, html_table
from seg_core.data.dataset import SplitChoice
from seg_core.errors import InputError
from seg_core.evaluation.columns import COLUMNS, IOU
from seg_core.evaluation.comparison import Row
from seg_core.evaluation.expert_tables import EXPERTS_NOTE, cells, experts_sheet, sentences, titles
from seg_core.evaluation.experts import CEILING, Agreements, BesideExperts, beside_experts, ceiling_row, symmetric
from seg_core.evaluation.sheets import Sheet
from seg_core.jobs.expert_results import load_agreements
from seg_core.jobs.job import Request
from seg_core.jobs.requests import experts_request
from seg_core.jobs.results import delete_result, result_folder


def missing_experts(split: SplitChoice) -> dict[str, Request]:
    """Return the request to compare the experts of a split that has no result yet, by what it does; none where there are none."""
    if all(len(pair.experts) < 2 for pair in split.pairs):
        return {}
    request = experts_request(split)
    return {} if result_folder(request) else {"Comparing the experts": request}


def outlined_by_several(split: SplitChoice) -> frozenset[str]:
    """Return the ids of the photographs that two experts or more outlined."""
    return frozenset(pair.id for pair in split.dataset.unique_pairs if len(pair.experts) > 1)


def kept_agreements(split: SplitChoice) -> Agreements | None:
    """Return how the experts of a split agree among each other, where that is kept."""
    if all(len(pair.experts) < 2 for pair in split.pairs):
        return None
    request = experts_request(split)
    folder = result_folder(request)
    try:
        return _agreements(folder) if folder else None
    except InputError:  # damaged: a new request replaces it
        delete_result(request)
        return None


@lru_cache(maxsize=16)
def _agreements(folder: Path) -> Agreements:
    return load_agreements(folder)  # the folder's name holds the key: other masks are another folder


@dataclass(frozen=True)
class OfExperts:
    """What a comparison shows of the experts of its photographs; nothing where there are none."""

    beside: BesideExperts | None = None
    row: Row | None = None
    """The experts among each other in every score, on the photographs of the models."""

    @property
    def rows(self) -> list[Row]:
        """What stands below the table of scores."""
        return [self.row] if self.row else []

    @property
    def sheets(self) -> list[Sheet]:
        """What can be downloaded."""
        return [experts_sheet(self.beside)] if self.beside else []

    @property
    def ceiling(self) -> float | None:
        """The mean IoU of the experts among each other."""
        return self.row.scores[IOU.name].mean if self.row else None


def of_experts(models: Sequence[Compared], split: SplitChoice, threshold: float | None, judging: Judging) -> OfExperts:
    """Compare evaluated models with the experts of a split, as far as these were compared with each other."""
    agreements = kept_agreements(split)
    if agreements is None:
        return OfExperts()
    truths, clusters = evaluations_of(models), judging.clusters
    beside = beside_experts(
        {model.label: model.beside for model in models if model.beside},
        agreements,
        truths,
        column=judging.column,
        margin=judging.margin,
        threshold=threshold,
        clusters=clusters,
    )
    images = frozenset.intersection(*(frozenset(each.ids) for each in truths.values()))
    return OfExperts(beside, ceiling_row(agreements, tuple(dict.fromkeys((*COLUMNS, judging.column))), images, clusters))


def show_experts(beside: BesideExperts | None, judging: Judging) -> None:
    """Show whether the models agree with the experts as well as these do with each other, and how far each agrees with each."""
    if beside is None:
        return
    st.subheader("Experts")
    if found := sentences(beside):
        show_answer(found, ": ")
    rows = [TableRow(label, [Cell(*each) for each in row], "apart" if label == CEILING else "") for label, row in cells(beside)]
    st.html(html_table(titles(beside), rows, f"{beside.column.title} of models and experts beside each expert"))
    others = (
        "Truth: of an expert, what the others agree on. " if any(not row.is_model and row.truth for row in beside.rows) else ""
    )
    instead = (
        f"{judging.column.title} depends on which of two masks is the truth. "
        if symmetric(judging.column) != judging.column
        else ""
    )
    st.caption(
        plain(f"{beside.column.title} beside each expert's masks, with 95 % bootstrap intervals. {others}{instead}").strip(),
        help=EXPERTS_NOTE,
    )
