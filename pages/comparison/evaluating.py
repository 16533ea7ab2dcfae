"""The panel that starts the missing evaluations and shows their progress."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages.comparison.compared import Compared
from pages.comparison.experts import missing_experts
from pages.shared.job_panel import job_panel, queue_jobs
from pages.shared.visit import refresh
from pages.shared.visitor import is_viewer, tells_viewer
from seg_core.data.dataset import SplitChoice
from seg_core.jobs.job import Request
from seg_core.jobs.requests import scan_request
from seg_core.jobs.results import result_folder


def evaluate_panel(models: Sequence[Compared], split: SplitChoice, *, same_split: bool) -> None:
    """Show a button for the missing evaluations, or how far they are; nothing if none is missing.

    ``same_split`` says that all models are scored on the photographs of ``split``, whose number is then shown.
    """
    missing = missing_evaluations(models)
    experts = missing_experts(split)
    if not (missing or experts):
        return
    scan = scan_request(split.dataset)  # it finds photographs of the same lesion
    requests = {**({} if result_folder(scan) else {"Looking for duplicates": scan}), **missing, **experts}
    if job_panel(requests):
        return
    count = f"{len(missing)} model{'s' if len(missing) > 1 else ''}"
    where = f" on {len(split.pairs):,} photographs" if same_split else ""
    label = f"Evaluate {count}{where}" if missing else f"Compare {len(split.dataset.experts)} experts{where}"
    if st.button(label, type="primary", icon=":material/play_arrow:", key="evaluate", on_click=refresh, disabled=is_viewer()):
        queue_jobs(list(requests.values()))
        st.rerun()
    if not tells_viewer():
        st.caption("Evaluations run in the background, and are kept.")


def missing_evaluations(models: Sequence[Compared]) -> dict[str, Request]:
    """Return the requests that have no result yet, by the label of the model, numbered where there are several."""
    return {
        model.label + (f", {number} of {len(model.missing)}" if len(model.missing) > 1 else ""): request
        for model in models
        for number, request in enumerate(model.missing, start=1)
    }
