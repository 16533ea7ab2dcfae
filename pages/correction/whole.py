"""What can be done with a whole collection: use it as a dataset, export it, delete it."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

import streamlit as st

from pages.shared.address import address
from pages.shared.markdown import plain
from pages.shared.visitor import is_viewer, may_change
from seg_core.data.collection.collection import Collection
from seg_core.data.collection.contents import Item, contents_in_words
from seg_core.data.collection.export import LEFT_OUT, exported
from seg_core.data.collection.store import delete_collection
from seg_core.errors import InputError

LAYOUTS = {
    "isic": ("ISIC 2016", "The folders of ISIC 2016, masks called ID_Segmentation.png."),
    "images-masks": ("images/ and masks/", "A folder of photographs, and one of masks of the same names."),
    "coco": ("COCO", "Photographs and annotations.json, with masks as run lengths."),
    "nnunet": ("nnU-Net", "imagesTr, labelsTr and dataset.json of nnU-Net 2; photographs become PNG."),
}


def uses(collection: Collection) -> None:
    """Show links to what a collection can be used for, as a dataset like any other."""
    query = {"data": [collection.source()]}
    with st.container(horizontal=True):
        st.page_link("data.py", label="Look through it", icon=":material/photo_library:", query_params=query)
        st.page_link("train.py", label="Train on it", icon=":material/model_training:", query_params=query)
        st.page_link("compare.py", label="Compare models on it", icon=":material/compare:", query_params=query)


def export_panel(collection: Collection, items: Sequence[Item]) -> None:
    """Let the visitor download a collection for other programs."""
    count = len(exported(items))
    with st.expander("Export", icon=":material/download:"):
        if not count:
            st.write("No photograph has a saved mask yet; save one first.")
            return
        st.write(f"Zip archives of the photographs that have a saved mask: {count:,}. Those that are left out are not in them.")
        with st.container(horizontal=True):
            for layout, (label, help) in LAYOUTS.items():
                link = address(f"/api/collections/{quote(collection.name)}/export/{layout}.zip")
                st.link_button(label, link, icon=":material/folder_zip:", help=help)
        st.caption(f"A photograph that cannot be read is left out, and named in {LEFT_OUT} in the archive.")


def delete_button(collection: Collection, items: Sequence[Item]) -> None:
    """Let the visitor delete a collection, after a question; viewers get no button."""
    if not is_viewer() and st.button("Delete the collection", icon=":material/delete:", type="tertiary"):
        _confirm(collection, items)


@st.dialog("Delete?")
def _confirm(collection: Collection, items: Sequence[Item]) -> None:
    st.write(f"This deletes **{plain(collection.name)}** with {contents_in_words(items)}. It cannot be undone.")
    if referred := sum(item.photo.is_symlink() for item in items):
        st.write(f"Photographs that it only refers to stay where they are: {referred:,}.")
    yes, no = st.columns(2)
    if yes.button("Delete", type="primary", width="stretch"):
        try:
            may_change()
            delete_collection(collection.name)
        except InputError as error:
            st.error(plain(str(error)))
            return
        st.session_state["collection-deleted"] = f"{collection.name} is deleted."
        st.query_params.clear()
        st.rerun()
    if no.button("Keep", width="stretch"):
        st.rerun()
