"""Photographs with the masks of the compared models: small ones with a threshold slider, and one large."""

from __future__ import annotations

from collections.abc import Container, Sequence
from itertools import accumulate

import numpy as np
import streamlit as st

from pages.comparison.compared import Compared
from pages.comparison.table import ORDERS, Table
from pages.live.components import MaskModel, MaskPhoto, ViewedPhotos, compare_view, image_viewer

PHOTOS_PER_PAGE = 8
THRESHOLD = "compare-threshold"
"""Session key of the threshold of all models; its value is None for each model's own."""
ORDER = "compare-order"
"""Session key of the order that the visitor chose."""
MOST_PICTURED = 4
"""Models whose masks are shown side by side; there is no room for more."""


def pictures(
    models: Sequence[Compared],
    table: Table,
    threshold: float | None,
    group: Container[str] | None = None,
    experts: Container[str] = (),
) -> None:
    """Show the photographs in the chosen order, some at a time, and one of them large; of a chosen group, by ids, its own.

    Those that several ``experts`` outlined, by ids, show where these agree.
    """
    rows, shown = _choose_rows(models, table, group)
    models, table = _choose_pictured(models, table)
    compare_view(mask_models(models), mask_photos(models, table, shown, experts), threshold, THRESHOLD)
    of_groups = (
        "For a group, the picture shows the mask of its first model that was scored on the photograph, and the mean score."
    )
    has_groups = any(len(model.requests) > 1 for model in models)
    st.caption(
        f"Click a photograph to see it large. {of_groups * has_groups}",
        help="Pictures have at most 512 pixels a side; scores are those at stored resolution.",
    )
    st.header("One photograph, large")
    image_viewer(mask_models(models), viewed_photos(models, table, rows, experts), threshold)
    st.caption(
        "Arrow keys step through all photographs in the order above. After a click the wheel zooms all pictures, and dragging "
        "moves them."
    )


def _choose_pictured(models: Sequence[Compared], table: Table) -> tuple[Sequence[Compared], Table]:
    """Let the visitor choose whose masks are shown, where there are too many models; return these, and their table."""
    if len(models) <= MOST_PICTURED:
        return models, table
    by_label = {model.label: model for model in models}
    chosen = st.multiselect(
        f"Masks of up to {MOST_PICTURED} models",
        list(by_label),
        list(by_label)[:MOST_PICTURED],
        max_selections=MOST_PICTURED,
        placeholder="Choose models",
        key=f"compare-pictured-{'-'.join(by_label)}",
    )
    shown = [by_label[label] for label in chosen] or list(models[:1])
    columns = [place for place, model in enumerate(models) if model in shown]
    return [models[place] for place in columns], table.columns(columns)


def _choose_rows(models: Sequence[Compared], table: Table, group: Container[str] | None) -> tuple[list[int], list[int]]:
    """Let the visitor choose order, photographs and page; return all rows in that order, and those of the page.

    The rows of a chosen group come first, and are alone on the pages unless the visitor names photographs.
    """
    order_box, ids_box, page_box = st.columns([5, 3, 2], vertical_alignment="bottom")
    with order_box:
        order = _choose_order(several=len(models) > 1)
    only = ids_box.multiselect(
        "Only these photographs", table.ids, placeholder="all" if group is None else "those of the group", key="compare-only"
    )
    # Sorted by the scores at each model's own threshold: the photographs stay in place while the slider moves.
    rows = Table.of(models, None).rows_in(order)
    if group is not None:
        rows.sort(key=lambda row: table.ids[row] not in group)
    wanted: Container[str] | None = only or group
    shown = [row for row in rows if wanted is None or table.ids[row] in wanted]
    pages = max(1, -(-len(shown) // PHOTOS_PER_PAGE))
    page = int(page_box.number_input(f"Page of {pages}", 1, pages, 1, key=f"page-{order}-{len(shown)}"))
    return rows, shown[(page - 1) * PHOTOS_PER_PAGE : page * PHOTOS_PER_PAGE]


def _choose_order(*, several: bool) -> str:
    """Let the visitor choose an order. Another model adds one to choose from; what was chosen stays chosen."""
    orders = [order for order in ORDERS if several or order != "difference"]
    chosen, key = st.session_state.get(ORDER), f"order-of-{len(orders)}"

    def keep() -> None:
        st.session_state[ORDER] = st.session_state[key]

    default = chosen if chosen in orders else orders[0]
    order: str = st.segmented_control(
        "Order", orders, default=default, required=True, format_func=ORDERS.__getitem__, key=key, on_change=keep
    )
    return order


def mask_models(models: Sequence[Compared]) -> list[MaskModel]:
    """Return the evaluated models as the picture components take them."""
    return [MaskModel(model.label, model.colour, model.evaluation.model_threshold) for model in models if model.evaluation]


def mask_photos(models: Sequence[Compared], table: Table, rows: Sequence[int], experts: Container[str] = ()) -> list[MaskPhoto]:
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
                table.both_empty[row, columns].tolist(),
                f"{first}/experts.png" if id in experts else None,
            )
        )
    return photos


def _base(model: Compared, id: str) -> str | None:
    """Return the address of an image's pictures; None if the model has no mask of it."""
    place = model.places.get(id)
    return place and f"/api/evaluations/{model.requests[place[0]].key}/{place[1]}"


def viewed_photos(models: Sequence[Compared], table: Table, rows: Sequence[int], experts: Container[str] = ()) -> ViewedPhotos:
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
        [[bool(table.both_empty[row, column]) for column, _ in shown] for row in rows],
        [table.ids[row] in experts for row in rows],
    )
