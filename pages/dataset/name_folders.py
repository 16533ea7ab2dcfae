"""Saying which folders of a dataset hold photographs and masks, and which value in the masks is the lesion."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages.shared.visit import found_folders
from seg_core.data.source import SAMPLE, Source
from seg_core.errors import InputError

BY_NAME = ""


def name_folders(sources: Sequence[str], field: str, *, is_open: bool) -> None:
    """Let the visitor say what the names of the folders in one dataset do not; the answer becomes part of the typed source.

    Args:
        sources: what is typed; with several, each has to be said on its own.
        field: the key of the text area that they are typed into.
        is_open: True to begin with the fields in view.
    """
    if len(sources) != 1 or sources[0] == SAMPLE:
        return
    try:
        source = Source.parse(sources[0])
        found = found_folders(source)
    except InputError:
        return
    if not found:
        return
    key = f"{field}-{source}"
    with st.expander("Name the folders or the lesion", expanded=is_open, icon=":material/rule_folder:"):
        left, middle, right = st.columns(3, vertical_alignment="bottom")
        with left:
            _folder_box(
                "Photographs", {folder: count for folder, count in found.items() if count}, source.images, f"photos-{key}"
            )
        with middle:
            _folder_box("Masks", found, source.masks, f"masks-{key}")
        right.text_input(
            "Value of the lesion",
            source.lesion or "",
            placeholder="as the masks say",
            help="Where masks hold several values or classes: the value, number or name of the one that is the lesion.",
            key=f"lesion-{key}",
        )
        folders = [folder for folder, count in found.items() if count]
        st.multiselect(
            "Experts, a folder each",
            folders,
            [folder for folder in source.experts if folder in folders],
            placeholder="where names do not tell",
            help="Where several people outlined each photograph: the folder of masks of each of them.",
            key=f"experts-{key}",
        )

        def use() -> None:
            # From the state: what was chosen just before the press has not been drawn yet.
            said = (str(st.session_state[f"{what}-{key}"]).strip() or None for what in ("photos", "masks", "lesion"))
            chosen = Source(source.folder).with_choices(*said)
            experts = st.session_state[f"experts-{key}"]
            truth = source.truth if tuple(experts) == source.experts else None  # of other experts it may be nobody's
            st.session_state[field] = str(chosen.with_choices(experts=experts, truth=truth))

        st.button("Use these", on_click=use, key=f"use-{key}")


def _folder_box(label: str, found: dict[str, int], named: Sequence[str], key: str) -> None:
    """Let the visitor choose a folder, beginning with the one that is named."""
    options = [BY_NAME, *found]
    start = options.index(named[0]) if len(named) == 1 and named[0] in found else 0

    def title(folder: str) -> str:
        count = found.get(folder)
        return f"{folder} ({count:,} images)" if count else folder or "Found by name"

    st.selectbox(label, options, start, format_func=title, key=key)
