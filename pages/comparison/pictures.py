"""Photographs with the masks of the compared models: small ones with a threshold slider, and one large."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
import streamlit as st

from pages.comparison.compared import Compared
from pages.comparison.table import ORDERS, Table
from pages.live.components import MaskModel, MaskPhoto, ViewedPhotos, compare_view, image_viewer

PHOTOS_PER_PAGE = 8
THRESHOLD = "compare-threshold"
"""Session key of the threshold of all models; its value is None for each model's own."""
IMAGE = "compare-image"
"""Session key of the id of the photograph that is shown large."""


def pictures(models: Sequence[Compared], table: Table, threshold: float | None) -> None:
    """Show the photographs in the chosen order, some at a time, and one of them large."""
    rows, shown = _choose_rows(models, table)
    compare_view(mask_models(models), mask_photos(models, table, shown), threshold, THRESHOLD, IMAGE)
    of_groups = (
        "For a group, the picture shows the mask of its first model that was scored on the photograph, and the mean score."
    )
    has_groups = any(len(model.requests) > 1 for model in models)
    st.caption(
        "White outline: truth. Errors: violet, marked but not lesion; yellow, lesion but not marked. Pictures have at most "
        f"512 pixels a side; scores are those at stored resolution. Click a photograph to see it large. {of_groups * has_groups}"
    )
    st.header("One photograph, large")
    viewed = viewed_photos(models, table, rows)
    image = st.session_state.get(IMAGE)
    if image not in viewed.ids:
        image = viewed.ids[0]
    image_viewer(mask_models(models), viewed, threshold, image, IMAGE)
    st.caption(
        "Arrow keys step through the photographs in the order above. After a click the wheel zooms all pictures, and dragging "
        "moves them. Probabilities are coloured from blue, 0, to yellow, 1."
    )


def _choose_rows(models: Sequence[Compared], table: Table) -> tuple[list[int], list[int]]:
    """Let the visitor choose order, photographs and page; return all rows in that order, and those of the page."""
    order_box, ids_box, page_box = st.columns([5, 3, 2], vertical_alignment="bottom")
    orders = [order for order in ORDERS if len(models) > 1 or order != "difference"]
    order = order_box.segmented_control("Order", orders, default=orders[0], required=True, format_func=ORDERS.__getitem__)
    only = ids_box.multiselect("Only these photographs", table.ids, placeholder="all", key="compare-only")
    # Sorted by the scores at each model's own threshold: the photographs stay in place while the slider moves.
    by_model_threshold = Table.of(models, None)
    rows = [row for row in by_model_threshold.rows_in(order) if not only or by_model_threshold.ids[row] in only]
    pages = max(1, -(-len(rows) // PHOTOS_PER_PAGE))
    page = int(page_box.number_input(f"Page of {pages}", 1, pages, 1, key=f"page-{order}-{len(rows)}"))
    return rows, rows[(page - 1) * PHOTOS_PER_PAGE : page * PHOTOS_PER_PAGE]


def mask_models(models: Sequence[Compared]) -> list[MaskModel]:
    """Return the evaluated models as the picture components take them."""
    return [MaskModel(model.label, model.colour, model.evaluation.model_threshold) for model in models if model.evaluation]


def mask_photos(models: Sequence[Compared], table: Table, rows: Sequence[int]) -> list[MaskPhoto]:
    """Return some rows of the table as the view of small pictures takes them."""
    columns = [column for column, model in enumerate(models) if model.evaluation]
    photos = []
    for row in rows:
        id = table.ids[row]
        bases = [_base(models[column], id) for column in columns]
        first = next(base for base in bases if base)
        scores = [float(table.scores["iou"][row, column]) for column in columns]
        photos.append(
            MaskPhoto(
                id,
                f"{first}/photo.jpg",
                f"{first}/truth.png",
                [base and f"{base}/probability.png" for base in bases],
                [None if np.isnan(score) else score for score in scores],
            )
        )
    return photos


def _base(model: Compared, id: str) -> str | None:
    """Return the address of an image's pictures; None if the model has no mask of it."""
    place = model.places.get(id)
    return place and f"/api/evaluations/{model.requests[place[0]].key}/{place[1]}"


def viewed_photos(models: Sequence[Compared], table: Table, rows: Sequence[int]) -> ViewedPhotos:
    """Return some rows of the table as the large viewer takes them, in their order."""
    shown = [(column, model) for column, model in enumerate(models) if model.evaluation]
    keys_before = list(accumulate((len(model.requests) for _, model in shown), initial=0))
    iou = table.scores["iou"]

    def place(model: Compared, before: int, id: str) -> tuple[int, int] | None:
        found = model.places.get(id)
        return found and (before + found[0], found[1])

    return ViewedPhotos(
        [request.key for _, model in shown for request in model.requests],
        [table.ids[row] for row in rows],
        [[place(model, n, table.ids[row]) for (_, model), n in zip(shown, keys_before, strict=False)] for row in rows],
        [[None if np.isnan(iou[row, column]) else float(iou[row, column]) for column, _ in shown] for row in rows],
    )
