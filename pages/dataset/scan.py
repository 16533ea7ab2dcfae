"""The scan of a dataset: a job that starts when the dataset is first opened; its result is kept until a file changes."""

from __future__ import annotations

import streamlit as st

from pages.dataset.view import View, open_view
from pages.shared.job_panel import started
from pages.shared.markdown import plain
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
    started(dataset.name, request, label="Scan the photographs", nobody="Nobody has scanned these photographs yet.")
    return None
