"""Downloads of a comparison: tables of scores, and masks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from pages.comparison.compared import Compared
from pages.comparison.table import Table, scores_csv
from pages.shared.downloads import made_file
from seg_core.common.text import slug
from seg_core.data.folders import is_mask_folder
from seg_core.evaluation.comparison import Row
from seg_core.evaluation.sheets import WRITERS, Sheet
from seg_core.evaluation.tables import to_csv, to_latex, to_markdown
from seg_core.jobs.requests import masks_request

TO_TEXT = {"CSV": to_csv, "Markdown": to_markdown, "LaTeX": to_latex}


def download_tables(
    rows: Callable[[], Sequence[Row]],
    scored_on: str,
    models: Sequence[Compared],
    table: Table,
    sheets: Sequence[Sheet],
    groups: Callable[[], Sheet],
) -> None:
    """Offer every table of a comparison in several formats, the scores of every photograph, and those of groups.

    ``rows`` makes the rows of the table of scores, with every score.
    """
    with st.popover("Download", icon=":material/download:"):
        name = st.segmented_control("Format", list(WRITERS), default="CSV", required=True, key="compare-format")
        write, ending = WRITERS[name]
        _button(f"Table as {name}", lambda: TO_TEXT[name](rows(), scored_on), f"lesionlab-table.{ending}")
        for sheet in sheets:
            _button(f"{sheet.name.capitalize()} as {name}", partial(write, sheet), f"lesionlab-{sheet.name}.{ending}")
        _button("Scores of every photograph (CSV)", partial(scores_csv, models, table), "lesionlab-scores.csv")
        _button(f"Groups as {name}", lambda: write(groups()), f"lesionlab-groups.{ending}")


def _button(label: str, content: Callable[[], str], file_name: str) -> None:
    """Show a button for a file that is made when it is downloaded."""
    st.download_button(label, content, file_name, on_click="ignore", width="stretch")


def download_masks(models: Sequence[Compared]) -> None:
    """Offer the masks that each checkpoint of a comparison predicts, as an archive."""
    checkpoints = {
        model.label + (f", {number} of {len(model.requests)}" if len(model.requests) > 1 else ""): request
        for model in models
        if model.evaluation
        for number, request in enumerate(model.requests, start=1)
        if not is_mask_folder(request.arguments["model"])
    }
    if not checkpoints:
        return
    with st.expander("Masks of all photographs", icon=":material/folder_zip:"):
        st.caption("PNG files of 0 and 255, each as large as its photograph, at the model's own threshold.")
        for label, request in checkpoints.items():
            made_file(masks_request(request), "masks.zip", label, f"masks-{slug(label)}.zip")
