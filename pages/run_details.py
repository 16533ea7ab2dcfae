"""One run in detail: where it stands, what can be done with it, its masks, its log."""

from __future__ import annotations

import html
from datetime import datetime
from pathlib import Path

import streamlit as st

from pages.api import store
from pages.run_actions import action_buttons, clone_link, edit_panel
from pages.text import duration, plain
from seg_core.errors import InputError
from seg_core.runs.run import Run

LOG_LINES = 40


def run_details(run_id: int) -> None:
    """Show a run, kept current while it is active."""
    try:
        run = store().get_run(run_id)
    except InputError as error:
        st.warning(plain(str(error)))
        return
    active = run.is_active
    st.fragment(_details, run_every=1 if active else None)(run_id, active)
    edit_panel(run)
    clone_link(run)


def _details(run_id: int, was_active: bool) -> None:
    store().mark_lost()
    try:
        run = store().get_run(run_id)
    except InputError as error:
        st.warning(plain(str(error)))
        return
    heading, buttons = st.columns([2, 3], vertical_alignment="bottom")
    heading.header(plain(run.label))
    with buttons:
        action_buttons(run)
    if run.message:
        {"failed": st.error, "lost": st.warning}.get(run.status, st.info)(plain(run.message))
    _figures(run)
    _log(run_id)
    if was_active and not run.is_active:
        st.rerun()  # ends the polling


def _figures(run: Run) -> None:
    last = store().epoch_metrics(run.id, run.epochs_done)["val"] if run.epochs_done else {}
    figures = {
        "Status": run.status if not run.is_running else f"{run.status}, {run.phase}",
        "Epoch": f"{run.epochs_done} of {run.config.epochs}",
        "Best IoU": "–" if run.best_iou is None else f"{run.best_iou:.3f} (epoch {run.best_epoch})",
        "Last Dice": f"{last['dice']:.3f}" if "dice" in last else "–",
        "Elapsed": duration(run.elapsed),
        "Time left": duration(run.eta_seconds) if run.eta_seconds is not None and run.is_active else "–",
        "Images per second": "–" if not run.images_per_second else f"{run.images_per_second:.1f}",
    }
    cells = "".join(f"<div><dt>{name}</dt><dd>{html.escape(value)}</dd></div>" for name, value in figures.items())
    st.html(f"<dl class='figures'>{cells}</dl>")
    c, data = run.config, plain(", ".join(Path(source).name for source in run.sources))
    st.caption(
        f"{c.label} · recipe {c.recipe} · decoder {c.decoder} · {c.image_size} px · batch {c.batch_size} · "
        f"{c.optimizer} at {c.learning_rate:g}, {c.schedule} · loss {c.loss} · seed {c.seed} · data {data}"
    )


def _log(run_id: int) -> None:
    lines = store().log_tail(run_id, LOG_LINES)
    with st.expander("Log", expanded=True, icon=":material/notes:"):
        if not lines:
            st.caption("Nothing yet.")
            return
        text = "\n".join(f"{datetime.fromtimestamp(line.time):%H:%M:%S}  {line.text}" for line in lines)
        st.html(f"<pre class='run-log' tabindex='0' aria-label='End of the log'>{html.escape(text)}</pre>")
