"""The Data page: look through a dataset, see what it holds and what is wrong with it, and fetch the official one."""

from __future__ import annotations

import streamlit as st

from pages.dataset.browse import browse, distributions, summary
from pages.dataset.choose import DOUBTFUL, choose_by_address, correct_link, shown_part
from pages.dataset.doubtful import doubtful_panel
from pages.dataset.duplicates import duplicates_panel
from pages.dataset.fetch import fetch_panel
from pages.dataset.panel import counted, preview_panel, show_problems
from pages.dataset.scan import scanned
from pages.shared.markdown import plain
from seg_core.config import RECIPES, Config
from seg_core.data.check import check_names

st.title("Data")
with st.container():  # always there, so that the expander below it keeps its state
    dataset = choose_by_address()
fetch_panel()
if dataset is None:
    st.stop()
if shown_part() == DOUBTFUL:
    doubtful_panel(dataset)
    st.stop()
view = scanned(dataset)
if view is None:
    st.markdown(f"**{plain(dataset.name)}**: {counted(dataset)}.")
    show_problems(check_names(dataset), dataset, checked=False)
    st.stop()
summary(dataset, view)
show_problems(view.scan.problems, dataset)
if not view.pairs:
    st.stop()
duplicates_panel(view)
distributions(view)
st.header("Photographs")
correct_link(dataset.sources)
browse(view)
st.header("Augmentation")
recipe = st.segmented_control("Recipe", list(RECIPES), default="best", required=True)
preview_panel(dataset, Config.of(recipe))
