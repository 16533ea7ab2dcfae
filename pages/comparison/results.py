"""The results of a comparison: scores, tests, charts and pictures at the threshold that is set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import streamlit as st

from pages.comparison.answer import show_answer
from pages.comparison.calibrating import calibrate_button
from pages.comparison.choices import SPLIT_TITLES
from pages.comparison.compared import Compared, evaluations_of, expected_iou_of, on_shared_photographs
from pages.comparison.downloads import download_tables
from pages.comparison.experts import of_experts, outlined_by_several, show_experts
from pages.comparison.judging import Judging, choose_judging
from pages.comparison.pictures import THRESHOLD, pictures
from pages.comparison.subgroups import groups_table, properties_of, subgroups
from pages.comparison.table import Table
from pages.dataset.beside import clusters_beside
from pages.live.components import comparison_charts
from pages.shared.markdown import plain
from pages.shared.tables import SCORE_MEANINGS, leaderboard_table, pairing_table, score_table
from seg_core.data.dataset import ALL, SplitChoice
from seg_core.evaluation.charts import comparison
from seg_core.evaluation.clusters import Clusters
from seg_core.evaluation.columns import COLUMNS
from seg_core.evaluation.comparison import Row, on_shared_images, score_rows, scored_on
from seg_core.evaluation.group import Scored
from seg_core.evaluation.leaderboard import Leaderboard, answers, leaderboard
from seg_core.evaluation.pairing import Pairing, pairings
from seg_core.evaluation.rank_charts import rank_charts
from seg_core.evaluation.sheets import leaderboard_sheet, pairing_sheet
from seg_core.evaluation.tables import PAIRING_NOTE, RANK_NOTE
from seg_core.evaluation.trust import bound_held

SCORE_NOTE = (
    "For groups, intervals include variation between models. Boundary IoU and HD95 are known at each model's own threshold only."
)
EXPERTS_BELOW = (
    "Models are scored by one truth of all experts, which is nearer to each of them than they are to each other; *Experts* below "
    "compares like with like."
)
MOST_LISTED = 6
"""Pairs of models that the table of differences lists: those of four models."""
TRUST_NOTE = (
    "With every mask a model says which IoU to expect, and a bound that 90 % of its masks reach. It learnt both on photographs "
    "that did not train it, and they hold for photographs like those. How far they hold for others is seen here."
)


def forget_threshold() -> None:
    """Return to each model's own threshold when the page is opened again."""
    if "compare-models" not in st.session_state:
        st.session_state.pop(THRESHOLD, None)


@st.fragment
def results(models: Sequence[Compared], split: SplitChoice) -> None:
    """Show the evaluated models, the answer first; a change of the threshold redraws this alone."""
    threshold: float | None = st.session_state.get(THRESHOLD)
    found = evaluations_of(models)
    evaluated = on_shared_photographs(models)
    table = Table.of(evaluated, threshold)
    beside = clusters_beside(split.dataset)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.header("Result")
        at_first = Judging(clusters=next(iter(beside.values()), None))
        judging = choose_judging(threshold, beside) if len(found) > 1 else at_first
    column, margin, clusters, note = judging
    with st.container():
        if note:
            st.caption(note)
    costs = {model.label: model.cost for model in evaluated}
    rows = score_rows(found, costs, threshold, (*COLUMNS, column), clusters)
    pairs = pairings(found, threshold, column, margin, clusters)
    experts = of_experts(evaluated, split, threshold, judging)
    board = leaderboard(found, threshold, column, margin, clusters) if len(found) > 2 else None
    _answer(rows, pairs, board, split)
    properties = properties_of(evaluated, split)
    with st.container():
        _notes(found, rows, clusters)
    with st.container():
        _ranks(board)
    st.html(score_table(rows, column, experts.rows))
    at = "at each model's own threshold" if threshold is None else f"at threshold {threshold:.2f}"
    truth = f" {EXPERTS_BELOW}" if experts.row else ""
    st.caption(f"Means over photographs with 95 % bootstrap intervals, {at}. Best in bold.{truth}", help=SCORE_NOTE)
    with st.container(horizontal=True):
        sheets = [*([leaderboard_sheet(board)] if board else []), *([pairing_sheet(pairs)] if pairs else []), *experts.sheets]
        groups = groups_table(evaluated, properties, threshold, clusters)
        every_score = partial(score_rows, found, costs, threshold, clusters=clusters)  # when it is downloaded
        download_tables(every_score, _where(found, split, at), evaluated, table, sheets, groups)
        with st.popover("What the columns mean", icon=":material/help:"):
            st.markdown("\n".join(f"- **{title}**: {meaning}" for title, meaning in SCORE_MEANINGS.items()))
        calibrate_button(models, split)
    with st.container():
        _differences(pairs, board)
    with st.container():
        show_experts(experts.beside, judging)
    only = subgroups(evaluated, properties, threshold, clusters)
    st.header("Charts")
    with st.container():  # always there, so that what follows keeps its state
        _trust(evaluated, split)
    colours = {model.label: model.colour for model in evaluated}
    of_scores = comparison(evaluations_of(evaluated), colours, threshold, experts.ceiling)
    comparison_charts([*(rank_charts(board) if board else []), *of_scores])
    st.header("Photographs")
    pictures(evaluated, table, threshold, only, outlined_by_several(split))
    _scores_of_photographs(evaluated, table)


def _answer(rows: Sequence[Row], pairs: Sequence[Pairing], board: Leaderboard | None, split: SplitChoice) -> None:
    which = "" if split.name == ALL else SPLIT_TITLES[split.name].lower()
    sentences = answers(pairs, board) or [row.answer(which) for row in rows]
    show_answer(sentences, ". ")


def _where(evaluations: Mapping[str, Scored], split: SplitChoice, at: str) -> str:
    """Return on which photographs the scores are, and at which threshold, for the files."""
    scored = scored_on(evaluations).removeprefix("Scored on ").removesuffix(".")
    where = SPLIT_TITLES[split.name].lower() + ("" if split.name == ALL else " split")
    return ", ".join(filter(None, [split.dataset.name, where, scored, at]))


def _notes(evaluations: Mapping[str, Scored], rows: Sequence[Row], clusters: Clusters | None) -> None:
    lacking = {label: len(evaluation.missing) for label, evaluation in evaluations.items() if evaluation.missing}
    without = [f"{label} has no mask for {count:,} of the photographs." for label, count in lacking.items()]
    if scored := " ".join([scored_on(evaluations), *without]).strip():
        st.info(plain(scored), icon=":material/filter_alt:")
    shared = on_shared_images(evaluations).values()
    together = dict.fromkeys(clusters.note(evaluation.ids) for evaluation in shared) if clusters else {}
    for note in filter(None, together):
        st.caption(plain(note))
    for note in dict.fromkeys(note for evaluation in evaluations.values() for note in evaluation.notes):
        st.warning(plain(note))
    for row in rows:
        for note in row.notes:
            st.markdown(plain(note))


def _ranks(board: Leaderboard | None) -> None:
    if board:
        st.html(leaderboard_table(board))
        st.caption(
            "Models share a rank unless one is shown to be better by the margin or more. Places are by mean, in 95 % of "
            "resamples of the photographs.",
            help=RANK_NOTE,
        )


def _differences(found: Sequence[Pairing], board: Leaderboard | None) -> None:
    if not found:
        return
    st.subheader(f"Differences in {found[0].column.title}")
    if board and len(found) > MOST_LISTED:
        st.caption(f"Beside the first model; all {len(found):,} pairs are in *Who is better* below, and in *Download*.")
        found = [pairing for pairing in found if pairing.first == found[0].first]
    st.html(pairing_table(found))
    st.caption("Statistically significant where p < 0.05 and the 95 % interval excludes 0.", help=PAIRING_NOTE)


def _trust(models: Sequence[Compared], split: SplitChoice) -> None:
    """Say how often the IoU reached the bound of what each model expects of its masks."""
    for model in models:
        if model.evaluation and (held := bound_held(model.evaluation, expected_iou_of(model, split))):
            st.markdown(plain(f"{model.label}: {held.sentence}."), help=TRUST_NOTE)


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
