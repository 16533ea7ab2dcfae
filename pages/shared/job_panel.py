"""Jobs on a page: started, shown with progress and a cancel button, and how they ended."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from pages.live.components import job_bars
from pages.shared.markdown import plain
from pages.shared.stores import jobs
from pages.shared.visit import refresh
from pages.shared.visitor import VIEWERS_CHANGE_NOTHING, is_viewer
from seg_core.jobs.job import Request
from seg_core.jobs.results import result_folder
from seg_core.runs.dispatch import dispatch


def queue_jobs(requests: list[Request]) -> None:
    """Queue a job for each request that has no active one, and start what can start."""
    for request in requests:
        jobs().submit(request)
    dispatch(jobs())


def started(name: str, request: Request, *, label: str, nobody: str) -> None:
    """Start a job that has no result yet, unless it failed or was cancelled, and show its progress.

    Args:
        name: of what it works on.
        request: of which there is no result.
        label: of the button that starts it again.
        nobody: what viewers, who start nothing, are told: ``Nobody has … yet.``
    """
    if is_viewer():
        if not job_panel({name: request}):
            st.info(f"{nobody} {VIEWERS_CHANGE_NOTHING}", icon=":material/visibility:")
        return
    job = jobs().latest(request)
    if job is None or job.status == "finished":  # its result was deleted since
        queue_jobs([request])
    if not job_panel({name: request}) and st.button(label, icon=":material/search:", on_click=refresh):
        queue_jobs([request])
        st.rerun()


def job_panel(requests: Mapping[str, Request]) -> bool:
    """Show the progress of the jobs of some requests, by name, and why jobs failed; return True if one is active.

    The page is drawn again whenever a job ends.
    """
    jobs().claims.mark_lost()
    latest = {name: job for name, request in requests.items() if (job := jobs().latest(request)) is not None}
    for name, job in latest.items():
        if job.status in ("failed", "stopped"):
            (st.error if job.status == "failed" else st.info)(plain(f"{name}: {job.message or 'Cancelled.'}"))
    if any(job.status == "finished" and result_folder(requests[name]) for name, job in latest.items()):
        st.rerun()  # it ended while the page was drawn, which shows no result yet
    active = {name: job for name, job in latest.items() if job.is_active}
    if active:
        job_bars(active, can_cancel=not is_viewer())
    return bool(active)
