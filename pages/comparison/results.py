"""The results of a comparison: scores, tests, charts and pictures at the threshold that is set."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages.comparison.charts import comparison_charts
from pages.comparison.choices import SPLIT_TITLES
from pages.comparison.compared import Compared, evaluations_of
from pages.comparison.downloads import download_scores
from pages.comparison.pictures import IMAGE, THRESHOLD, pictures
from pages.comparison.table import Table
from pages.shared.markdown import plain
from pages.shared.tables import pairing_table, score_table
from seg_core.data.dataset import ALL, SplitChoice
from seg_core.evaluation.comparison import Row, pairings, score_rows
from seg_core.evaluation.tables import PAIRING_NOTE


def forget_threshold() -> None:
    """Return to each model's own threshold when the page is opened again."""
    if "compare-models" not in st.session_state:
        st.session_state.pop(THRESHOLD, None)


@st.fragment
def results(models: Sequence[Compared], split: SplitChoice) -> None:
    """Show the evaluated models; a change of the threshold redraws this alone."""
    threshold: float | None = st.session_state.get(THRESHOLD)
    evaluated = [model for model in models if model.evaluation]
    table = Table.of(evaluated, threshold)
    at = "at each model's own threshold" if threshold is None else f"at threshold {threshold:.2f}"
    rows = score_rows(evaluations_of(evaluated), {model.label: model.cost for model in evaluated}, threshold)
    st.header("Scores")
    _scores(rows, at)
    where = SPLIT_TITLES[split.name].lower() + ("" if split.name == ALL else " split")
    download_scores(rows, f"{split.dataset.name}, {where}, {at}", evaluated, table)
    with st.container():
        _notes(evaluated)
        _differences(evaluated, threshold)
    st.header("Charts")
    comparison_charts(evaluated, threshold, IMAGE)
    st.header("Photographs")
    pictures(evaluated, table, threshold)
    _scores_of_photographs(evaluated, table)


def _scores(rows: Sequence[Row], at: str) -> None:
    st.html(score_table(rows))
    with st.container():
        for row in rows:
            if row.spread:
                st.markdown(plain(f"{row.label}: {row.spread.sentence}."))
    st.caption(
        f"Means over photographs with 95 % bootstrap intervals, {at}; for groups, intervals include variation between models. "
        "Thresholded IoU counts a photograph below 0.65 as 0; boundary IoU and HD95, the 95th percentile of the Hausdorff "
        "distance as a share of the diagonal, are known at each model's own threshold only. Best in bold."
    )


def _notes(models: Sequence[Compared]) -> None:
    evaluations = evaluations_of(models)
    for note in dict.fromkeys(note for evaluation in evaluations.values() for note in evaluation.notes):
        st.warning(plain(note))
    for label, evaluation in evaluations.items():
        if count := len(evaluation.missing):
            st.warning(plain(f"{label} has no mask for {count} of the photographs, which are left out of its scores."))


def _differences(models: Sequence[Compared], threshold: float | None) -> None:
    found = pairings(evaluations_of(models), threshold)
    if not found:
        return
    st.header("Which one is better?")
    for pairing in found:
        st.markdown(f"**{plain(pairing.sentence)}**")
    st.html(pairing_table(found))
    st.caption(PAIRING_NOTE)


def _scores_of_photographs(models: Sequence[Compared], table: Table) -> None:
    with st.expander("Scores of every photograph", icon=":material/table:"):
        columns = {"image": table.ids} | {
            f"{title} · {model.label}": table.scores[metric][:, place]
            for title, metric in (("IoU", "iou"), ("Dice", "dice"), ("Accuracy", "accuracy"))
            for place, model in enumerate(models)
        }
        st.dataframe(
            columns,
            hide_index=True,
            width="stretch",
            column_config={name: st.column_config.NumberColumn(format="%.4f") for name in list(columns)[1:]},
        )
