"""Files to download of a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from pages.comparison.compared import Compared
from pages.shared.downloads import made_file
from pages.shared.models import slug
from seg_core.jobs.requests import masks_request


def take_masks_away(models: Sequence[Compared]) -> None:
    """The masks of a split by each checkpoint of a comparison."""
    checkpoints = {
        model.label + (f", {place} of {len(model.requests)}" if len(model.requests) > 1 else ""): request
        for model in models
        if model.evaluation
        for place, request in enumerate(model.requests, start=1)
        if not Path(request.arguments["model"]).is_dir()
    }
    if not checkpoints:
        return
    with st.expander("Masks of all photographs", icon=":material/folder_zip:"):
        st.caption("PNG files of 0 and 255, each as large as its photograph, at the model's own threshold.")
        for label, request in checkpoints.items():
            made_file(masks_request(request), "masks.zip", label, f"masks-{slug(label)}.zip")
