"""Actions on runs and groups: train more, clone, delete, edit name, tags and notes. `pages.live` stops and resumes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from pages.runs.form import clone_query
from pages.shared.markdown import plain
from pages.shared.stores import store
from pages.shared.visitor import is_viewer, tells_viewer
from seg_core.config import LONGEST_RUN
from seg_core.errors import InputError
from seg_core.runs.address import short_key
from seg_core.runs.dispatch import dispatch
from seg_core.runs.groups import by_key
from seg_core.runs.retraining import delete_run
from seg_core.runs.run import Run


def action_buttons(run: Run) -> None:
    """Show a button for each action that opens a dialog; those that stop and resume are with the run's figures."""
    if is_viewer():
        return
    with st.container(horizontal=True, horizontal_alignment="right"):
        if run.can_extend and _button(run, "Train more", "forward", "Train for more epochs."):
            _train_more(run)
        if run.archived and _button(run, "Bring back", "unarchive", "Show it in lists again."):
            _do(lambda: store().annotate(run.id, archived=False))
        help = "Leave it out of the list; its model and figures stay."
        if not run.archived and not run.is_active and _button(run, "Archive", "archive", help):
            _do(lambda: store().annotate(run.id, archived=True))
        if run.can_delete and _button(run, "Delete", "delete"):
            confirm_delete(run.label, [run])


def _button(run: Run, label: str, icon: str, help: str | None = None) -> bool:
    return st.button(label, icon=f":material/{icon}:", key=f"{icon}-{run.id}", help=help)


def _do(action: Callable[[], object], *, starts: bool = False) -> None:
    try:
        action()
    except InputError as error:  # the run has ended, or was deleted, since the button was drawn
        st.toast(plain(str(error)), icon=":material/error:")
    if starts:
        dispatch(store())  # the supervisor would do it seconds later
    st.rerun()


@st.dialog("Train for more epochs")
def _train_more(run: Run) -> None:
    st.write(f"**{plain(run.label)}** has finished {run.config.epochs} epochs.")
    epochs = st.number_input("More epochs", 1, LONGEST_RUN - run.config.epochs, min(10, LONGEST_RUN - run.config.epochs))
    if run.config.schedule == "one-cycle":
        kept = "; the best epoch so far is kept" if run.config.keep == "best" else ""
        st.caption(f"The learning rate runs through another cycle over these epochs{kept}.")
    further = run.config.model_copy(update={"epochs": run.config.epochs + int(epochs), "schedule_from": run.config.epochs})
    if further.averaged_from < further.epochs:
        st.caption(f"The weights of epochs {further.averaged_from} to {further.epochs} are averaged.")
    if st.button("Continue", type="primary"):
        _do(lambda: store().queue.extend(run.id, int(epochs)), starts=True)


@st.dialog("Delete?")
def confirm_delete(label: str, runs: Sequence[Run]) -> None:
    """Ask whether runs shall be deleted, and delete them."""
    what = "its model, masks and log" if len(runs) == 1 else f"the models, masks and logs of its {len(runs)} runs"
    st.write(f"This deletes **{plain(label)}** with {what}. It cannot be undone.")
    yes, no = st.columns(2)
    if yes.button("Delete", type="primary", width="stretch"):
        freed, errors = 0, []
        for run in runs:
            try:
                freed += delete_run(store(), run.id)
            except InputError as error:  # resumed or deleted in another window, or its folder is locked
                errors.append(str(error))
        if errors:
            st.error(plain(" ".join(errors)))
            return
        st.session_state["flash"] = f"{label} is deleted; {freed / 1e6:.1f} MB freed."
        if left := _still_chosen():
            st.query_params["run"] = left
        else:
            st.query_params.clear()
        st.rerun()
    if no.button("Keep", width="stretch"):
        st.rerun()


def _still_chosen() -> list[str]:
    """Return the keys in the page's address whose runs and groups exist."""
    known = by_key(store().list_runs())
    return [key for key in map(short_key, st.query_params.get_all("run")) if key in known]


def clone_link(run: Run) -> None:
    """Show a link to Train with the data and the settings of a run."""
    label = "Clone this run with changes"
    st.page_link("train.py", label=label, icon=":material/content_copy:", query_params=clone_query(run))


def compare_link(models: Sequence[str], sources: Sequence[str]) -> None:
    """Show a link to Compare with models, by their keys, on a dataset."""
    query = {"data": list(sources), "model": list(models)}
    st.page_link("compare.py", label="Compare the masks", icon=":material/compare:", query_params=query)


def predict_link(run: Run) -> None:
    """Show a link to Predict with the best model of a run."""
    help = "Drop a photograph, and see what this model marks."
    query = {"model": run.key}
    st.page_link("predict.py", label="Try this model", icon=":material/image_search:", query_params=query, help=help)


def report_link(runs: Sequence[Run]) -> None:
    """Show a link to the Report page with runs."""
    query = {"run": [run.key for run in runs]}
    st.page_link("report.py", label="Report on these runs", icon=":material/description:", query_params=query)


def edit_panel(run: Run) -> None:
    """Show the name, tags and notes of a run, to read and to edit."""
    with st.expander("Name, tags and notes", icon=":material/edit_note:", expanded=bool(run.notes)):
        saved = {"name": run.name, "tags": ", ".join(run.tags), "notes": run.notes}
        conflicts = [field for field, value in saved.items() if _has_conflict(f"run-{field}-{run.id}", value)]
        # What was typed stays while another run or another page is visited.
        kept: dict[str, Any] = {"persist_state": "session", "disabled": is_viewer()}
        st.text_input("Name", max_chars=100, placeholder=run.config.label, key=f"run-name-{run.id}", **kept)
        st.text_input("Tags", placeholder="separated by commas", key=f"run-tags-{run.id}", **kept)
        st.text_area("Notes", height=120, key=f"run-notes-{run.id}", **kept)
        if tells_viewer():
            return
        if conflicts:
            st.warning(f"Changed in another window meanwhile: {', '.join(conflicts)}. Saving replaces that with the text here.")

        def save() -> None:
            typed = {field: st.session_state[f"run-{field}-{run.id}"] for field in saved}
            changed: dict[str, Any] = {field: value for field, value in typed.items() if value != saved[field]}
            if "tags" in changed:
                changed["tags"] = changed["tags"].split(",")
            try:
                _annotate(run.id, changed)
            except InputError as error:
                st.toast(plain(str(error)), icon=":material/error:")

        # A callback, so that news of a run, which draw the page again, do not come before it. Never disabled: the last text typed
        # arrives together with the click.
        st.button("Save", icon=":material/save:", key=f"save-{run.id}", on_click=save)


def _annotate(run_id: int, changed: dict[str, Any]) -> None:
    store().annotate(run_id, **changed)
    for field in changed:
        st.session_state.pop(f"run-{field}-{run_id}-saved", None)  # the field then shows what is saved


def _has_conflict(key: str, saved: str) -> bool:
    """Show in a field what is saved, unless it holds other text; return True if the saved text has changed under that text."""
    known = st.session_state.get(f"{key}-saved") if key in st.session_state else None
    if known == saved:
        return False
    if known is not None and st.session_state[key] != known:
        return True
    if st.session_state.get(key) != saved:  # only then: an assignment replaces text that is being typed
        st.session_state[key] = saved
    st.session_state[f"{key}-saved"] = saved
    return False
