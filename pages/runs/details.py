"""One run in detail: status, actions, settings, log, downloads."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages.live.components import run_facts, run_log
from pages.runs.actions import action_buttons, clone_link, edit_panel, predict_link
from pages.runs.downloads import run_downloads
from pages.shared.markdown import plain
from pages.shared.stores import store
from seg_core.data.source import Source
from seg_core.errors import InputError
from seg_core.runs.run import Run

LOG_LINES = 40


def run_details(run_id: int, others: Sequence[Run] = ()) -> None:
    """Show a run, kept current while it is active; the page is redrawn when its status or that of one of ``others`` changes."""
    try:
        run = store().get_run(run_id)
    except InputError as error:
        st.warning(plain(str(error)))
        return
    heading, buttons = st.columns([2, 3], vertical_alignment="bottom")
    heading.header(plain(run.label))
    with buttons:
        action_buttons(run)
    with st.container():
        if run.message and not run.is_active:
            {"failed": st.error, "lost": st.warning}.get(run.status, st.info)(plain(run.message))
        if run.best_epoch:
            predict_link(run)
    # Not in a fragment: one that is redrawn just when its visitor leaves the page breaks the next page.
    run_facts(run, others)
    st.caption(_settings(run))
    with st.expander("Log", expanded=True, icon=":material/notes:"):
        run_log(run_id, LOG_LINES)
    with st.container():
        run_downloads(run)
    edit_panel(run)
    clone_link(run)


def _settings(run: Run) -> str:
    c, data = run.config, plain(", ".join(Source.parse(source).name for source in run.sources))
    encoder = f" (encoder: {c.encoder_rate:g} of it)" if c.variant == "fine-tune" and c.encoder_rate != 1 else ""
    averaged = f", averaged from epoch {c.averaged_from}" if c.averages else ""
    return (
        f"{c.label} · recipe {c.recipe} · decoder {c.decoder} · {c.image_size} px · batch {c.batch_size} · "
        f"{c.optimizer} at {c.learning_rate:g}{encoder}, {c.schedule}{averaged} · loss {c.loss} · seed {c.seed}"
        + (f", fold {c.fold} of {c.folds}" if c.folds > 1 else "")
        + f" · data {data}"
    )
