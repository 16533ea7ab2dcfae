"""Masks that a model proposes for a whole collection, and the order from the most doubtful on."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages.shared.job_panel import job_panel, queue_jobs
from pages.shared.models import choices, short_name
from pages.shared.visit import refresh
from pages.shared.visitor import is_viewer
from seg_core.common.text import counted
from seg_core.data.collection.collection import Collection
from seg_core.data.collection.contents import Item
from seg_core.jobs.requests import load_doubt, proposals_request
from seg_core.jobs.results import result_folder
from seg_core.prediction.catalogue import CheckpointEntry, available_checkpoints

BY_DOUBT, BY_NAME = "Most doubtful first", "By name"
HELP = (
    "The model's own estimate of the IoU of its mask (Soft Dice Confidence, Borges et al., 2024). Photographs without a saved "
    "mask come first."
)


def choose_model() -> CheckpointEntry | None:
    """Let the visitor choose the model that proposes masks; return None while there is none."""
    entries = {short_name(entry): entry for entry in available_checkpoints()}
    labels = {path: label for label, path in choices()}
    key = st.selectbox(
        "Model that proposes",
        list(entries),
        format_func=lambda key: labels.get(str(entries[key].path), key),
        key="proposes",
        persist_state="session",
    )
    return entries.get(key)


def in_order(collection: Collection, items: Sequence[Item], model: CheckpointEntry) -> list[Item]:
    """Let the visitor have masks proposed, and choose the order; return the photographs in it."""
    request = proposals_request(collection, model.path, short_name(model))
    folder = result_folder(request)
    if folder is None:
        if not job_panel({"Proposing masks": request}):
            label = f"Propose masks for {counted(len(items), 'photograph')}, and put the most doubtful first"
            if st.button(label, icon=":material/auto_fix_high:", on_click=refresh, disabled=is_viewer()):
                queue_jobs([request])
                st.rerun()
        return list(items)
    order = st.segmented_control("Order", [BY_DOUBT, BY_NAME], default=BY_DOUBT, required=True, help=HELP, key="correct-order")
    if order == BY_NAME:
        return list(items)
    expected = load_doubt(folder)
    return sorted(items, key=lambda item: (item.mask is not None, expected.get(item.id, 0.0)))
