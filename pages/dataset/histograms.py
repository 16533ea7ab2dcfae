"""Histograms of a dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from seg_core.common.colours import RUN_COLOURS

if TYPE_CHECKING:
    import plotly.graph_objects as go


def histogram(values: dict[str, np.ndarray], title: str, unit: str, bins: int = 24) -> None:
    """Show the distribution of some values, stacked by named group, each with its colour."""
    if not any(len(some) for some in values.values()):
        return
    every = np.concatenate(list(values.values()))
    edges = np.histogram_bin_edges(every, bins)
    st.plotly_chart(
        _figure({name: np.histogram(some, edges)[0] for name, some in values.items()}, edges, title, unit),
        width="stretch",
        config={"displayModeBar": False},
    )


def _figure(counts: dict[str, np.ndarray], edges: np.ndarray, title: str, unit: str) -> go.Figure:
    import plotly.graph_objects as go

    bars = [
        go.Bar(
            x=(edges[:-1] + edges[1:]) / 2,
            y=count,
            width=np.diff(edges),
            name=name,
            marker={"color": colour, "line": {"width": 0}},
            customdata=np.stack([edges[:-1], edges[1:]], axis=1),
            hovertemplate=f"%{{customdata[0]:.3g}} to %{{customdata[1]:.3g}} {unit}: %{{y}}<extra>{name}</extra>",
        )
        for colour, (name, count) in zip(RUN_COLOURS, counts.items(), strict=False)
    ]
    figure = go.Figure(bars)
    figure.update_layout(
        barmode="stack",
        height=260,
        margin={"l": 40, "r": 10, "t": 40, "b": 40},
        title={"text": title, "font": {"size": 14}},
        xaxis={"title": unit},
        yaxis={"title": "photographs"},
        legend={"orientation": "h", "x": 1, "xanchor": "right", "y": 1.15},
        showlegend=len(counts) > 1,
        bargap=0,
    )
    return figure
