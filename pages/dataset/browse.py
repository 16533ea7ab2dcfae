"""A scanned dataset to look through: in numbers, in histograms, and photograph by photograph."""

from __future__ import annotations

import numpy as np
import streamlit as st

from pages.dataset.gallery import gallery
from pages.dataset.histograms import histogram
from pages.dataset.panel import counted
from pages.dataset.view import PROBLEM_FILTERS, Filter, View
from pages.shared.markdown import plain
from seg_core.data.dataset import Dataset
from seg_core.data.folders import SplitName

PHOTOS_PER_PAGE = 24


def summary(dataset: Dataset, view: View) -> None:
    """Show how many pairs each split has, and the median lesion area."""
    areas = view.areas[view.scan.readable]
    median = f" The median lesion area is {np.median(areas) * 100:.1f} % of the photograph." if len(areas) else ""
    st.markdown(f"**{plain(dataset.name)}**: {counted(dataset)}.{median}")


def distributions(view: View) -> None:
    """Show the distributions of lesion areas and photograph sizes."""
    sides = view.by_split(view.longest_sides)
    known = np.unique(np.concatenate([*sides.values(), []]))
    areas_box, sizes_box = st.columns(2) if len(known) > 1 else (st.container(), None)
    with areas_box:
        histogram(view.by_split(view.areas * 100), "Lesion area", "% of the photograph")
    if sizes_box:
        with sizes_box:
            histogram(sides, "Size of the photographs", "pixels on the longer side")
    elif len(known):
        st.caption(f"All photographs are {known[0]:,.0f} pixels on the longer side.")


def browse(view: View) -> None:
    """Show the photographs that the visitor filters, some at a time."""
    split_box, problem_box, area_box, page_box = st.columns([2, 2, 2, 1], vertical_alignment="bottom")
    splits: dict[str, SplitName | None] = {"all": None, **{split: split for split in view.splits}}
    split = split_box.segmented_control("Split", list(splits), default="all", required=True)
    problem = problem_box.selectbox("Problem", [*PROBLEM_FILTERS, *view.problem_kinds])
    low, high = area_box.slider("Lesion area, %", 0, 100, (0, 100))
    rows = view.rows(Filter(splits[split], problem, low / 100, high / 100))
    pages = max(1, -(-len(rows) // PHOTOS_PER_PAGE))
    page = int(page_box.number_input(f"Page of {pages}", 1, pages, 1, key=f"page-{split}-{problem}-{low}-{high}"))
    st.caption(f"{len(rows):,} of {len(view.pairs):,} pairs")
    shown = rows[(page - 1) * PHOTOS_PER_PAGE : page * PHOTOS_PER_PAGE]
    if not shown:
        st.info("No pair matches; widen the filter.", icon=":material/filter_alt_off:")
        return
    st.html(gallery([view.pairs[row] for row in shown], [view.caption(row) for row in shown], "Photographs with their masks"))
