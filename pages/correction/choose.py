"""Choosing a collection, making a new one, and adding photographs to it."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st
from seg_core.data.collection.collection import Collection
from seg_core.data.collection.sources import add_from
from seg_core.data.collection.store import LONGEST_NAME, create_collection, list_collections, open_collection

from pages.shared.markdown import plain
from pages.shared.visitor import tells_viewer
from seg_core.errors import InputError

FOLDER_HELP = (
    "Photographs, with or without masks, in any layout that the page Data understands. Masks that are there become the first "
    "versions; the folder itself stays as it is."
)


def choose_collection() -> Collection | None:
    """Let the visitor choose a collection or make one; the address names the choice. Return None while there is none."""
    names = list_collections()
    linked = st.query_params.get("collection")
    if linked in names and st.session_state.get("collection-linked") != linked:
        st.session_state["collection"] = linked
    st.session_state["collection-linked"] = linked
    if names:
        name = st.selectbox("Collection", names, key="collection", persist_state="session")
    with st.expander("New collection", icon=":material/add:", expanded=not names):
        _make()
    if not names:
        return None
    if linked != name:
        st.query_params["collection"] = st.session_state["collection-linked"] = name
    with st.expander("Add photographs", icon=":material/add_photo_alternate:"):
        _add(name)
    try:
        return open_collection(name)
    except InputError as error:
        st.error(plain(str(error)))
        return None


def _make() -> None:
    st.write("A collection keeps photographs with the masks that you correct, and every version of them.")
    if tells_viewer():
        return
    with st.form("new-collection", border=False):
        name = st.text_input("Name", max_chars=LONGEST_NAME, placeholder="Clinic, spring")
        folder, copy = _folder_fields("new")
        made = st.form_submit_button("Make the collection", icon=":material/add:", type="primary")
    if made and _fill(lambda: create_collection(name), folder, copy=copy):
        st.session_state["collection-linked"] = None
        st.query_params["collection"] = name.strip()
        st.rerun()


def _add(name: str) -> None:
    if tells_viewer():
        return
    with st.form(f"add-{name}", border=False):
        folder, copy = _folder_fields(name)
        if st.form_submit_button("Add", icon=":material/add:") and _fill(lambda: open_collection(name), folder, copy=copy):
            st.rerun()


def _folder_fields(key: str) -> tuple[str, bool]:
    folder = st.text_input("Folder", placeholder="~/photographs", help=FOLDER_HELP, key=f"folder-{key}")
    copy = st.checkbox(
        "Copy the photographs", value=True, help="Without, they are referred to where they lie.", key=f"copy-{key}"
    )
    return folder.strip(), copy


def _fill(opened: Callable[[], Collection], folder: str, *, copy: bool) -> bool:
    """Add the photographs of a folder to a collection, with a progress bar; return True if all went well."""
    bar = st.empty()

    def advance(done: int, total: int) -> None:
        bar.progress(done / total, f"Adding photographs, {done:,} of {total:,}")

    try:
        if not folder:
            raise InputError("Name a folder of photographs.")
        add_from(opened, folder, copy=copy, on_progress=advance)
    except InputError as error:
        st.error(plain(str(error)))
        return False
    finally:
        bar.empty()
    return True
