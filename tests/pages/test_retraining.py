"""The panel of Correct that retrains: what it offers to whom, and what it says when there is too little."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from seg_core.common.home import SHIPPED_CHECKPOINTS
from seg_core.prediction.checkpoint_file import read_metadata
from seg_core.runs.store import RunStore
from tests.helpers import VIEWER_PASSWORD, corrected

SCRIPT = """
from pages.correction.retraining import retraining_panel
from pages.shared.stores import jobs, store
from seg_core.data.collection.store import open_collection
for each in (store, jobs):
    each.cache_clear()
clinic = open_collection("Clinic")
retraining_panel(clinic, clinic.items())
"""


def shown() -> AppTest:
    page = AppTest.from_string(SCRIPT, default_timeout=60).run()
    assert not page.exception
    return page


def test_too_few_corrections_are_counted(tmp_path: Path) -> None:
    corrected(tmp_path / "few", 5)
    page = shown()
    assert page.markdown[0].value.endswith("There are 5; correct 7 more.")
    assert not page.button


def test_the_button_says_how_many_train(tmp_path: Path) -> None:
    corrected(tmp_path / "clinic", 14)
    page = shown()
    (button,) = page.button
    assert button.label == "Retrain with 8 corrections"
    assert [field.value for field in page.number_input] == [20, 0.01]
    page.button_group[0].set_value("Anew").run()
    trained = read_metadata(SHIPPED_CHECKPOINTS / "fine-tune-best-plus.safetensors")["config"]
    assert page.number_input[0].value == trained["epochs"]  # as many epochs as the model had
    assert page.checkbox[0].disabled  # nobody knows the photographs of a model that ships
    assert RunStore().list_runs() == []


def test_a_viewer_is_offered_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corrected(tmp_path / "clinic", 14)
    monkeypatch.setenv("LESIONLAB_VIEWER_PASSWORD", VIEWER_PASSWORD)
    page = shown()
    assert not page.button
    assert page.caption[0].value == "You are signed in as a viewer: you see everything, and change nothing."
