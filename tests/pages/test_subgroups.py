"""For whom it fails, on the Compare page: which properties wait for a job, and what is shown of each."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import ButtonGroup

from pages.comparison.compared import Compared
from pages.comparison.subgroups import groups_table, properties_of
from pages.shared import stores
from seg_core.config import SplitSpec
from seg_core.data.attributes import TITLES
from seg_core.data.dataset import ALL, SplitChoice, open_dataset
from seg_core.evaluation.result import Evaluation
from seg_core.jobs.job import Request
from seg_core.jobs.requests import attributes_request
from seg_core.jobs.results import result_folder
from seg_core.jobs.store import JobStore
from seg_core.jobs.worker import work_on
from tests.evaluation.stub import per_image
from tests.helpers import make_dataset

COUNT = 44
SHOWN: list[Compared] = []
SPLITS: list[SplitChoice] = []


def section() -> None:
    import streamlit as st

    from pages.comparison.subgroups import properties_of, subgroups
    from tests.pages.test_subgroups import SHOWN, SPLITS

    chosen = subgroups(SHOWN, properties_of(SHOWN, SPLITS[0]), None)
    st.text(f"chosen: {sorted(chosen) if chosen else chosen}")


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half of them with the diagnosis mel, the others with nv."""
    folder = make_dataset(tmp_path_factory.mktemp("data") / "diagnoses", train=COUNT)
    rows = [f"ISIC_{number:07d},{'mel' if number < COUNT // 2 else 'nv'}" for number in range(COUNT)]
    (folder / "metadata.csv").write_text("\n".join(["isic_id,dx", *rows]))
    return folder


@pytest.fixture
def split(photographs: Path, lab_home: Path, monkeypatch: pytest.MonkeyPatch) -> SplitChoice:
    """Scored by a model that marks half of a lesion with the diagnosis mel, and more of the others."""
    split = SplitChoice(open_dataset(photographs), ALL, SplitSpec())
    found = np.where(np.arange(COUNT) < COUNT // 2, 500, 800) + np.arange(COUNT)
    arrays = found[:, None], 0 * found[:, None], np.full(COUNT, 1000), np.full(COUNT, 4096), np.zeros((COUNT, 2))
    ids = tuple(pair.id for pair in split.pairs)
    evaluation = Evaluation(ids, np.array([0.5]), 0.5, *arrays, **per_image(COUNT))
    monkeypatch.setattr(
        "tests.pages.test_subgroups.SHOWN", [Compared("one", "#000000", (Request("evaluate", "one", {}),), evaluation)]
    )
    monkeypatch.setattr("tests.pages.test_subgroups.SPLITS", [split])
    monkeypatch.setattr("pages.shared.job_panel.dispatch", lambda store: None)
    stores.jobs.cache_clear()  # each test has a home of its own
    monkeypatch.setattr("seg_core.jobs.worker.dispatch", lambda store: None)
    return split


def shown(page: AppTest) -> str:
    """All text of the page."""
    assert not page.exception
    elements = [*page.markdown, *page.caption, *page.warning, *page.info, *page.text, *page.error]
    return "\n".join([*(str(each.value) for each in elements), *(str(each.proto.body) for each in page.get("html"))])


def test_lesion_size_comes_first_and_waits_for_nothing(split: SplitChoice) -> None:
    page = AppTest.from_function(section, default_timeout=60).run()
    assert page.selectbox[0].options == ["Lesion size", *TITLES, "Diagnosis"]
    assert "IoU by lesion size" in shown(page)
    assert "All of these photographs are in one group" in shown(page)
    assert JobStore().latest(attributes_request(split.dataset)) is None


def test_a_column_names_the_group_that_is_served_worst_and_shows_its_photographs(split: SplitChoice) -> None:
    page = AppTest.from_function(section, default_timeout=60).run()
    page.selectbox[0].select("Diagnosis").run()
    assert "one is worst on photographs with diagnosis mel\\: IoU 0\\.51" in shown(page)
    assert "<td>22</td><td>0.5105<br><small>" in shown(page)
    assert "chosen: None" in shown(page)
    (groups,) = page.get("button_group")
    assert isinstance(groups, ButtonGroup)
    groups.set_value("mel").run()
    assert f"chosen: {[f'ISIC_{number:07d}' for number in range(COUNT // 2)]}" in shown(page)


def test_what_needs_pixels_waits_for_a_job_and_is_kept(split: SplitChoice) -> None:
    request = attributes_request(split.dataset)
    page = AppTest.from_function(section, default_timeout=60).run()
    page.selectbox[0].select("Hair").run()
    job = JobStore().latest(request)
    assert job is not None
    assert job.status == "queued"
    assert "IoU by hair" not in shown(page)
    work_on(job.id, JobStore())
    page.run()
    assert "IoU by hair" in shown(page)
    rows = list(csv.DictReader(groups_table(SHOWN, properties_of(SHOWN, split), None)().csv().splitlines()))
    assert {row["Property"] for row in rows} >= {"Lesion size", "Contrast to the skin", "Hair", "Diagnosis"}

    folder = result_folder(request)
    assert folder is not None
    (folder / "attributes.npz").write_bytes(b"damaged")
    from pages.comparison.subgroups import _attributes

    _attributes.cache_clear()
    page.run()
    assert result_folder(request) is None  # it is measured again
    again = JobStore().latest(request)
    assert again is not None
    assert again.id != job.id


def test_viewers_start_nothing(split: SplitChoice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LESIONLAB_VIEWER_PASSWORD", "looks only")
    page = AppTest.from_function(section, default_timeout=60).run()
    page.selectbox[0].select("Skin tone (ITA)").run()
    assert "Nobody has measured these photographs yet." in shown(page)
    assert JobStore().latest(attributes_request(split.dataset)) is None
