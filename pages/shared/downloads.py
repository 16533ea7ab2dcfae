"""What of a run or a comparison can be taken away as a file; what takes longer is made in the background."""

from __future__ import annotations

import streamlit as st

from pages.shared.job_panel import ask, job_panel
from pages.shared.markdown import plain
from seg_core.jobs.job import Request
from seg_core.jobs.results import forget, result_folder

AGAIN = "It stays as it was made when photographs or masks are changed; this scores them anew."


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
