"""Downloads of a run."""

from __future__ import annotations

import streamlit as st

from pages.shared.downloads import made_file
from pages.shared.markdown import plain
from pages.shared.stores import store
from seg_core.errors import InputError
from seg_core.jobs.requests import card_request
from seg_core.runs.metrics_csv import metrics_csv
from seg_core.runs.run import Run


def run_downloads(run: Run) -> None:
    """Offer the metrics of a run as CSV, and its best model with a model card."""
    if not run.epochs_done:
        return
    with st.expander("Export", icon=":material/download:"):

        def metrics() -> str:
            return metrics_csv(store().history.metrics(run.id))

        st.download_button("Metrics of every epoch (CSV)", metrics, f"run-{run.id}-metrics.csv", "text/csv", on_click="ignore")
        if run.is_active or not run.best_epoch:
            return
        try:
            request = card_request(run, store())
        except InputError as error:
            st.caption(plain(str(error)))
            return
        made_file(request, "model.zip", "Model with model card", f"run-{run.id}-model.zip", again=True)
        st.caption("The best model in fp16, with a model card in Markdown: training, scores and robustness.")
