"""The Monitor page: all runs, the curves of those chosen, and one of them in detail."""

from __future__ import annotations

import streamlit as st

from pages.api import store
from pages.live import Curve, live_charts, mask_film, run_list
from pages.run_actions import report_link
from pages.run_details import run_details
from pages.text import plain
from seg_core.colours import RUN_COLOURS
from seg_core.errors import InputError
from seg_core.runs.queue import MOST_SLOTS
from seg_core.runs.run import Run
from seg_core.runs.supervisor import dispatch

MOST_CHOSEN = 6
MOST_FILMS = 3


def chosen_by_link(runs: list[Run]) -> list[int]:
    """The runs that the address names, else the one that trains, else the newest."""
    known = {run.id for run in runs}
    asked = dict.fromkeys(st.query_params.get_all("run"))
    linked = [run_id for text in asked for run_id in known if text == str(run_id)]
    if linked or "run" in st.query_params:
        return linked
    return [next((run.id for run in runs if run.is_running), runs[0].id)]


def missing_by_link(runs: list[Run]) -> list[str]:
    """What the address names that is no run, or no longer."""
    known = {str(run.id) for run in runs}
    return [text for text in st.query_params.get_all("run") if text and text not in known]


def slots_setting() -> None:
    """How many runs may train at a time: a setting of the home folder, for every process that uses it."""
    st.session_state["slots"] = store().slots()  # it may have been set elsewhere
    with st.popover("Queue", icon=":material/low_priority:", help="How many runs train at a time"):
        st.number_input(
            "Runs that train at a time",
            *(1, MOST_SLOTS),
            key="slots",
            on_change=set_slots,
            help="Further ones wait in line. Two at a time share the processor or the GPU, and each takes about twice as long.",
        )
        st.caption("The arrows beside a queued run move it in line. The queue goes on when the app is closed or restarted.")


def set_slots() -> None:
    """Take over what was typed."""
    store().set_slots(int(st.session_state["slots"]))
    dispatch(store())


head = st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom")
head.title("Monitor")
if message := st.session_state.pop("flash", None):
    st.toast(plain(message), icon=":material/delete:")
store().mark_lost()
runs = store().list_runs()
if not runs:
    st.info("No runs yet. Start one, and watch it train here.", icon=":material/monitoring:")
    st.page_link("train.py", label="Go to Train", icon=":material/model_training:")
    st.stop()
with head:
    slots_setting()
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

live_charts([Curve(run.id, run.label, RUN_COLOURS[place]) for place, run in enumerate(shown)], batches=True)
st.caption(
    "Solid: validation. Dashed: training, measured on augmented photographs while the weights change. "
    "★ best epoch by validation IoU. All at network resolution."
)
if any(run.epochs_done for run in shown) or any(run.is_active for run in shown):
    st.header("Masks as they learn")
    mask_film(shown[:MOST_FILMS], [RUN_COLOURS[place] for place in range(len(shown[:MOST_FILMS]))])
    st.caption(
        "The same validation photographs after every epoch, at network resolution. White outline: truth. "
        "Errors: orange, marked but not lesion; blue, lesion but not marked."
        + (f" Shown for the first {MOST_FILMS} runs chosen." if len(shown) > MOST_FILMS else "")
    )

if reportable := [run for run in shown if run.best_epoch and not run.is_active]:
    report_link(reportable)

detailed = shown[0]
if len(shown) > 1:
    by_id = {run.id: run for run in shown}
    picked = st.segmented_control(
        "Run in detail", list(by_id), format_func=lambda run_id: plain(by_id[run_id].label), default=detailed.id
    )
    detailed = by_id.get(picked or detailed.id, detailed)
run_details(detailed.id)
