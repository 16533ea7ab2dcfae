"""The Sweeps page: many settings tried on validation photographs, how much each matters, and whether the best is better."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages.live.sweep_view import sweep_view
from pages.search.results import importance, outcome, state, test_part
from pages.shared.markdown import plain
from pages.shared.stores import store, sweeps
from seg_core.sweeps.sweep import Sweep


def choose(known: Sequence[Sweep]) -> Sweep:
    """Let the visitor choose a sweep, at first that of the address or the newest, and keep the address in step."""
    by_id = {sweep.id: sweep for sweep in known}
    linked = st.query_params.get("sweep", "")
    is_known = linked.isdecimal() and len(linked) < 10 and int(linked) in by_id
    with st.container():
        if linked and not is_known:
            st.warning(plain(f"There is no sweep {linked[:20]}; choose one from the list."))
    start = list(by_id).index(int(linked)) if is_known else 0
    chosen = st.selectbox(
        "Sweep", list(by_id), start, format_func=lambda each: by_id[each].label, key="sweep", label_visibility="collapsed"
    )
    if linked != str(chosen):
        st.query_params["sweep"] = str(chosen)
    return by_id[chosen]


st.title("Sweeps")
store().claims.mark_lost()
if not (known := sweeps().all()):
    st.info(
        "No sweeps yet. A sweep tries many settings of one model; start one on Train, at *Try many settings*.",
        icon=":material/travel_explore:",
    )
    st.page_link("train.py", label="Go to Train", icon=":material/model_training:")
    st.stop()
sweep = choose(known)
with st.container():
    state(sweep)
with st.container():
    outcome(sweep)
st.header("Trials")
if opened := sweep_view(sweep, store().list_runs()):
    st.switch_page("monitor.py", query_params={"run": opened})
st.caption(
    "Validation IoU at network resolution, of the best epoch. "
    + (
        f"A trial's score is the mean over its {sweep.plan.folds} folds, its 95 % interval that over folds."
        if sweep.plan.folds > 1
        else "A trial of one run has no interval: with folds, each trial is trained several times."
    )
)
matters, judged = st.columns(2, gap="large")
with matters:
    st.header("Which settings matter")
    importance(sweep)
with judged:
    st.header("Test photographs")
    test_part(sweep)
