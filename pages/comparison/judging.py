"""What a comparison is judged by: one of the scores, and the difference in it that counts as none."""

from __future__ import annotations

from typing import NamedTuple

import streamlit as st

from seg_core.evaluation.columns import ALL_COLUMNS, IOU, MARGIN, Column
from seg_core.evaluation.result import MASK_METRICS

ADDRESS = ("score", "margin")
"""Their names in the address, which has them where they are not the usual ones."""


class Judging(NamedTuple):
    """A score, and the difference in it that counts as none."""

    column: Column = IOU
    margin: float = MARGIN


def choose_judging(threshold: float | None) -> Judging:
    """Let the visitor choose the score that decides, one that is known at the threshold of all, and the margin."""
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
    chosen = Judging(column, round(float(margin), 6))
    _remember(chosen)
    return chosen


def _linked_margin(column: Column, smallest: float) -> float:
    try:
        linked = float(st.query_params.get("margin", column.margin))
    except ValueError:
        return column.margin
    return linked if smallest <= linked <= column.largest_margin else column.margin


def _remember(chosen: Judging) -> None:
    """Make the address one that opens the same view."""
    usual = (IOU.name, f"{chosen.column.margin:g}")
    for name, value, at_first in zip(ADDRESS, (chosen.column.name, f"{chosen.margin:g}"), usual, strict=True):
        if value == at_first:
            st.query_params.pop(name, None)
        elif st.query_params.get(name) != value:
            st.query_params[name] = value
