"""The form of the Train page. Its entries stay while other pages are visited, until a new form is begun."""

from __future__ import annotations

from typing import NamedTuple

import streamlit as st

from pages.shared.stores import store
from seg_core.runs.address import short_key
from seg_core.runs.run import Run


class Form(NamedTuple):
    """One form of this session."""

    number: int
    clone: Run | None = None
    """The run whose data and settings it began with."""
    missing: str = ""
    """The address of a run to clone that does not exist."""


def form() -> Form:
    """Return the current form; a page address with a newer form number begins that form."""
    at_work, asked = _at_work(), st.query_params.get("form", "")
    number = int(asked) if asked.isdecimal() and len(asked) < 10 else 0
    if at_work is None or number > at_work.number:
        linked = short_key(st.query_params.get("clone", ""))
        clone = next((run for run in store().list_runs() if run.key == linked), None) if linked else None
        at_work = st.session_state["form"] = Form(max(number, 1), clone, "" if clone else linked)
    return at_work


def clone_query(run: Run) -> dict[str, str]:
    """Return the query of a link to Train that begins a form with a run's settings; Back leads to the form, not to a new one."""
    return {"clone": run.key, "form": str(_next_number())}


def reset_form() -> None:
    """Begin a form with the defaults."""
    st.query_params.clear()
    st.session_state["form"] = Form(_next_number())


def _at_work() -> Form | None:
    at_work: Form | None = st.session_state.get("form")
    return at_work


def _next_number() -> int:
    at_work = _at_work()
    return at_work.number + 1 if at_work else 1
