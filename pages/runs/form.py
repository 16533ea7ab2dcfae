"""Which form the Train page shows: what is typed into it stays while other pages are looked at, until another one is begun."""

from __future__ import annotations

from typing import NamedTuple

import streamlit as st

from pages.shared.stores import store
from seg_core.runs.address import short_key
from seg_core.runs.run import Run


class Form(NamedTuple):
    """A form by its number, and the run whose data and settings it began with; ``missing`` names one that is not there."""

    number: int
    clone: Run | None = None
    missing: str = ""


def form() -> Form:
    """The form at work; an address that asks for a newer one begins it."""
    at_work, asked = _at_work(), st.query_params.get("form", "")
    number = int(asked) if asked.isdecimal() and len(asked) < 10 else 0
    if at_work is None or number > at_work.number:
        linked = short_key(st.query_params.get("clone", ""))
        clone = next((run for run in store().list_runs() if run.key == linked), None) if linked else None
        at_work = st.session_state["form"] = Form(max(number, 1), clone, "" if clone else linked)
    return at_work


def clone_query(run: Run) -> dict[str, str]:
    """The query of an address of Train that begins a form with a run's settings, once: Back leads to what became of it."""
    return {"clone": run.key, "form": str(_next_number())}


def start_afresh() -> None:
    """Begin an empty form."""
    st.query_params.clear()
    st.session_state["form"] = Form(_next_number())


def _at_work() -> Form | None:
    at_work: Form | None = st.session_state.get("form")
    return at_work


def _next_number() -> int:
    at_work = _at_work()
    return at_work.number + 1 if at_work else 1
