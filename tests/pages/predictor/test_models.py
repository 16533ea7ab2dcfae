"""The models that a page offers: their names, and the few that stay loaded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pages.shared import models
from pages.shared.models import LoadedModels, choices, find_model, model_name, model_names
from seg_core.errors import InputError
from seg_core.prediction.catalogue import CheckpointEntry, available_checkpoints
from seg_core.runs.store import RunStore
from tests.helpers import tiny_config
from tests.pages.predictor.helpers import MakeModel

pytestmark = pytest.mark.usefixtures("thin_network")


def test_names_and_choices(make_model: MakeModel) -> None:
    shipped, run = make_model(stem="fine-tune-best", licence="MIT"), make_model(run=3, label="Mine")
    dataset = {"name": "A + B", "fingerprint": "", "train": 4, "val": 2, "test": 0, "val_is_own": False, "train_ids": None}
    limited = make_model(stem="limited", label="Limited", licence="CC BY-NC 4.0", dataset=dataset)
    assert choices() == [
        ("Model 2 · fine-tuned · val IoU 0.50 at 64 px", str(shipped)),
        ("Limited · non-commercial · val IoU 0.50 on 2 sources at 64 px", str(limited)),
        ("Mine, run 3 · val IoU 0.50 at 64 px", str(run)),
    ]
    assert find_model("fine-tune-best").path == find_model("Model 2 · fine-tuned").path == shipped
    assert find_model("3").path == find_model("run 3").path == find_model("Mine, run 3").path == find_model(str(run)).path == run
    with pytest.raises(InputError, match=r"no model 'best'; choose one of: Model 2 · fine-tuned; Limited; Mine, run 3\."):
        find_model("best")


def test_a_model_goes_by_what_its_run_is_called_now(make_model: MakeModel, monkeypatch: pytest.MonkeyPatch) -> None:
    store = RunStore()
    monkeypatch.setattr(models, "store", lambda: store)
    run_id = store.queue.add("first", tiny_config(), "sample").id
    renamed, gone = make_model(run=run_id), make_model(run=7, label="Gone")
    store.annotate(run_id, name="renamed")
    entries = available_checkpoints()
    assert model_names(entries) == {renamed: "renamed, run 1", gone: "Gone, run 7"}
    assert model_names(entries) == {entry.path: model_name(entry) for entry in entries}
    store.close()


def test_no_model_at_all(make_model: MakeModel) -> None:
    assert choices() == []
    with pytest.raises(InputError, match="train one first"):
        find_model("run 1")


def test_models_used_last_stay_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    loads: list[str] = []

    def load(path: Path, name: str) -> object:
        loads.append(path.name)
        return object()

    monkeypatch.setattr(models, "load_any", load)
    a, b, c = (CheckpointEntry(Path(name), "Model", None, 64, modified=1, threshold=0.5) for name in "abc")
    loaded = LoadedModels(capacity=2)
    first = loaded.get(a)
    loaded.get(b)
    assert loaded.get(a) is first
    loaded.get(c)  # b was not used for longest
    assert loaded.get(a) is first
    loaded.get(b)
    assert loads == ["a", "b", "c", "b"]
    loaded.get(replace(a, modified=2))  # a run that improved
    assert loads[-1] == "a"
