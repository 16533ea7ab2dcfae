"""The Compare page: models, groups of runs, and masks of another program, on one split of a dataset."""

from __future__ import annotations

import streamlit as st

from pages.comparison.choices import choose_models, choose_split, choose_tta, remember
from pages.comparison.compared import compare
from pages.comparison.downloads import download_masks
from pages.comparison.evaluating import evaluate_panel
from pages.comparison.results import forget_threshold, results
from pages.comparison.warnings import warn_of_overlap
from pages.dataset.choose import choose_dataset, correct_link
from pages.search.lock import gate
from seg_core.data.dataset import ALL
from seg_core.data.source import SAMPLE
from seg_core.runs.groups import Group

st.title("Compare")
forget_threshold()
data_column, models_column = st.columns(2, gap="large")
with data_column:
    st.header("Data")
    dataset = choose_dataset(st.query_params.get_all("data") or [SAMPLE], "compare")
    split = choose_split(dataset) if dataset else None
with models_column:
    st.header("Models")
    chosen = choose_models()
    tta = choose_tta()
if dataset is None or split is None:
    st.stop()
if not chosen:
    st.info("Choose models, or a folder of masks, to compare.", icon=":material/compare:")
    st.page_link("train.py", label="Train a model", icon=":material/model_training:")
    st.stop()
remember(dataset, split, chosen, tta=tta)
with st.container():
    is_locked = bool(dataset.test) and split.name in ("test", ALL) and gate(chosen)
if is_locked:
    st.stop()
with st.container():
    warn_of_overlap(chosen, split)
    models = compare(chosen, split, tta=tta)
same_split = not split.is_drawn or not any(isinstance(model, Group) for model in chosen.values())
if not same_split:
    data_column.caption("Each run of a group is scored on the split of this name that its own seed or fold drew.")
with models_column:
    evaluate_panel(models, split, same_split=same_split)
if any(model.evaluation for model in models):
    results(models, split)
    correct_link(dataset.sources)
    download_masks(models)
