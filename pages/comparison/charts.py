"""Charts of the Compare page; a click on a photograph's point opens it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from pages.comparison.compared import Compared, evaluations_of
from pages.shared.markdown import plain
from seg_core.evaluation.charts import Chart, comparison

CLICK = 'Click a point to see its photograph large, below; without a mouse, choose it in "Only these photographs".'


def comparison_charts(models: Sequence[Compared], threshold: float | None, state: str) -> None:
    """Show all charts, in tabs; a click on a photograph's point stores its id in the session as ``state``."""
    charts = comparison(evaluations_of(models), {model.label: model.colour for model in models}, threshold)
    for tab, chart in zip(st.tabs([chart.title for chart in charts]), charts, strict=True):
        with tab:
            if chart.of_images:
                _clickable(chart, state)
            else:
                st.plotly_chart(chart.figure, width="stretch", config=_config(chart))
            st.caption(plain(f"{chart.caption} {CLICK if chart.of_images else ''}"))


def _clickable(chart: Chart, state: str) -> None:
    clicks = f"clicks-{chart.title}"
    # A second click on the same point has no event, and other points stay dim: each click makes a new chart.
    key = f"compare-chart-{chart.title}-{st.session_state.get(clicks, 0)}"

    def choose() -> None:
        if points := st.session_state[key].selection.points:
            st.session_state[state] = _id_of(points[0]["customdata"])
            st.session_state[clicks] = st.session_state.get(clicks, 0) + 1

    figure = {**chart.figure, "layout": {**chart.figure["layout"], "dragmode": False, "clickmode": "event+select"}}
    st.plotly_chart(figure, width="stretch", config=_config(chart), key=key, on_select=choose, selection_mode="points")


def _config(chart: Chart) -> dict[str, Any]:
    """Return plotly's settings: a single button, which saves the chart as SVG."""
    name = f"lesionlab-{chart.title.lower().replace(' ', '-')}"
    image = {"format": "svg", "filename": name}
    return {"displayModeBar": True, "displaylogo": False, "modeBarButtons": [["toImage"]], "toImageButtonOptions": image}


def _id_of(customdata: object) -> str:
    return str(customdata[0] if isinstance(customdata, list) else customdata)
