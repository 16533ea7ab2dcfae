"""Jobs on a page: asked for with a button, shown with progress and a way to cancel, and what became of them."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from pages.api import jobs
from pages.text import plain
from seg_core.jobs.dispatch import dispatch_jobs
from seg_core.jobs.job import Job, Request


def ask(requests: list[Request]) -> None:
    """Ask for jobs; those that are asked for already are not doubled."""
    for request in requests:
        jobs().ask(request)
    dispatch_jobs(jobs())


def job_panel(requests: Mapping[str, Request]) -> bool:
    """Show how far the jobs of some requests are, by name, and how those that failed ended; whether one is active.

    While one is active the panel is kept current; whenever one has ended the page is drawn anew.
    """
    jobs().mark_lost()
    latest = {name: jobs().latest(request) for name, request in requests.items()}
    active = {name: request for name, request in requests.items() if (job := latest[name]) is not None and job.is_active}
    for name, job in latest.items():
        if job is not None and job.status in ("failed", "stopped"):
            (st.error if job.status == "failed" else st.info)(plain(f"{name}: {job.message or 'Cancelled.'}"))
    if active:
        st.fragment(_watch, run_every=0.5)(active)
    return bool(active)


def _watch(active: Mapping[str, Request]) -> None:
    dispatch_jobs(jobs())  # notices those whose process is gone, too
    for name, request in active.items():
        job = jobs().latest(request)
        if job is None or not job.is_active:
            st.rerun()
        _progress(name, job)


def _progress(name: str, job: Job) -> None:
    bar, button = st.columns([5, 1], vertical_alignment="center")
    what = {"queued": "waiting", "stopping": "stopping"}.get(job.status) or job.message or "starting"
    count = f", {_count(job)}" if job.total and job.status == "running" else ""
    bar.progress(job.progress, plain(f"{name}: {what}{count}"))
    button.button("Cancel", key=f"cancel-{job.id}", on_click=_cancel, args=(job.id,), width="stretch")


def _count(job: Job) -> str:
    if job.kind == "fetch":  # which counts bytes
        return f"{job.done / 1e6:,.0f} of {job.total / 1e6:,.0f} MB"
    return f"{job.done:,} of {job.total:,}"


def _cancel(job_id: int) -> None:
    jobs().cancel(job_id)
