"""What a comparison is judged by: one of the scores, and the difference in it that counts as none."""

from __future__ import annotations

from typing import NamedTuple

import streamlit as st

from seg_core.evaluation.columns import COLUMNS, IOU, Column
from seg_core.evaluation.improvement import LARGEST_MARGIN, MARGIN
from seg_core.evaluation.result import METRICS

ADDRESS = ("score", "margin")
"""Their names in the address, which has them where they are not the usual ones."""


class Judging(NamedTuple):
    """A score, and the difference in it that counts as none."""

    column: Column = IOU
    margin: float = MARGIN


def choose_judging(threshold: float | None) -> Judging:
    """Let the visitor choose the score that decides, one that is known at the threshold of all, and the margin."""
    columns = {column.name: column for column in COLUMNS if threshold is None or column.name in METRICS}
    with st.popover("What decides", icon=":material/balance:"):
        linked = st.query_params.get("score", "")
        name = st.selectbox(
            "Score that decides",
            list(columns),
            list(columns).index(linked) if linked in columns else 0,
            format_func=lambda name: columns[name].title,
            help="Every score is in the table; the verdict, the ranks and the differences are by this one.",
            key=f"compare-score-{len(columns)}",
        )
        margin = st.number_input(
            "As good within",
            min_value=0.001,
            max_value=LARGEST_MARGIN,
            value=_linked_margin(),
            step=0.005,
            format="%.3f",
            help="The difference in this score that counts as none. Two models are as good as each other if neither is worse by "
            "that much: by the 95 % interval and by the Wilcoxon test.",
            key="compare-margin",
        )
    chosen = Judging(columns[name], round(float(margin), 6))
    _remember(chosen)
    return chosen


def _linked_margin() -> float:
    try:
        linked = float(st.query_params.get("margin", MARGIN))
    except ValueError:
        return MARGIN
    return linked if 0.001 <= linked <= LARGEST_MARGIN else MARGIN


def _remember(chosen: Judging) -> None:
    """Make the address one that opens the same view."""
    said = zip(ADDRESS, (chosen.column.name, f"{chosen.margin:g}"), (IOU.name, f"{MARGIN:g}"), strict=True)
    for name, value, usual in said:
        if value == usual:
            st.query_params.pop(name, None)
        elif st.query_params.get(name) != value:
            st.query_params[name] = value
