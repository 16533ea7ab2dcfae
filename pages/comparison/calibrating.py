"""Calibrating an evaluated model: the threshold that fits the outlines of these masks, kept as a model of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import streamlit as st

from pages.comparison.compared import Compared, checkpoint_of
from pages.shared.markdown import plain
from pages.shared.visitor import is_viewer, may_change
from seg_core.data.dataset import Dataset, SplitChoice
from seg_core.errors import InputError
from seg_core.evaluation.calibration import Calibration, calibrate
from seg_core.evaluation.result import Evaluation
from seg_core.evaluation.trust import learn_expected_iou
from seg_core.prediction.catalogue import new_model_file
from seg_core.prediction.checkpoint_file import read_metadata
from seg_core.prediction.metadata import ExpectedIouValues
from seg_core.report.calibrated import LONGEST_NAME, calibrated_name, save_calibrated

TITLE = "Calibrate the threshold"


def calibrate_button(models: Sequence[Compared], split: SplitChoice) -> None:
    """Offer to calibrate the evaluated checkpoints, to those who may change something; nothing where there are none."""
    found = {model.label: each for model in models if (each := _checkpoint_of(model))}
    if not found or is_viewer():
        return
    if st.button(TITLE, icon=":material/tune:", help="Find the threshold that fits the outlines of these masks."):
        _dialog(found, split)


def _checkpoint_of(model: Compared) -> tuple[Path, Evaluation] | None:
    """Return the checkpoint of a model with its evaluation; None for a group, other programs, and test-time augmentation."""
    path, evaluation = checkpoint_of(model), model.evaluation
    return (path, evaluation) if path and isinstance(evaluation, Evaluation) else None


@st.dialog(TITLE, on_dismiss="rerun")  # so that the page lists the new model
def _dialog(models: Mapping[str, tuple[Path, Evaluation]], split: SplitChoice) -> None:
    label = st.selectbox("Model", list(models)) if len(models) > 1 else next(iter(models))
    path, evaluation = models[label]
    try:
        found = _calibration(evaluation)
        name = calibrated_name(read_metadata(path), split.dataset)
    except InputError as error:
        st.info(plain(str(error)))
        return
    st.markdown(plain(f"{label}: {found.sentence}"))
    if found.without_lesion:
        st.caption(f"{found.without_lesion:,} photographs have no lesion in their mask; they are left out.")
    learnt = learn_expected_iou(evaluation, split.dataset.name, found.threshold)
    if found.is_new or learnt:
        _save(path, found, split.dataset, name, learnt)


def _save(path: Path, found: Calibration, dataset: Dataset, name: str, learnt: ExpectedIouValues | None) -> None:
    typed = st.text_input("Name of the new model", name, max_chars=LONGEST_NAME, key=f"calibrated-{path}")
    name = " ".join(typed.split()) or name
    changes = [f"a threshold of {found.threshold:.2f}"] if found.is_new else []
    changes += ["an expected IoU that was learnt on these photographs"] if learnt else []
    copy = f"A copy with the same weights and {' and '.join(changes)}."
    st.caption(f"{copy} Its scores on these {len(found.ids):,} photographs will be too good; judge it on others.")
    if st.button("Save as a new model", type="primary", icon=":material/save:"):
        try:
            may_change()
            save_calibrated(path, found, dataset, new_model_file(name), name, learnt)
        except InputError as error:
            st.error(plain(str(error)))
        else:
            st.success(f"{plain(name)} is now among the models of Predict and Compare.")


@lru_cache(maxsize=64)  # the dialog is drawn anew with every change
def _calibration(evaluation: Evaluation) -> Calibration:
    return calibrate(evaluation)
