"""Jobs on a page: asked for with a button, shown with progress and a way to cancel, and what became of them."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from pages.live.components import job_bars
from pages.shared.markdown import plain
from pages.shared.stores import jobs
from seg_core.jobs.job import Request
from seg_core.jobs.results import result_folder
from seg_core.runs.dispatch import dispatch


def ask(requests: list[Request]) -> None:
    """Ask for jobs; those that are asked for already are not doubled."""
    for request in requests:
        jobs().submit(request)
    dispatch(jobs())


def job_panel(requests: Mapping[str, Request]) -> bool:
    """Show how far the jobs of some requests are, by name, and how those that failed ended; whether one is active.

    Whenever one has ended the page is drawn anew.
    """
    jobs().claims.mark_lost()
    latest = {name: job for name, request in requests.items() if (job := jobs().latest(request)) is not None}
    for name, job in latest.items():
        if job.status in ("failed", "stopped"):
            (st.error if job.status == "failed" else st.info)(plain(f"{name}: {job.message or 'Cancelled.'}"))
    if any(job.status == "finished" and result_folder(requests[name]) for name, job in latest.items()):
        st.rerun()  # it ended while the page was drawn, which shows as if it had not been asked for
    active = {name: job for name, job in latest.items() if job.is_active}
    if active:
        job_bars(active)
    return bool(active)
