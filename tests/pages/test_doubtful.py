"""Masks that may be wrong on the page Data, without a browser: what cannot be decided is one sentence."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pages.shared import stores
from seg_core.jobs.doubtful import keep_doubtful
from seg_core.runs.store import RunStore
from tests.cross_validated import EMPTIED, cross_validate, with_errors


def panel() -> None:
    import streamlit as st

    from pages.dataset.doubtful import doubtful_panel
    from seg_core.data.dataset import open_dataset

    doubtful_panel(open_dataset(st.query_params["data"]))


def shown(data: str | Path) -> AppTest:
    page = AppTest.from_function(panel)
    page.query_params["data"] = str(data)
    page.run(timeout=60)
    assert not page.exception
    return page


def labels(page: AppTest) -> list[str]:
    return [button.label for button in page.button]


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Links to other pages need the whole app."""
    monkeypatch.setattr("streamlit.page_link", lambda *_, **__: None)
    stores.store.cache_clear()  # each test has a home of its own
    stores.jobs.cache_clear()


def ranked(data: str | Path, good: Path) -> None:
    keep_doubtful(cross_validate(Path(data), good).runs, RunStore(), lambda done, total, what: None)


def test_what_cannot_be_kept_is_one_sentence_and_viewers_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, good = with_errors(tmp_path)
    ranked(data, good)
    decisions = ["Mask is right", "Leave out"]
    assert labels(shown(data)) == [*decisions, *decisions, "Rank again"]
    (data / ".accepted.csv.lock").mkdir()
    (data / "accepted.csv").mkdir()
    page = shown(data)
    assert [error.value.replace("\\", "") for error in page.error] == [
        f"{data}/accepted.csv cannot be read ([Errno 21] Is a directory: '{data}/accepted.csv'); save it as CSV in UTF-8."
    ]
    (data / "accepted.csv").rmdir()
    page = shown(data)
    page.button(key=f"accept-{EMPTIED}").click().run(timeout=60)
    (toast,) = page.toast
    assert "accepted.csv cannot be written" in toast.value.replace("\\", "")
    monkeypatch.setattr("pages.shared.visitor.is_viewer", lambda: True)
    monkeypatch.setattr("pages.dataset.doubtful.is_viewer", lambda: True)
    page = shown(data)
    assert labels(page) == []
    assert any("you see everything, and change nothing" in caption.value for caption in page.caption)


def test_a_packed_dataset_is_ranked_and_keeps_no_lists(tmp_path: Path) -> None:
    data, good = with_errors(tmp_path)
    archive = shutil.make_archive(str(tmp_path / "packed"), "zip", data)
    ranked(archive, good)
    page = shown(archive)
    (note,) = page.info
    assert (
        note.value.replace("\\", "") == f"{archive} is packed, and keeps no lists of photographs; unpack it, and name the folder."
    )
    assert labels(page) == ["Rank again"]
