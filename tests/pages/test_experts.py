"""Compare where several experts outlined the photographs: what is evaluated, shown beside the scores, and drawn."""

from __future__ import annotations

import io
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fastapi import HTTPException
from PIL import Image
from streamlit.testing.v1 import AppTest

from benchmarks.simulated_experts import EXPERTS, write_experts
from pages.comparison.compared import compare
from pages.comparison.experts import kept_agreements, missing_experts, of_experts, outlined_by_several
from pages.comparison.judging import Judging
from pages.comparison.pictures import mask_photos, viewed_photos
from pages.comparison.table import Table
from pages.server.evaluation_pictures import experts as picture_of_experts
from pages.shared.tables import score_table
from seg_core.config import SplitSpec
from seg_core.data.dataset import SplitChoice, open_dataset
from seg_core.data.truth import read_experts
from seg_core.evaluation.bootstrap import Interval
from seg_core.evaluation.comparison import Row, score_rows
from seg_core.evaluation.experts import CEILING
from seg_core.evaluation.result import METRICS
from seg_core.jobs.job import Request
from seg_core.jobs.store import JobStore
from seg_core.jobs.tasks import TASKS
from seg_core.jobs.worker import work_on
from tests.helpers import make_dataset


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photographs that three experts outlined, and a folder of masks, ``tool``, which are those of the first."""
    folder = tmp_path_factory.mktemp("three")
    plain = open_dataset(make_dataset(folder / "plain", size=(60, 48), train=3, test=8))
    return write_experts(folder / "three", plain.pairs)


def done(request: Request, monkeypatch: pytest.MonkeyPatch) -> str:
    """Do a job here, and return its message."""
    monkeypatch.setattr("seg_core.jobs.worker.dispatch", lambda store: None)
    store = JobStore()
    job = store.submit(request)
    work_on(job.id, store, TASKS)
    return store.get(job.id).message


@pytest.mark.usefixtures("lab_home")
def test_models_and_experts_are_evaluated_by_jobs_and_stand_beside_each_other(
    three: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    split = SplitChoice(open_dataset(three), "test", SplitSpec())
    masks = three / "test" / "masks_expert1"
    (model,) = compare({"tool": masks}, split, tta=False)
    assert (model.evaluation, kept_agreements(split)) == (None, None)
    ((name, request),) = missing_experts(split).items()
    assert (name, request.kind) == ("Comparing the experts", "experts")
    assert done(model.requests[0], monkeypatch) == "8 photographs evaluated."
    assert done(request, monkeypatch) == "The experts are compared on 8 photographs."
    assert missing_experts(split) == {}

    (model,) = compare({"tool": masks}, split, tta=False)
    assert list(model.beside) == list(EXPERTS)
    assert model.beside["expert1"].scores()["iou"].tolist() == [1] * 8
    shown = of_experts([model], split, None, Judging())
    found, below = shown.beside, shown.row
    assert found
    assert below
    tool, first, *_ = found.rows
    assert tool.by_expert["expert2"] == first.by_expert["expert2"]
    assert found.agreements["tool"].finding == "better"  # it is one of them

    assert below.scores["iou"] == found.ceiling
    assert (shown.ceiling, [sheet.name for sheet in shown.sheets]) == (found.ceiling.mean, ["experts"])
    assert {"sensitivity", "specificity"}.isdisjoint(below.scores)
    table = score_table(score_rows({"tool": model.evaluation}, {}) if model.evaluation else [], below=[below])
    assert f'<tr class="apart"><th scope="row">{CEILING}</th><td>{found.ceiling.mean:.4f}<br>' in table


@pytest.mark.usefixtures("lab_home")
def test_a_damaged_comparison_of_experts_is_made_again(three: Path, monkeypatch: pytest.MonkeyPatch, lab_home: Path) -> None:
    split = SplitChoice(open_dataset(three), "test", SplitSpec())
    ((_, request),) = missing_experts(split).items()
    done(request, monkeypatch)
    (folder,) = lab_home.glob("results/experts-*")
    (folder / "experts.json").write_text("[1")
    assert kept_agreements(split) is None
    assert missing_experts(split)


def test_other_datasets_have_nothing_to_compare(small_dataset: Path) -> None:
    split = SplitChoice(open_dataset(small_dataset), "test", SplitSpec())
    assert missing_experts(split) == {}
    assert kept_agreements(split) is None
    shown = of_experts([], split, None, Judging())
    assert (shown.beside, shown.rows, shown.sheets, shown.ceiling) == (None, [], [], None)
    assert not outlined_by_several(split)


def test_rows_below_are_never_the_best() -> None:
    means = dict.fromkeys(METRICS, Interval(0.5, 0.4, 0.6))
    one = Row("one", frozenset("ab"), means, None)
    better = replace(one, label="Experts", scores=dict.fromkeys(METRICS, Interval(0.9, 0.8, 1)))
    assert score_table([one, replace(one, label="two")], below=[better]).count("<b>0.5000</b>") == 2 * len(METRICS)
    assert "<b>0.9000</b>" not in score_table([one, replace(one, label="two")], below=[better])


@pytest.mark.usefixtures("lab_home")
def test_pictures_show_the_share_of_the_experts(three: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    split = SplitChoice(open_dataset(three), "test", SplitSpec())
    (model,) = compare({"tool": three / "test" / "masks_expert1"}, split, tta=False)
    done(model.requests[0], monkeypatch)
    models = compare({"tool": three / "test" / "masks_expert1"}, split, tta=False)
    ids, key = outlined_by_several(split), models[0].requests[0].key
    assert {pair.id for pair in split.pairs} <= ids
    table = Table.of(models, None)
    (photo,) = mask_photos(models, table, [0], ids)
    assert photo.experts == f"/api/evaluations/{key}/1/experts.png"
    assert viewed_photos(models, table, [0, 1], {table.ids[1]}).experts == [False, True]
    assert mask_photos(models, table, [0])[0].experts is None

    with Image.open(io.BytesIO(bytes(picture_of_experts(key, 1).body))) as picture:
        shares = np.asarray(picture)
    drawn = list(read_experts(split.pairs[0]).values())
    assert shares.tolist() == np.rint(sum(each.mask.astype(int) for each in drawn) * 85).astype(int).tolist()
    assert set(np.unique(shares).tolist()) == {0, 85, 170, 255}


@pytest.mark.usefixtures("lab_home")
def test_photographs_without_experts_have_no_such_picture(
    small_dataset: Path, other_masks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    split = SplitChoice(open_dataset(small_dataset), "test", SplitSpec())
    (model,) = compare({"tool": other_masks}, split, tta=False)
    done(model.requests[0], monkeypatch)
    with pytest.raises(HTTPException, match="No experts outlined"):
        picture_of_experts(model.requests[0].key, 1)


def truth_page() -> None:
    import streamlit as st

    from pages.dataset.choose import choose_dataset

    dataset = choose_dataset(st.query_params.get_all("data"), "test")
    st.text(" + ".join(dataset.sources) if dataset else "none")


def test_a_small_list_says_which_truth_counts(three: Path, small_dataset: Path, lab_home: Path) -> None:
    page = AppTest.from_function(truth_page, default_timeout=60)
    page.query_params["data"] = [str(three), str(small_dataset)]
    page.run()
    (box,) = [box for box in page.selectbox if box.label == "Truth of 3 experts"]
    assert box.options == ["What most experts mark", "STAPLE of the experts", *(f"What {expert} marks" for expert in EXPERTS)]
    for chosen, query in (("staple", "?truth=staple"), ("expert2", "?truth=expert2"), ("majority", "")):
        (box,) = [box for box in page.selectbox if box.label == "Truth of 3 experts"]
        box.set_value(chosen).run()
        assert page.text[-1].value == f"{three}{query} + {small_dataset}"
        assert not page.exception
    page = AppTest.from_function(truth_page, default_timeout=60)
    page.query_params["data"] = [str(small_dataset)]
    assert not [box for box in page.run().selectbox if box.label.startswith("Truth")]


def test_the_folders_of_experts_can_be_named_on_the_page(three: Path, tmp_path: Path, lab_home: Path) -> None:
    data = tmp_path / "unnamed"
    for expert, name in (("expert1", "anna"), ("expert2", "ben")):
        shutil.copytree(three / "test" / f"masks_{expert}", data / "masks" / name)
    shutil.copytree(three / "test" / "images", data / "images")
    page = AppTest.from_function(truth_page, default_timeout=60)
    page.query_params["data"] = [str(data)]
    page.run()
    (box,) = [box for box in page.multiselect if box.label == "Experts, a folder each"]
    box.set_value(["masks/anna", "masks/ben"]).run()
    (use,) = [button for button in page.button if button.label == "Use these"]
    use.click().run()
    assert page.text[-1].value == f"{data}?experts=masks/anna&experts=masks/ben"
    (truth,) = [box for box in page.selectbox if box.label == "Truth of 2 experts"]
    truth.set_value("ben").run()
    assert page.text[-1].value == f"{data}?experts=masks/anna&experts=masks/ben&truth=ben"
    assert not page.exception
