"""The Monitor page: all runs and groups, the curves of those chosen, and one run in detail."""

from __future__ import annotations

import streamlit as st

from pages.live.components import Curve, live_charts, mask_film, run_list
from pages.runs.actions import compare_link, group_buttons, report_link
from pages.runs.details import run_details
from pages.shared.markdown import plain
from pages.shared.models import MOST_COMPARED
from pages.shared.stores import store
from seg_core.common.colours import RUN_COLOURS
from seg_core.runs.dispatch import dispatch
from seg_core.runs.groups import Group, groups_of
from seg_core.runs.queue import MOST_SLOTS
from seg_core.runs.run import Run

MOST_CHOSEN = 6
MOST_FILMS = 3


def chosen_by_link(runs: list[Run], known: dict[str, Run | Group]) -> list[str]:
    """The runs and groups that the address names, else the run that trains, else the newest."""
    linked = [key for key in dict.fromkeys(st.query_params.get_all("run")) if key in known]
    if linked or "run" in st.query_params:
        return linked
    return [str(next((run.id for run in runs if run.is_running), runs[0].id))]


def curve(key: str, chosen: Run | Group, colour: str) -> Curve:
    """A run or a group in the charts."""
    if isinstance(chosen, Group):
        return Curve(key, chosen.label, colour, members=[run.id for run in chosen.runs])
    return Curve(chosen.id, chosen.label, colour)


def called(run: Run) -> str:
    """A run's label, and what tells it from the others of its group."""
    fold = f", fold {run.config.fold}" if run.config.folds > 1 else ""
    return run.label if run.group is None else f"{run.label}, seed {run.config.seed}{fold}"


def name_to_compare(key: str, chosen: Run | Group) -> str | None:
    """What Compare's addresses call a run or a group; None while it has not what Compare takes."""
    if isinstance(chosen, Group):
        return f"group {chosen.id}" if sum(bool(run.best_epoch) for run in chosen.runs) > 1 else None
    return f"run {key}" if chosen.best_epoch else None


def films(shown: dict[str, Run | Group], each: list[Run]) -> None:
    """The masks of the chosen after every epoch; of a group those of its first run that has any."""
    if not any(run.epochs_done or run.is_active for run in each):
        return
    st.header("Masks as they learn")
    colours: dict[Run, str] = {}
    for colour, one in zip(RUN_COLOURS, shown.values(), strict=False):
        runs_of_one = one.runs if isinstance(one, Group) else (one,)
        colours.setdefault(next((run for run in runs_of_one if run.epochs_done), runs_of_one[0]), colour)
    filmed = list(colours)[:MOST_FILMS]
    mask_film(filmed, [colours[run] for run in filmed])
    st.caption(
        "The same validation photographs after every epoch, at network resolution. White outline: truth. "
        "Errors: orange, marked but not lesion; blue, lesion but not marked."
        + (f" Shown for the first {MOST_FILMS} chosen." if len(shown) > MOST_FILMS else "")
    )


def links(shown: dict[str, Run | Group], each: list[Run]) -> None:
    """Where the chosen can be looked at further, once one of them has ended."""
    if reportable := [run for run in each if run.best_epoch and not run.is_active]:
        report_link(reportable)
        if comparable := [name for key, one in shown.items() if (name := name_to_compare(key, one))]:
            compare_link(comparable[:MOST_COMPARED], each[0].sources)


def slots_setting() -> None:
    """How many runs may train at a time: a setting of the home folder, for every process that uses it."""
    known = store().queue.slots()  # it may have been set elsewhere
    if "slots" not in st.session_state or st.session_state["slots-known"] != known:
        st.session_state["slots"] = st.session_state["slots-known"] = known
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
    st.session_state["slots-known"] = int(st.session_state["slots"])
    store().queue.set_slots(st.session_state["slots-known"])
    dispatch(store())


head = st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom")
head.title("Monitor")
if message := st.session_state.pop("flash", None):
    st.toast(plain(message), icon=":material/delete:")
store().claims.mark_lost()
runs = store().list_runs()
if not runs:
    st.info("No runs yet. Start one, and watch it train here.", icon=":material/monitoring:")
    st.page_link("train.py", label="Go to Train", icon=":material/model_training:")
    st.stop()
with head:
    slots_setting()
known: dict[str, Run | Group] = {str(run.id): run for run in runs} | {f"g{group.id}": group for group in groups_of(runs)}
# What comes and goes has a place that stays, here and below: what is being typed further down would be lost if it moved.
with st.container():
    if missing := [key for key in st.query_params.get_all("run") if key and key not in known]:
        st.warning(f"There is no run {plain(', '.join(missing))}; it may have been deleted. Choose one from the list.")

chosen = run_list(chosen_by_link(runs, known), known, list(RUN_COLOURS))
if set(st.query_params.get_all("run")) != set(chosen) or not chosen:
    st.query_params["run"] = chosen or ""
shown = {key: known[key] for key in chosen[:MOST_CHOSEN]}
if len(chosen) > MOST_CHOSEN:
    st.caption(f"The charts show the first {MOST_CHOSEN} of the {len(chosen)} chosen.")
if not shown:
    st.info("Choose one or several runs above to see their curves.", icon=":material/touch_app:")
    st.stop()

live_charts([curve(key, one, RUN_COLOURS[place]) for place, (key, one) in enumerate(shown.items())], batches=True)
st.caption(
    "Solid: validation. Dashed: training, measured on augmented photographs while the weights change. "
    "Where epochs are averaged, validation is of their mean. ★ best epoch by validation IoU. All at network resolution."
    + (
        " Of a group the mean of its runs, in a band from the lowest to the highest."
        if any(isinstance(one, Group) for one in shown.values())
        else ""
    )
)
each = list(dict.fromkeys(run for one in shown.values() for run in (one.runs if isinstance(one, Group) else [one])))
with st.container():
    films(shown, each)
with st.container(horizontal=True):
    links(shown, each)
for group in (one for one in shown.values() if isinstance(one, Group)):
    heading, buttons = st.columns([2, 3], vertical_alignment="bottom")
    heading.header(plain(group.label))
    with buttons:
        group_buttons(group)

detailed = each[0]
if len(each) > 1:
    by_id = {run.id: run for run in each}
    picked = st.segmented_control(
        "Run in detail",
        list(by_id),
        format_func=lambda run_id: plain(called(by_id[run_id])),
        default=detailed.id,
        key="run-in-detail",
    )
    detailed = by_id.get(picked or detailed.id, detailed)
run_details(detailed.id, [run for run in each if run.id != detailed.id])
