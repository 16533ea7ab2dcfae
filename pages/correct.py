"""The page Correct: the masks of a collection, photograph by photograph, to correct by hand."""

from __future__ import annotations

import streamlit as st

from pages.correction.choose import choose_collection
from pages.correction.kept import uses, versions_panel
from pages.correction.proposing import choose_model, in_order
from pages.correction.retraining import retraining_panel
from pages.live.components import EditedPhoto, ProposingModel, mask_editor
from pages.server.collections import state_of
from pages.shared.markdown import plain
from pages.shared.models import short_name
from pages.shared.visitor import is_viewer
from seg_core.data.collection.collection import Collection


def correct(collection: Collection) -> None:
    """Show the photographs of a collection, one at a time, with their masks to draw on."""
    items, photograph = collection.items(), st.query_params.get("photograph")
    if not items:
        st.info("It has no photographs yet; add some above.", icon=":material/add_photo_alternate:")
        return
    if photograph and photograph not in {item.id for item in items}:
        st.warning(plain(f"There is no photograph {photograph[:100]} in {collection.name}."))
    model = choose_model()
    if model:
        items = in_order(collection, items, model)
    opened, author = mask_editor(
        collection.name,
        [EditedPhoto(item.id, state_of(item), item.versions) for item in items],
        ProposingModel(short_name(model), model.threshold) if model else None,
        opened=photograph,
        may_save=not is_viewer(),
    )
    if opened:
        versions_panel(collection, opened, author)
    uses(collection)
    retraining_panel(collection, items)


st.title("Correct")
if (chosen := choose_collection()) is not None:
    correct(chosen)
