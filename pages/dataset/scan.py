"""The scan of a dataset: a job that starts when the dataset is first opened; its result is kept until a file changes."""

from __future__ import annotations

import streamlit as st

from pages.dataset.view import View, open_view
from pages.shared.job_panel import job_panel, queue_jobs
from pages.shared.markdown import plain
from pages.shared.stores import jobs
from pages.shared.visit import refresh
from pages.shared.visitor import VIEWERS_CHANGE_NOTHING, is_viewer
from seg_core.data.dataset import Dataset
from seg_core.data.scan.copies import keep_copies
from seg_core.errors import InputError
from seg_core.jobs.requests import scan_request
from seg_core.jobs.results import delete_result, result_folder


def scanned(dataset: Dataset) -> View | None:
    """Return the scanned dataset; while there is no result, show the progress of the scan and return None."""
    try:
        request = scan_request(dataset)
    except InputError as error:
        st.error(plain(str(error)))
        return None
    if folder := result_folder(request):
        try:
            view = open_view(dataset, folder)
            keep_copies(dataset, view.duplicates)  # of a scan that an older version made
            return view
        except InputError:  # damaged, or of another version
            delete_result(request)
    if is_viewer():
        if not job_panel({dataset.name: request}):
            st.info(f"Nobody has scanned these photographs yet. {VIEWERS_CHANGE_NOTHING}", icon=":material/visibility:")
        return None
    job = jobs().latest(request)
    if job is None or job.status == "finished":  # its result was deleted since
        queue_jobs([request])
    if not job_panel({dataset.name: request}) and st.button("Scan the photographs", icon=":material/search:", on_click=refresh):
        queue_jobs([request])
        st.rerun()
    return None
