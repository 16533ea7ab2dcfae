"""The lock on the test photographs of a sweep: choosing looks at validation alone, and every look at the test part is counted.

Whoever looks often, and searches again in between, chooses by the test photographs in the end. A look is a press of a button; it
opens the test part for this visit of the browser.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import streamlit as st

from pages.shared.stores import store, sweeps
from seg_core.runs.groups import Group
from seg_core.sweeps.sweep import Sweep


def looks_in_words(sweep: Sweep) -> str:
    """Return how often someone has looked, such as ``Looked at 2 times.``"""
    return {0: "Not looked at yet.", 1: "Looked at once."}.get(sweep.looks, f"Looked at {sweep.looks} times.")


def look(sweep: Sweep) -> None:
    """Count a look, and open the test part of a sweep for this visit."""
    sweeps().note_look(sweep.id)
    st.session_state.setdefault("sweeps-looked-at", set()).add(sweep.id)


def gate(models: Mapping[str, Path | Group]) -> bool:
    """Show a button in front of the test photographs where models of a sweep are chosen; return True if it has to be pressed."""
    folders = [model.parent.name for model in models.values() if isinstance(model, Path) and model.parent.parent == store().home]
    runs = [int(name) for name in folders if name.isdecimal()]
    runs += [run.id for model in models.values() if isinstance(model, Group) for run in model.runs]
    opened: set[int] = st.session_state.get("sweeps-looked-at", set())
    locked = [sweeps().get(sweep_id) for sweep_id in sweeps().of_runs(runs) if sweep_id not in opened]
    if not locked:
        return False
    st.info(
        "These models were found by a sweep, which chooses by validation photographs. Its test photographs are locked, so that "
        "they can judge what was chosen; every look at them is counted.",
        icon=":material/lock:",
    )
    for sweep in locked:
        st.button(
            f"Look at the test photographs of sweep {sweep.id}",
            icon=":material/lock_open:",
            key=f"look-{sweep.id}",
            on_click=look,
            args=(sweep,),
        )
        st.caption(looks_in_words(sweep))
    return True
