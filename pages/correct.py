"""The page Correct: the masks of a collection, photograph by photograph, to correct by hand."""

from __future__ import annotations

import streamlit as st

from pages.correction.choose import choose_collection
from pages.correction.kept import uses, versions_panel
from pages.correction.proposing import in_order
from pages.live.components import EditedPhoto, ProposingModel, mask_editor
from pages.server.collections import state_of
from pages.shared.markdown import plain
from pages.shared.models import choices, short_name
from pages.shared.visitor import is_viewer
from seg_core.prediction.catalogue import available_checkpoints

st.title("Correct")
collection = choose_collection()
if collection is None:
    st.stop()
items = collection.items()
if not items:
    st.info("It has no photographs yet; add some above.", icon=":material/add_photo_alternate:")
    st.stop()
photograph = st.query_params.get("photograph")
if photograph and photograph not in {item.id for item in items}:
    st.warning(plain(f"There is no photograph {photograph[:100]} in {collection.name}."))
entries = {short_name(entry): entry for entry in available_checkpoints()}
labels = {path: label for label, path in choices()}
chosen = st.selectbox(
    "Model that proposes",
    list(entries),
    format_func=lambda key: labels[str(entries[key].path)],
    key="proposes",
    persist_state="session",
)
if chosen:
    items = in_order(collection, items, entries[chosen])
opened, author = mask_editor(
    collection.name,
    [EditedPhoto(item.id, state_of(item), item.versions) for item in items],
    ProposingModel(chosen, entries[chosen].threshold) if chosen else None,
    opened=photograph,
    may_save=not is_viewer(),
)
if opened:
    versions_panel(collection, opened, author)
uses(collection)
