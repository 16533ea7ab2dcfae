"""Downloads: metrics as a table, the masks of a split, and a model with its card."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seg_core.common.home import SHIPPED_CHECKPOINTS
from seg_core.config import SplitSpec
from seg_core.data.dataset import SplitChoice, open_dataset
from seg_core.jobs.job import Request
from seg_core.jobs.requests import card_request, evaluation_request, masks_request
from seg_core.jobs.results import result_folder
from seg_core.jobs.store import JobStore
from seg_core.jobs.tasks import TASKS
from seg_core.jobs.worker import work_on
from seg_core.prediction.checkpoint import load_checkpoint
from seg_core.runs.metrics_csv import metrics_csv
from seg_core.runs.run import MetricPoint
from seg_core.runs.store import RunStore
from seg_core.runs.worker import work
from tests.helpers import make_dataset, tiny_config

MODEL = SHIPPED_CHECKPOINTS / "fine-tune-report.safetensors"


def done(request: Request, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Path | None]:
    """Do a job here; what it said at its end, and its result."""
    monkeypatch.setattr("seg_core.jobs.worker.dispatch", lambda store: None)
    store = JobStore()
    job = store.submit(request)
    work_on(job.id, store, TASKS)
    message = store.get(job.id).message
    return message, result_folder(request)


def test_metrics_have_a_row_for_each_epoch_and_the_later_value_of_one_that_was_trained_twice() -> None:
    points = [
        MetricPoint(1, 1, "train", "loss", 0.5),
        MetricPoint(2, 1, "val", "iou", 0.25),
        MetricPoint(3, 2, "train", "loss", 0.4),
        MetricPoint(4, 1, "val", "iou", 0.75),
    ]
    rows = list(csv.DictReader(io.StringIO(metrics_csv(points))))
    assert rows == [
        {"epoch": "1", "train_loss": "0.500000", "val_iou": "0.750000"},
        {"epoch": "2", "train_loss": "0.400000", "val_iou": ""},
    ]
    assert metrics_csv([]) == "epoch\n"


@pytest.mark.usefixtures("lab_home")
def test_the_masks_of_a_split_are_those_that_predict_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    split = SplitChoice(open_dataset(make_dataset(tmp_path / "data", size=(90, 70), train=2, test=3)), "test", SplitSpec())
    request = masks_request(evaluation_request(MODEL, split))
    assert request.key == evaluation_request(MODEL, split).key
    assert masks_request(evaluation_request(MODEL, split, tta=True)).key != request.key
    message, folder = done(request, monkeypatch)
    assert message == "3 masks are written."
    assert folder is not None
    model = load_checkpoint(MODEL)
    with zipfile.ZipFile(folder / "masks.zip") as archive:
        assert archive.namelist() == [f"{pair.id}_mask.png" for pair in split.pairs]
        for pair in split.pairs:
            mask = np.asarray(Image.open(io.BytesIO(archive.read(f"{pair.id}_mask.png"))))
            np.testing.assert_array_equal(mask, model.predict(pair.image).mask() * np.uint8(255))


@pytest.mark.usefixtures("lab_home", "thin_network")
def test_a_runs_model_is_taken_away_with_its_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = RunStore()
    run_id = store.queue.add("", tiny_config(), str(make_dataset(tmp_path / "data", train=4, val=2, test=2))).id
    work(run_id)
    run = store.get_run(run_id)
    message, folder = done(card_request(run, store), monkeypatch)
    store.close()
    assert message == f"The card of {run.label} is written."
    assert folder is not None
    assert [file.name for file in folder.iterdir()] == ["model.zip"]
    with zipfile.ZipFile(folder / "model.zip") as archive:
        assert archive.namelist() == ["fine-tune-best.safetensors", "fine-tune-best.md"]
        card = archive.read("fine-tune-best.md").decode()
        archive.extract("fine-tune-best.safetensors", tmp_path)
    assert "| test | 2 |" in card
    assert load_checkpoint(tmp_path / "fine-tune-best.safetensors").config == run.config
