"""What is known of a dataset: asked for in the background when it is opened first, and kept until a file changes."""

from __future__ import annotations

import streamlit as st

from pages.dataset.view import View, open_view
from pages.shared.job_panel import ask, job_panel
from pages.shared.markdown import plain
from pages.shared.stores import jobs
from seg_core.data.dataset import Dataset
from seg_core.errors import InputError
from seg_core.jobs.requests import scan_request
from seg_core.jobs.results import forget, result_folder


def scanned(dataset: Dataset) -> View | None:
    """What a survey saw of the dataset; while that is not known, how far it is, and None."""
    try:
        request = scan_request(dataset)
    except InputError as error:
        st.error(plain(str(error)))
        return None
    if folder := result_folder(request):
        try:
            return open_view(dataset, folder)
        except InputError:  # damaged, or of another version
            forget(request)
    job = jobs().latest(request)
    if job is None or job.status == "finished":  # its result has gone since
        ask([request])
    if not job_panel({dataset.name: request}) and st.button("Look at the photographs", icon=":material/search:"):
        ask([request])
        st.rerun()
    return None
