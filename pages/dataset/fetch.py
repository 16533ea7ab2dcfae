"""The panel that downloads the official ISIC 2016 data."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages.shared.job_panel import job_panel, queue_jobs
from pages.shared.markdown import plain
from pages.shared.stores import jobs
from pages.shared.visitor import is_viewer
from seg_core.errors import InputError
from seg_core.jobs.requests import fetch_request


def fetch_panel() -> None:
    """Let the visitor download the official data into a folder, and then open them."""
    if is_viewer():
        return
    with st.expander("Get the official ISIC 2016 data", icon=":material/cloud_download:"):
        st.write(
            "The four archives of the challenge: 900 pairs for training and 379 for testing, less than 1 GB in all. Only this "
            "request leaves the machine, and only when you ask for it; an interrupted download resumes where it stopped."
        )
        folder = st.text_input("Folder for the data", str(Path("~/lesionlab-data/ISIC2016").expanduser()), key="fetch-folder")
        try:
            request = fetch_request(folder)
        except InputError as error:
            st.error(plain(str(error)))
            return
        if job_panel({"Official data": request}):
            return
        job = jobs().latest(request)
        if job is not None and job.status == "finished":
            st.success(plain(job.message), icon=":material/check_circle:")
            if st.button("Look at it", icon=":material/visibility:"):
                st.query_params["data"] = request.arguments["folder"]
                st.session_state["data-looks"] = st.session_state.get("data-looks", 0) + 1
                st.rerun()
        if st.button("Fetch" if job is None else "Fetch what is missing", icon=":material/download:"):
            queue_jobs([request])
            st.rerun()
