"""A training tried before it is launched: time, memory, and a learning rate that suits it."""

from __future__ import annotations

import math

import plotly.graph_objects as go
import streamlit as st

from pages.runs.settings import use_setting
from pages.shared.job_panel import job_panel, queue_jobs
from pages.shared.stores import jobs
from pages.shared.visitor import tells_viewer
from seg_core.config import Config
from seg_core.data.dataset import Dataset
from seg_core.errors import InputError
from seg_core.jobs.job import Request
from seg_core.jobs.requests import trial_request
from seg_core.jobs.results import result_folder
from seg_core.runs.estimate import about, seconds_at
from seg_core.training.trial_result import Trial

GREY = "#8a94a3"
"""Seen on light and dark."""


def try_panel(config: Config, dataset: Dataset, runs: int, key: str) -> None:
    """Offer to try a training for two seconds, and at rising learning rates; show what either found.

    Args:
        config: of the first of the runs that would be launched.
        dataset: theirs.
        runs: how many would be launched.
        key: of the form, which takes the suggested learning rate.
    """
    with st.expander("Try before launching", icon=":material/science:"):
        st.caption("Trains for some steps on this machine and keeps nothing but the decoded photographs.")
        if tells_viewer():
            return
        quick, thorough = (trial_request(config, dataset, rates=rates) for rates in (False, True))
        with st.container(horizontal=True):
            if st.button("Time and memory", icon=":material/timer:", help="Two seconds of steps.", key=f"try-{key}"):
                queue_jobs([quick])
            help = "Steps at rising rates, about a minute: the curve shows where the loss falls and where it diverges."
            if st.button("Find the learning rate", icon=":material/trending_down:", help=help, key=f"try-rates-{key}"):
                queue_jobs([thorough])
        with st.container():
            asked = {"Trial": quick, "Learning rates": thorough}
            job_panel({name: each for name, each in asked.items() if jobs().latest(each) and not result_folder(each)})
        found = {rates: _result(request) for rates, request in ((False, quick), (True, thorough))}
        if timed := found[False] or found[True]:
            _costs(timed, config, dataset, runs)
        if with_rates := found[True]:
            _rates(with_rates, config, key)


def _result(request: Request) -> Trial | None:
    folder = result_folder(request)
    try:
        return Trial.load(folder / "trial.json") if folder else None
    except InputError:
        return None


def _costs(trial: Trial, config: Config, dataset: Dataset, runs: int) -> None:
    seconds = runs * seconds_at(trial.images_per_second, config, len(dataset.trainable), dataset.counts["val"])
    several = f" for {runs} runs, one after the other" if runs > 1 else ""
    st.markdown(
        f"**{about(seconds).capitalize()}**{several}: {trial.images_per_second:.0f} photographs per second, "
        f"{trial.memory:.1f} GB of memory."
    )


def _rates(trial: Trial, config: Config, key: str) -> None:
    figure = go.Figure(go.Scatter(x=trial.rates, y=trial.losses, mode="lines", name="loss"))
    rate = trial.suggested
    marks = sorted((at, name) for at, name in ((config.learning_rate, "set"), (rate, "suggested")) if at is not None)
    for (at, name), side in zip(marks, ("right", "left"), strict=False):
        figure.add_vline(at, line={"dash": "dot", "color": GREY})
        where = {"x": math.log10(at), "y": 1, "yref": "paper", "yanchor": "bottom", "xanchor": side}  # of a logarithmic axis
        figure.add_annotation(text=name, showarrow=False, **where)
    figure.update_xaxes(type="log", dtick=1, title="learning rate", exponentformat="power")
    figure.update_yaxes(title="training loss, smoothed")
    figure.update_layout(height=260, margin={"l": 0, "r": 0, "t": 24, "b": 0}, showlegend=False)
    st.plotly_chart(figure, key=f"rates-{key}")
    if rate is None:
        st.info("The loss did not fall at any rate; look at the masks on Data, and at the other settings.")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{rate:g}** is a fifth of the first rate at which the loss is nearly as low as it gets.", width="content")
        if rate != config.learning_rate:
            st.button(f"Use {rate:g}", key=f"use-rate-{key}", on_click=use_setting, args=(key, "learning_rate", rate))
