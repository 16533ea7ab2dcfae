"""Masks that may be wrong: ranked by the models of a cross-validation, and no longer listed once somebody has decided."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from seg_core.data.dataset import SplitChoice, open_dataset
from seg_core.data.verdicts import Verdicts, accept_mask, leave_out, read_verdicts, take_back
from seg_core.errors import InputError
from seg_core.jobs.doubtful import Ranking, load_doubtful, probabilities
from seg_core.jobs.requests import doubtful_request, evaluation_request, unseen
from seg_core.jobs.results import evaluation_folder, result_folder
from seg_core.jobs.store import JobStore
from seg_core.jobs.worker import work_on
from seg_core.runs.groups import Group
from seg_core.runs.store import RunStore
from tests.cross_validated import EMPTIED, WIDENED, cross_validate, with_errors
from tests.helpers import read_mask


def ranked(group: Group) -> Ranking:
    """What the job finds."""
    store = JobStore()
    request = doubtful_request(group.runs, RunStore())
    job = store.submit(request)
    work_on(job.id, store)
    assert store.get(job.id).message == "6 masks compared."
    folder = result_folder(request)
    assert folder is not None
    return load_doubtful(folder)


def open_ids(ranking: Ranking, data: Path) -> list[str]:
    dataset = open_dataset(data)
    return [mask.pair.id for mask in ranking.open_ones(dataset, read_verdicts(dataset).accepted)]


@pytest.fixture
def no_dispatch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seg_core.jobs.worker.dispatch", lambda store: None)


@pytest.mark.usefixtures("no_dispatch")
def test_masks_are_ranked_by_models_that_did_not_see_them_until_somebody_decides(tmp_path: Path) -> None:
    data, good = with_errors(tmp_path)
    group = cross_validate(data, good)
    ranking = ranked(group)
    assert [(mask.pair.id, mask.reason.kind) for mask in ranking.masks] == [(EMPTIED, "nothing"), (WIDENED, "wide")]
    empty, wide = ranking.masks
    assert (empty.iou, empty.expected) == (0.0, 1.0)
    assert ((probabilities(empty) > 127) == read_mask(good / f"{EMPTIED}.png")[0]).all()

    dataset = open_dataset(data)
    accept_mask(dataset, wide.pair, wide.content, "Ada")
    assert open_ids(ranking, data) == [EMPTIED]
    leave_out(dataset, empty.pair, empty.reason.words, "Ada")
    assert open_ids(ranking, data) == []
    assert len(open_dataset(data).pairs) == 5
    travelled = shutil.copytree(data, tmp_path / "copy")
    assert read_verdicts(open_dataset(travelled)) == read_verdicts(open_dataset(data))

    # What is left out moves no other photograph to another fold: a model is never asked about what it has trained on.
    for run in group.runs:
        model = RunStore().folder(run.id) / "best.safetensors"
        before = unseen(dataset, model, run.config.split_spec).pairs
        assert unseen(open_dataset(data), model, run.config.split_spec).pairs == [p for p in before if p.id != EMPTIED]

    for id in (EMPTIED, WIDENED):
        take_back(open_dataset(data), id)
    assert open_ids(ranking, data) == [EMPTIED, WIDENED]
    accept_mask(dataset, wide.pair, wide.content)
    shutil.copy(good / f"{WIDENED}.png", wide.pair.mask)  # corrected, and ranked as it is then
    assert open_ids(ranking, data) == [EMPTIED]
    shutil.copy(good / f"{EMPTIED}.png", wide.pair.mask)
    assert read_verdicts(dataset).accepted[WIDENED] == wide.content
    for key in {mask.evaluation for mask in ranking.masks}:
        shutil.rmtree(evaluation_folder(key) or "")
    with pytest.raises(InputError, match="The predictions of these masks are gone; rank them again"):
        probabilities(empty)


@pytest.mark.usefixtures("no_dispatch")
def test_an_evaluation_that_compare_has_made_is_used(tmp_path: Path) -> None:
    data, good = with_errors(tmp_path)
    run, _ = cross_validate(data, good).runs
    model = RunStore().folder(run.id) / "best.safetensors"
    fold, dataset = unseen(open_dataset(data), model, run.config.split_spec), open_dataset(data)
    assert evaluation_request(model, fold).key == evaluation_request(model, SplitChoice(dataset, "val", fold.spec)).key


def test_packed_datasets_and_the_sample_keep_no_lists(tmp_path: Path) -> None:
    data, _ = with_errors(tmp_path)
    sample = replace(open_dataset(data), sources=("sample",))
    archive = open_dataset(shutil.make_archive(str(tmp_path / "packed"), "zip", data))
    with pytest.raises(InputError, match=r"packed\.zip is packed, and keeps no lists of photographs; unpack it"):
        accept_mask(archive, archive.pairs[0], "0")
    with pytest.raises(InputError, match="The sample photographs are made by LesionLab, and keep no lists"):
        leave_out(sample, sample.pairs[0], "blurred")
    assert read_verdicts(archive) == read_verdicts(sample) == Verdicts({}, {})


def test_of_joined_datasets_the_list_lies_in_the_folder_of_the_photograph(tmp_path: Path) -> None:
    first, second = with_errors(tmp_path / "a")[0], with_errors(tmp_path / "b")[0]
    joined = open_dataset([str(first), str(second)])
    pair = joined.listings[1].pairs[2]
    accept_mask(joined, pair, "abc")
    assert (second / "accepted.csv").exists()
    assert not (first / "accepted.csv").exists()
    assert read_verdicts(joined).accepted == {pair.id: "abc"}
