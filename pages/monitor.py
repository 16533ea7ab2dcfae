"""The Monitor page: all runs and groups, the curves of those chosen, and one run in detail."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages.live.components import Curve, live_charts, mask_timeline, run_advice, run_list, wall
from pages.runs.actions import compare_link, report_link
from pages.runs.alerts import alert_settings
from pages.runs.chosen import chosen_actions
from pages.runs.details import run_details
from pages.runs.view import remember, view
from pages.shared.markdown import plain
from pages.shared.models import MOST_COMPARED
from pages.shared.stores import store
from pages.shared.tables import Cell, TableRow, html_table
from pages.shared.visitor import is_viewer, tells_viewer
from seg_core.common.colours import colours_of
from seg_core.runs.address import short_key
from seg_core.runs.differences import differences
from seg_core.runs.dispatch import dispatch
from seg_core.runs.groups import Group, by_key
from seg_core.runs.queue import MOST_SLOTS
from seg_core.runs.run import Run

MOST_CHOSEN = 6
MOST_TIMELINES = 3


def queue_settings() -> None:
    """Let the user set how many runs train at a time, for every process that uses this home folder."""
    slots = store().queue.slots()  # may have been set elsewhere
    if "slots" not in st.session_state or st.session_state["slots-known"] != slots:
        st.session_state["slots"] = st.session_state["slots-known"] = slots
    with st.popover("Queue", icon=":material/low_priority:", help="Set how many runs train at a time"):
        st.number_input(
            "Runs that train at a time",
            *(1, MOST_SLOTS),
            key="slots",
            on_change=set_slots,
            disabled=is_viewer(),
            help="Further runs wait in the queue. Two at a time share the processor or the GPU; each takes about twice as long.",
        )
        if tells_viewer():
            return
        st.caption("Use the arrows beside a queued run to move it. The queue goes on when the app is closed or restarted.")


def set_slots() -> None:
    """Save the number that was typed."""
    st.session_state["slots-known"] = int(st.session_state["slots"])
    store().queue.set_slots(st.session_state["slots-known"])
    dispatch(store())


def choose(runs: Sequence[Run], known: dict[str, Run | Group]) -> list[str]:
    """Show the list of runs and keep the page's address in step with it; return the keys of those chosen."""
    asked = [short_key(text) for text in st.query_params.get_all("run") if text]
    with st.container():
        if missing := [key for key in asked if key not in known]:
            st.warning(f"There is no run {plain(', '.join(missing))}; it may have been deleted. Choose one from the list.")
    if "run" in st.query_params:
        linked = [key for key in dict.fromkeys(asked) if key in known]
    else:
        current = [run for run in runs if not run.archived] or runs
        linked = [next((run for run in current if run.is_running), current[0]).key]
    chosen = run_list(linked, known)
    if missing and not chosen:
        del st.query_params["run"]
    elif set(st.query_params.get_all("run")) != set(chosen) or not chosen:
        st.query_params["run"] = chosen or ""
    return chosen


def members(one: Run | Group) -> tuple[Run, ...]:
    """Return the runs of a group, or the run itself."""
    return one.runs if isinstance(one, Group) else (one,)


def charts(shown: dict[str, Run | Group]) -> None:
    """Show the curves of the chosen runs and groups."""
    colours = colours_of(shown)
    curves = [
        Curve(key, one.label, colours[key], members=[run.id for run in one.runs])
        if isinstance(one, Group)
        else Curve(one.id, one.label, colours[key])
        for key, one in shown.items()
    ]
    remember(live_charts(curves, view=view()))
    has_group = any(isinstance(one, Group) for one in shown.values())
    st.caption(
        "Solid: validation. Dashed: training, measured on augmented photographs while the weights change. "
        "Where epochs are averaged, validation is that of the average. ★ the kept epoch: the best by validation "
        "IoU, unless the last is kept. At network resolution."
        + (" Groups: mean of the runs, in a band from the lowest to the highest." if has_group else "")
    )


def advice(shown: dict[str, Run | Group]) -> None:
    """Show what goes badly in the chosen runs, and in those of chosen groups."""
    colours = colours_of(shown)
    run_advice({run: colours[key] for key, one in shown.items() for run in members(one)})


def what_differs(shown: dict[str, Run | Group]) -> None:
    """Show the settings in which the chosen runs and groups differ."""
    if len(shown) < 2:
        return
    with st.expander("What differs", icon=":material/difference:", key="what-differs"):
        if not (found := differences(list(shown.values()))):
            st.markdown("Nothing: they have the same settings and the same data.")
            return
        rows = [TableRow(title, [Cell(value) for value in values]) for title, values in found]
        st.html(html_table([one.label for one in shown.values()], rows, "Settings that differ"))


def timelines(shown: dict[str, Run | Group]) -> None:
    """Show the masks of the chosen after every epoch; of a group, those of its first run that has any."""
    if not any(run.epochs_done or run.is_active for one in shown.values() for run in members(one)):
        return
    st.header("Masks by epoch")
    colours: dict[Run, str] = {}
    for colour, one in zip(colours_of(shown).values(), shown.values(), strict=True):
        colours.setdefault(next((run for run in members(one) if run.epochs_done), members(one)[0]), colour)
    runs = list(colours)[:MOST_TIMELINES]
    mask_timeline(runs, [colours[run] for run in runs])
    st.caption(
        "The same validation photographs after every epoch, at network resolution."
        + (f" Shown for the first {MOST_TIMELINES} chosen." if len(shown) > MOST_TIMELINES else "")
    )


def can_compare(one: Run | Group) -> bool:
    """True if Compare takes a run, which needs a model, or a group, which needs two."""
    return sum(bool(run.best_epoch) for run in members(one)) >= (2 if isinstance(one, Group) else 1)


def links(shown: dict[str, Run | Group], each: Sequence[Run]) -> None:
    """Show links to Report and Compare, once a run has ended."""
    if reportable := [run for run in each if run.best_epoch and not run.is_active]:
        report_link(reportable)
        if comparable := [key for key, one in shown.items() if can_compare(one)]:
            compare_link(comparable[:MOST_COMPARED], each[0].sources)


def label_in_group(run: Run) -> str:
    """Return a run's label and, if it is of a group, its seed and fold."""
    fold = f", fold {run.config.fold}" if run.config.folds > 1 else ""
    return run.label if run.group is None else f"{run.label}, seed {run.config.seed}{fold}"


def details(each: Sequence[Run]) -> None:
    """Show one of the chosen runs in detail; if there are several, let the user choose it."""
    detailed = each[0]
    if len(each) > 1:
        by_id = {run.id: run for run in each}
        picked = st.segmented_control(
            "Run in detail",
            list(by_id),
            format_func=lambda run_id: plain(label_in_group(by_id[run_id])),
            default=detailed.id,
            key="run-in-detail",
        )
        detailed = by_id.get(picked or detailed.id, detailed)
    run_details(detailed.id, [run for run in each if run.id != detailed.id])


if st.query_params.get("wall"):
    wall()
    st.stop()
head = st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom")
head.title("Monitor")
if message := st.session_state.pop("flash", None):
    st.toast(plain(message))
store().claims.mark_lost()
runs = store().list_runs()
if not runs:
    st.info("No runs yet. Start one, and watch it train here.", icon=":material/monitoring:")
    st.page_link("train.py", label="Go to Train", icon=":material/model_training:")
    st.stop()
with head, st.container(horizontal=True, horizontal_alignment="right", width="content", vertical_alignment="center"):
    help = "What trains, in large figures for a screen on the wall; it opens in a tab of its own."
    st.link_button("Wall view", "monitor?wall=1", icon=":material/tv:", help=help)
    queue_settings()
    alert_settings()
known = by_key(runs)
# Parts that come and go stand in containers, here and above: what is being typed below them would be lost if it moved.
chosen = choose(runs, known)
shown = {key: known[key] for key in chosen[:MOST_CHOSEN]}
if len(chosen) > MOST_CHOSEN:
    st.caption(f"The charts show the first {MOST_CHOSEN} of the {len(chosen)} chosen.")
if not shown:
    st.info("Choose runs above to see their curves.", icon=":material/touch_app:")
    st.stop()

with st.container():
    chosen_actions([known[key] for key in chosen])
with st.container():
    advice(shown)
charts(shown)
with st.container():
    what_differs(shown)
each = list(dict.fromkeys(run for one in shown.values() for run in members(one)))
with st.container():
    timelines(shown)
with st.container(horizontal=True):
    links(shown, each)
details(each)
