"""The page Correct: the masks of a collection, photograph by photograph, to correct by hand."""

from __future__ import annotations

import streamlit as st

from pages.correction.choose import choose_collection
from pages.correction.kept import versions_panel
from pages.correction.proposing import choose_model, in_order
from pages.correction.retraining import retraining_panel
from pages.correction.whole import delete_button, export_panel, uses
from pages.live.components import EditedPhoto, ProposingModel, mask_editor
from pages.server.collections import state_of
from pages.shared.markdown import plain
from pages.shared.models import short_name
from pages.shared.visitor import VIEWERS_CHANGE_NOTHING, is_viewer
from seg_core.data.collection.collection import Collection
from seg_core.errors import InputError


def correct(collection: Collection) -> None:
    """Show the photographs of a collection, one at a time, with their masks to draw on."""
    items, photograph = collection.items(), st.query_params.get("photograph")
    if not items:
        st.info("It has no photographs yet; add some above.", icon=":material/add_photo_alternate:")
        delete_button(collection, items)
        return
    if photograph and photograph not in {item.id for item in items}:
        st.warning(plain(f"There is no photograph {photograph[:100]} in {collection.name}."))
    model = choose_model()
    with st.container():  # always there, as below, so that what follows keeps its state
        ordered = in_order(collection, items, model) if model else items
    opened, author = mask_editor(
        collection.name,
        [EditedPhoto(item.id, state_of(item), item.versions) for item in ordered],
        ProposingModel(short_name(model), model.threshold) if model else None,
        opened=photograph,
        refusal=VIEWERS_CHANGE_NOTHING if is_viewer() else "",
    )
    with st.container():
        if opened:
            versions_panel(collection, opened, author)
    uses(collection)
    retraining_panel(collection, items)
    export_panel(collection, items)
    delete_button(collection, items)


st.title("Correct")
try:
    if (chosen := choose_collection()) is not None:
        correct(chosen)
except InputError as error:  # a collection that cannot be read, or that someone deletes meanwhile
    st.error(plain(str(error)))
