"""What of a run or a comparison can be taken away as a file; what takes longer is made in the background."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from pages.comparison import Compared
from pages.job_panel import ask, job_panel
from pages.models import slug
from pages.stores import store
from pages.text import plain
from seg_core.errors import InputError
from seg_core.jobs.job import Request
from seg_core.jobs.requests import card_request, masks_request
from seg_core.jobs.results import forget, result_folder
from seg_core.runs.metrics_csv import metrics_csv
from seg_core.runs.run import Run

AGAIN = "It stays as it was made when photographs or masks are changed; this scores them anew."


def take_run_away(run: Run) -> None:
    """The metrics of a run as CSV, and its best model with a card."""
    if not run.epochs_done:
        return
    with st.expander("Take away", icon=":material/download:"):

        def metrics() -> str:
            return metrics_csv(store().metrics(run.id))

        st.download_button("Metrics of every epoch (CSV)", metrics, f"run-{run.id}-metrics.csv", "text/csv", on_click="ignore")
        if run.is_active or not run.best_epoch:
            return
        try:
            request = card_request(run, store())
        except InputError as error:
            st.caption(plain(str(error)))
            return
        made_file(request, "model.zip", "Model with its card", f"run-{run.id}-model.zip", again=True)
        st.caption("The best model in fp16, with a card in Markdown: how it was made, what it scores, how robust it is.")


def take_masks_away(models: Sequence[Compared]) -> None:
    """The masks of a split by each checkpoint of a comparison."""
    checkpoints = {
        model.label + (f", {place} of {len(model.requests)}" if len(model.requests) > 1 else ""): request
        for model in models
        if model.evaluation
        for place, request in enumerate(model.requests, start=1)
        if not Path(request.arguments["model"]).is_dir()
    }
    if not checkpoints:
        return
    with st.expander("Masks of all photographs", icon=":material/folder_zip:"):
        st.caption("PNG files of 0 and 255, each as large as its photograph, at the model's own threshold.")
        for label, request in checkpoints.items():
            made_file(masks_request(request), "masks.zip", label, f"masks-{slug(label)}.zip")


def made_file(request: Request, name: str, label: str, called: str, *, again: bool = False) -> None:
    """A button to download a file that a job makes; until it is there, one that asks for it.

    With ``again`` there is a button too that makes it anew, for a request whose key does not hold all files that it looks at.
    """
    if folder := result_folder(request):
        # Read when it is asked for: it may have megabytes.
        content = (folder / name).read_bytes
        text = f"Download: {plain(label)}"
        key = f"download-{called}-{label}"
        with st.container(horizontal=True):
            st.download_button(text, content, called, icon=":material/download:", on_click="ignore", key=key)
            if again and st.button("Make again", icon=":material/refresh:", help=AGAIN, key=f"again-{called}-{label}"):
                forget(request)
                ask([request])
                st.rerun()
        return
    text, key = f"Make: {plain(label)}", f"make-{called}-{label}"
    if not job_panel({label: request}) and st.button(text, icon=":material/play_arrow:", key=key):
        ask([request])
        st.rerun()
