"""The Monitor page: all runs, the curves of those chosen, and one of them in detail."""

from __future__ import annotations

import streamlit as st

from pages.api import store
from pages.live import live_charts, run_list
from pages.run_details import run_details
from pages.text import plain
from pages.theme import RUN_COLOURS
from seg_core.errors import InputError
from seg_core.runs.run import Run

MOST_CHOSEN = 6


def chosen_by_link(runs: list[Run]) -> list[int]:
    """The runs that the address names, else the one that trains, else the newest."""
    known = {run.id for run in runs}
    linked = [int(text) for text in st.query_params.get_all("run") if text.isdecimal() and int(text) in known]
    if linked or "run" in st.query_params:
        return linked
    return [next((run.id for run in runs if run.is_running), runs[0].id)]


def missing_by_link(runs: list[Run]) -> list[str]:
    """What the address names that is no run, or no longer."""
    known = {str(run.id) for run in runs}
    return [text for text in st.query_params.get_all("run") if text and text not in known]


st.title("Monitor")
if message := st.session_state.pop("flash", None):
    st.toast(plain(message), icon=":material/delete:")
store().mark_lost()
runs = store().list_runs()
if not runs:
    st.info("No runs yet. Start one, and watch it train here.", icon=":material/monitoring:")
    st.page_link("train.py", label="Go to Train", icon=":material/model_training:")
    st.stop()
if missing := missing_by_link(runs):
    st.warning(f"There is no run {plain(', '.join(missing))}; it may have been deleted. Choose one from the list.")

linked = chosen_by_link(runs)
known = {run.id for run in runs}
chosen = run_list(linked, list(RUN_COLOURS))
if any(run_id not in known for run_id in chosen):  # what the list held before a run was deleted
    chosen = linked
if set(st.query_params.get_all("run")) != {str(run_id) for run_id in chosen} or not chosen:
    st.query_params["run"] = [str(run_id) for run_id in chosen] or ""
shown: list[Run] = []
for run_id in chosen[:MOST_CHOSEN]:
    try:
        shown.append(store().get_run(run_id))
    except InputError:
        continue  # deleted in another window; the list drops it within a second
if len(chosen) > MOST_CHOSEN:
    st.caption(f"The charts show the first {MOST_CHOSEN} of the {len(chosen)} runs chosen.")
if not shown:
    st.info("Choose one or several runs above to see their curves.", icon=":material/touch_app:")
    st.stop()

live_charts(shown, [RUN_COLOURS[place] for place in range(len(shown))])
st.caption(
    "Solid: validation. Dashed: training, measured on augmented photographs while the weights change. "
    "★ best epoch by validation IoU. All at network resolution."
)

detailed = shown[0]
if len(shown) > 1:
    by_id = {run.id: run for run in shown}
    picked = st.segmented_control(
        "Run in detail", list(by_id), format_func=lambda run_id: by_id[run_id].label, default=detailed.id
    )
    detailed = by_id.get(picked or detailed.id, detailed)
run_details(detailed.id)
