"""What is done with several runs and groups at once: tag, group, archive, delete."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from pages.runs.actions import confirm_delete
from pages.shared.markdown import plain
from pages.shared.stores import store
from pages.shared.visitor import is_viewer
from seg_core.errors import InputError
from seg_core.runs.groups import Group
from seg_core.runs.run import Run


def chosen_actions(chosen: Sequence[Run | Group]) -> None:
    """Show how many runs are chosen, with buttons for all of them together, if there are several or a group."""
    runs = list(dict.fromkeys(run for one in chosen for run in (one.runs if isinstance(one, Group) else (one,))))
    if len(runs) < 2 or is_viewer():
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{len(runs)} runs chosen**", width="content")
        with st.popover("Tag", icon=":material/label:", help="Add tags to all of them, or remove tags"):
            _tags(runs)
        groups = [one for one in chosen if isinstance(one, Group)]
        if groups:
            _button("Take apart", "call_split", "Make single runs of those of a group.", lambda: _take_apart(groups))
        else:
            _button("Group", "join", "Show runs that differ in seed or fold alone as one, by their mean.", lambda: _group(runs))
        if all(run.archived for run in runs):
            _button("Bring back", "unarchive", "Show them in lists again.", lambda: _archive(runs, archived=False))
        else:
            help = "Leave them out of the list; their models and figures stay."
            _button("Archive", "archive", help, lambda: _archive(runs, archived=True))
        if all(run.can_delete for run in runs) and st.button("Delete all", icon=":material/delete:", key="delete-chosen"):
            confirm_delete(groups[0].label if len(chosen) == len(groups) == 1 else f"{len(runs)} runs", runs)


def _button(label: str, icon: str, help: str, does: Callable[[], str]) -> None:
    def act() -> None:
        try:
            st.session_state["flash"] = does()
        except InputError as error:
            st.session_state["flash"] = str(error)

    st.button(label, icon=f":material/{icon}:", help=help, key=f"{icon}-chosen", on_click=act)


def _tags(runs: Sequence[Run]) -> None:
    known = list(dict.fromkeys(tag for run in runs for tag in run.tags))
    st.text_input("Add tags", placeholder="separated by commas", key="tags-added")
    if known:
        st.multiselect("Remove tags", known, format_func=plain, key="tags-removed")

    def save() -> None:
        added, removed = st.session_state["tags-added"], st.session_state.get("tags-removed", ())
        try:
            for run in runs:
                tags = [*(tag for tag in run.tags if tag not in removed), *added.split(",")]
                store().annotate(run.id, tags=tags)
            st.session_state["flash"] = f"The tags of {len(runs)} runs are saved."
            st.session_state["tags-added"] = ""
        except InputError as error:
            st.session_state["flash"] = str(error)

    st.button("Save tags", icon=":material/save:", key="save-tags", on_click=save)


def _group(runs: Sequence[Run]) -> str:
    members = store().group([run.id for run in runs])
    return f"Group {members[0].group} has {len(members)} runs."


def _take_apart(groups: Sequence[Group]) -> str:
    for group in groups:
        store().ungroup(group.id)
    return f"{' and '.join(f'Group {group.id}' for group in groups)} {'is' if len(groups) == 1 else 'are'} single runs again."


def _archive(runs: Sequence[Run], *, archived: bool) -> str:
    for run in runs:
        store().annotate(run.id, archived=archived)
    return f"{len(runs)} runs are {'archived' if archived else 'in lists again'}."
