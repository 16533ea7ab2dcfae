"""What a comparison is judged by: a score, the difference in it that counts as none, and which photographs count together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import streamlit as st

from seg_core.evaluation.clusters import ALONE, Clusters
from seg_core.evaluation.columns import ALL_COLUMNS, IOU, MARGIN, Column
from seg_core.evaluation.result import MASK_METRICS

ADDRESS = ("score", "margin", "together")
"""Their names in the address, which has them where they are not the usual ones."""


class Judging(NamedTuple):
    """A score, the difference in it that counts as none, and the clusters of photographs that count together."""

    column: Column = IOU
    margin: float = MARGIN
    clusters: Clusters | None = None
    note: str = ""
    """Why another score decides than the one that was chosen; empty where it does."""


def choose_judging(threshold: float | None, clusters: Mapping[str, Clusters]) -> Judging:
    """Let the visitor choose the score that decides, one that is known at the threshold of all, the margin, and the clusters.

    Without a choice the first of the clusters count.
    """
    known = [column for column in ALL_COLUMNS if threshold is None or column.name not in MASK_METRICS]
    columns = {column.name: column for column in known}
    with st.popover("What decides", icon=":material/balance:"):
        linked = st.query_params.get("score", "")
        name = st.selectbox(
            "Score that decides",
            list(columns),
            list(columns).index(linked) if linked in columns else 0,
            format_func=lambda name: columns[name].title,
            help="The verdict, the ranks and the differences are by this score.",
            key=f"compare-score-{len(columns)}",
        )
        column = columns[name]
        in_pixels = column.unit == "px"
        smallest = 0.1 if in_pixels else 0.001
        margin = st.number_input(
            f"As good within{' (pixels)' if in_pixels else ''}",
            min_value=smallest,
            max_value=column.largest_margin,
            value=_linked_margin(column, smallest),
            step=0.5 if in_pixels else 0.005,
            format="%.1f" if in_pixels else "%.3f",
            help="The difference in this score that counts as none. Two models are as good as each other if neither is worse by "
            "that much: by the 95 % interval and by the Wilcoxon test.",
            key=f"compare-margin-{'pixels' if in_pixels else 'shares'}",
        )
        st.caption(column.meaning)
        together = _choose_clusters(clusters) if clusters else ALONE
    chosen = {
        "score": (column.name, IOU.name),
        "margin": (f"{round(float(margin), 6):g}", f"{column.margin:g}"),
        "together": (together, next(iter(clusters), ALONE)),
    }
    waiting = next((other for other in ALL_COLUMNS if other.name == linked and other not in known), None)
    if waiting and column == IOU:  # the address keeps it until each model has its own threshold again
        note = f"{waiting.title} is known at each model's own threshold only, so IoU decides at {threshold:.2f}."
        _remember({"together": chosen["together"]})
        return Judging(column, round(float(margin), 6), clusters.get(together), note)
    _remember(chosen)
    return Judging(column, round(float(margin), 6), clusters.get(together))


def _choose_clusters(clusters: Mapping[str, Clusters]) -> str:
    names, linked = [*clusters, ALONE], st.query_params.get("together", "")
    return st.selectbox(
        "Count as one",
        names,
        names.index(linked) if linked in names else 0,
        format_func=lambda name: f"{clusters[name].many} ({name})" if name in clusters else "each photograph by itself",
        help="Photographs of one lesion or patient are alike: one by one they would promise more certainty than there is. Means "
        "stay over photographs; intervals draw whole lesions or patients, and tests count each once.",
        key=f"compare-together-{'-'.join(names)}",
    )


def _linked_margin(column: Column, smallest: float) -> float:
    try:
        linked = float(st.query_params.get("margin", column.margin))
    except ValueError:
        return column.margin
    return linked if smallest <= linked <= column.largest_margin else column.margin


def _remember(choices: Mapping[str, tuple[str, str]]) -> None:
    """Make the address one that opens the same view; each choice comes with what it is at first, which needs no mention."""
    for name, (value, at_first) in choices.items():
        if value == at_first:
            st.query_params.pop(name, None)
        elif st.query_params.get(name) != value:
            st.query_params[name] = value
