"""Choosing a collection, making a new one, and adding photographs to it."""

from __future__ import annotations

import time
from collections.abc import Callable

import streamlit as st

from pages.correction.adding import Adding
from pages.shared.markdown import plain
from pages.shared.visitor import may_change, tells_viewer
from seg_core.common.text import counted
from seg_core.data.collection.collection import Collection
from seg_core.data.collection.sources import Added
from seg_core.data.collection.store import LONGEST_NAME, create_collection, list_collections, open_collection
from seg_core.errors import InputError

PHOTOS, PAIRS = "Photographs", "Photographs with masks"
FOLDER_HELP = (
    "A folder or a zip archive. Masks may be in any layout that the page Data understands, and become the first versions. "
    "The folder itself stays as it is."
)
MADE_SECONDS = 3
"""So long a collection that was just made is shown, whatever the browser says."""


def choose_collection() -> Collection | None:
    """Let the visitor choose a collection, make one, or add to it; the address names the choice. Return None if there is none.

    Raises:
        InputError: as `open_collection`.
    """
    with st.container():  # always there, as the next one, so that what follows keeps its state
        _wait_for_what_is_added()
    names, linked = list_collections(), st.query_params.get("collection")
    made, since = st.session_state.get("collection-made", ("", 0.0))
    if made in names and time.monotonic() < since + MADE_SECONDS:
        linked = st.query_params["collection"] = made
        st.session_state.pop("collection-linked", None)
    if linked not in names:  # it was deleted
        st.session_state.pop("collection-linked", None)
    if names and st.session_state.get("collection") not in names:
        st.session_state["collection"] = names[0]
    if linked in names and st.session_state.get("collection-linked") != linked:
        st.session_state["collection"] = st.session_state["collection-linked"] = linked
    says = st.container()
    if linked and linked not in names:
        says.warning(plain(f"There is no collection {linked[:LONGEST_NAME]}; choose another, or make it."))
    name = st.selectbox("Collection", names, key="collection", persist_state="session") if names else None
    with says:
        _say_what_was_done(name)
    data = st.query_params.get("data", "")
    with st.expander("New collection", icon=":material/add:", expanded=bool(data) or not names):
        _make(data)
    if name is None:
        return None
    if linked != name and not data:
        st.query_params["collection"] = st.session_state["collection-linked"] = name
    with st.expander(f"Add photographs to {plain(name)}", icon=":material/add_photo_alternate:"):
        _extend(name)
    return open_collection(name)


def _make(data: str) -> None:
    """Let the visitor make a collection, of the masks of the dataset ``data`` where a link names one."""
    st.write("A collection keeps photographs with the masks that you correct, and every version of these.")
    if tells_viewer():
        return
    with st.form("new-collection", border=False):
        name = st.text_input("Name", max_chars=LONGEST_NAME, placeholder="Clinic in spring")
        kind, folder, copy = _folder_fields(f"new-{data}", data)
        if not st.form_submit_button("Make the collection", icon=":material/add:", type="primary"):
            return
    _add(name.strip(), lambda: create_collection(name), kind, folder, copy=copy)


def _extend(name: str) -> None:
    if tells_viewer():
        return
    with st.form(f"add-{name}", border=False):
        kind, folder, copy = _folder_fields(name)
        if not st.form_submit_button("Add", icon=":material/add:"):
            return
    _add(name, lambda: open_collection(name), kind, folder, copy=copy)


def _folder_fields(key: str, data: str = "") -> tuple[str, str, bool]:
    kind = st.segmented_control(
        "What it holds", [PHOTOS, PAIRS], default=PAIRS if data else PHOTOS, required=True, key=f"kind-{key}"
    )
    folder = st.text_input("Folder", data, placeholder="~/photographs", help=FOLDER_HELP, key=f"folder-{key}")
    copy = st.checkbox("Copy the photographs", value=True, help="Else they are referred to where they are.", key=f"copy-{key}")
    return kind, folder.strip(), copy


def _add(name: str, opened: Callable[[], Collection], kind: str, folder: str, *, copy: bool) -> None:
    """Add the photographs of a folder to a collection, opened once the folder was read, and show it when all went well."""
    try:
        may_change()
        if not folder:
            raise InputError("Name a folder of photographs.")
    except InputError as error:
        st.error(plain(str(error)))
        return
    st.session_state["collection-adding"] = Adding(name, opened, folder, with_masks=kind == PAIRS, copy=copy)
    _wait_for_what_is_added()


def _wait_for_what_is_added() -> None:
    """Wait for what is on its way into a collection, and show that collection; a click meanwhile draws the page anew."""
    adding: Adding | None = st.session_state.get("collection-adding")
    if adding is None:
        return
    adding.wait()
    del st.session_state["collection-adding"]
    try:
        st.session_state["collection-added"] = adding.name, adding.result()
    except InputError as error:
        st.error(plain(str(error)))
        return
    # Not only in the address: what the browser sends at the same moment, such as that the editor of another one has loaded,
    # still has the choice and the address from before.
    st.session_state["collection-made"] = adding.name, time.monotonic()
    photograph = st.query_params.get("photograph") if "data" in st.query_params else None  # a link to one of a dataset
    st.query_params.from_dict({"collection": adding.name} | ({"photograph": photograph} if photograph else {}))
    st.rerun()


def _say_what_was_done(name: str | None) -> None:
    """Say which collection was deleted, and what was added to the one that is shown, as long as it is shown."""
    if "collection-deleted" in st.session_state:
        st.toast(plain(st.session_state["collection-deleted"]), icon=":material/delete:")
        del st.session_state["collection-deleted"]
    added_to, added = st.session_state.get("collection-added", (None, Added()))
    if added_to is None or added_to != name:
        st.session_state.pop("collection-added", None)
        return
    notes = "".join(f"\n- {plain(note)}" for note in added.notes)
    (st.warning if added.notes else st.success)(f"Added {counted(len(added.ids), 'photograph')}.{notes}")
