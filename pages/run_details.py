"""One run in detail: where it stands, what can be done with it, its masks, its log."""

from __future__ import annotations

import html
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import streamlit as st

from pages.api import store
from pages.text import duration, plain
from seg_core.errors import InputError
from seg_core.runs.masks import mask_epochs, mask_file, mask_photos
from seg_core.runs.run import Run

LOG_LINES = 40


def run_details(run_id: int) -> None:
    """Show a run, kept current while it is active."""
    try:
        active = store().get_run(run_id).is_active
    except InputError as error:
        st.warning(plain(str(error)))
        return
    st.fragment(_details, run_every=1 if active else None)(run_id, active)


def _details(run_id: int, was_active: bool) -> None:
    store().mark_lost()
    try:
        run = store().get_run(run_id)
    except InputError as error:
        st.warning(plain(str(error)))
        return
    heading, buttons = st.columns([3, 2], vertical_alignment="bottom")
    heading.subheader(plain(run.label))
    with buttons:
        _buttons(run)
    if run.message:
        {"failed": st.error, "lost": st.warning}.get(run.status, st.info)(plain(run.message))
    _figures(run)
    _masks(run)
    _log(run_id)
    if was_active and not run.is_active:
        st.rerun()  # ends the polling


def _buttons(run: Run) -> None:
    with st.container(horizontal=True, horizontal_alignment="right"):
        if run.is_active:
            label = "Stopping…" if run.status == "stopping" else "Take out of the queue" if run.status == "queued" else "Stop"
            if st.button(
                label,
                icon=":material/stop_circle:",
                disabled=not run.can_stop,
                key=f"stop-{run.id}",
                help="The model so far is kept.",
            ):
                _do(store().request_stop, run.id)
        if run.can_resume and st.button(
            "Resume", icon=":material/play_circle:", key=f"resume-{run.id}", help="Go on at the epoch that was interrupted."
        ):
            _do(store().requeue, run.id)
        if run.can_delete and st.button("Delete", icon=":material/delete:", key=f"delete-{run.id}"):
            _confirm_delete(run)


def _do(action: Callable[[int], Run], run_id: int) -> None:
    try:
        action(run_id)
    except InputError as error:  # the run ended, or was deleted, since the button was drawn
        st.toast(plain(str(error)), icon=":material/error:")
    st.rerun()


@st.dialog("Delete this run?")
def _confirm_delete(run: Run) -> None:
    st.write(f"**{plain(run.label)}** goes with its model, its masks and its log. This cannot be undone.")
    yes, no = st.columns(2)
    if yes.button("Delete", type="primary", width="stretch"):
        try:
            freed = store().delete(run.id)
        except InputError as error:  # it was resumed or deleted in another window, or its folder is locked
            st.error(plain(str(error)))
            return
        st.session_state["flash"] = f"{run.label} is deleted; {freed / 1e6:.1f} MB freed."
        st.query_params.clear()
        st.rerun()
    if no.button("Keep", width="stretch"):
        st.rerun()


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


def _masks(run: Run) -> None:
    folder = store().folder(run.id)
    epochs = mask_epochs(folder)
    if not epochs:
        return
    epoch, base = epochs[-1], f"/api/runs/{run.id}/masks"
    st.markdown(f"**Masks of the same validation photographs after epoch {epoch}**")
    cells = "".join(
        f"<figure><img src='{base}/{photo.name}' alt='Validation photograph {number}'>"
        f"<img src='{base}/truth-{number}.png' alt='Its true mask'>"
        f"<img src='{base}/{mask_file(folder, epoch, number).name}' alt='The predicted probability'></figure>"
        for number, photo in enumerate(mask_photos(folder), start=1)
    )
    st.html(f"<div class='sample-masks'>{cells}</div>")
    st.caption("Each: photograph, truth, predicted probability (white: lesion).")


def _log(run_id: int) -> None:
    lines = store().log_tail(run_id, LOG_LINES)
    with st.expander("Log", expanded=True, icon=":material/notes:"):
        if not lines:
            st.caption("Nothing yet.")
            return
        text = "\n".join(f"{datetime.fromtimestamp(line.time):%H:%M:%S}  {line.text}" for line in lines)
        st.html(f"<pre class='run-log' tabindex='0' aria-label='End of the log'>{html.escape(text)}</pre>")
