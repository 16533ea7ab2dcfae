"""What is kept of the photograph that is open: the versions of its mask."""

from __future__ import annotations

import streamlit as st

from pages.shared.markdown import plain
from pages.shared.visitor import is_viewer, may_change, tells_viewer
from seg_core.data.collection.collection import Collection
from seg_core.errors import InputError


def versions_panel(collection: Collection, photograph: str, author: str) -> None:
    """Show the versions of a mask, newest first, and let the visitor go back to one, or leave the photograph out."""
    try:
        item, versions = collection.item(photograph), collection.history(photograph)[::-1]
    except InputError as error:
        st.error(plain(str(error)))
        return
    with st.expander(f"Versions of {plain(photograph)}: {len(versions)}", icon=":material/history:"):
        if not versions:
            st.write("Nobody has saved a mask of it yet.")
        for version in versions:
            said, back = st.columns([5, 1], vertical_alignment="center")
            who = plain(version.author) if version.author else "someone"
            began = f"began as {plain(version.began_as)}, " if version.began_as else ""
            said.markdown(f"**{version.number}** · {who}, {version.saved:%Y-%m-%d %H:%M} UTC · {began}{version.seconds:.0f} s")
            if version.number != item.versions and not is_viewer():
                back.button(
                    "Go back to it",
                    key=f"restore-{photograph}-{version.number}",
                    on_click=_restore,
                    args=(collection, photograph, version.number, author),
                )
        _exclusion(collection, photograph, item.excluded, author)


def _restore(collection: Collection, photograph: str, number: int, author: str) -> None:
    try:
        may_change()
        collection.restore(photograph, number, author)
    except InputError as error:
        st.toast(plain(str(error)), icon=":material/error:")


def _include(collection: Collection, photograph: str) -> None:
    try:
        may_change()
        collection.include(photograph)
    except InputError as error:
        st.toast(plain(str(error)), icon=":material/error:")


def _exclusion(collection: Collection, photograph: str, reason: str | None, author: str) -> None:
    if tells_viewer():
        return
    if reason is not None:
        st.warning(f"It is left out of the dataset: {plain(reason)}")
        st.button("Take it in again", on_click=_include, args=(collection, photograph), key=f"include-{photograph}")
        return
    with st.form(f"exclude-{photograph}", border=False):
        why, press = st.columns([5, 1], vertical_alignment="bottom")
        typed = why.text_input("Leave it out of the dataset, because", placeholder="no lesion in focus", max_chars=200)
        if press.form_submit_button("Leave out"):
            try:
                may_change()
                collection.exclude(photograph, typed, author)
            except InputError as error:
                st.error(plain(str(error)))
            else:
                st.rerun()
