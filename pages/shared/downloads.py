"""Files to download that a job makes in the background."""

from __future__ import annotations

import streamlit as st

from pages.shared.job_panel import job_panel, queue_jobs
from pages.shared.markdown import plain
from pages.shared.visit import refresh
from pages.shared.visitor import is_viewer, tells_viewer
from seg_core.jobs.job import Request
from seg_core.jobs.results import delete_result, result_folder

AGAIN = "Scores photographs and masks as they are now; the file stays as it is when they change."


def made_file(request: Request, name: str, label: str, called: str, *, again: bool = False) -> None:
    """Show a button that downloads a file or, while there is no file, one that starts the job which makes it.

    ``name`` is the file's name in the result of the job, ``called`` its name when downloaded. With ``again`` a second button
    makes the file again, for a request whose key does not cover every file that the job reads.
    """
    if folder := result_folder(request):
        # Read when it is downloaded: it may have megabytes.
        content = (folder / name).read_bytes
        text = f"Download: {plain(label)}"
        key = f"download-{called}-{label}"
        with st.container(horizontal=True):
            st.download_button(text, content, called, icon=":material/download:", on_click="ignore", key=key)
            if (
                again
                and not is_viewer()
                and st.button("Make again", icon=":material/refresh:", help=AGAIN, key=f"again-{called}-{label}")
            ):
                delete_result(request)
                queue_jobs([request])
                st.rerun()
        return
    text, key = f"Make: {plain(label)}", f"make-{called}-{label}"
    if job_panel({label: request}):
        return
    if st.button(text, icon=":material/play_arrow:", key=key, on_click=refresh, disabled=is_viewer()):
        queue_jobs([request])
        st.rerun()
    tells_viewer()
