"""Retrainings: what trains and what is held out, that a run begins from a model, and the verdict at its end."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from seg_core.data.collection.collection import Collection
from seg_core.data.collection.held_out import SIDES
from seg_core.data.collection.store import create_collection
from seg_core.data.dataset import open_dataset
from seg_core.errors import InputError
from seg_core.evaluation.evaluate import evaluate
from seg_core.evaluation.improvement import improvement
from seg_core.jobs.proof import best_model, proof_of, prove
from seg_core.jobs.store import JobStore
from seg_core.jobs.worker import work_on
from seg_core.network import build_model
from seg_core.prediction.checkpoint import load_checkpoint
from seg_core.prediction.checkpoint_file import read_metadata, save_checkpoint
from seg_core.runs.retraining import add_retraining, delete_run, last_retraining, retraining_of, trained_on
from seg_core.runs.run import Run
from seg_core.runs.store import RunStore
from seg_core.runs.worker import work
from tests.helpers import corrected, metadata_of, textured, tiny_config

pytestmark = pytest.mark.usefixtures("thin_network")

CORRECTED = 14


@pytest.fixture
def clinic(tmp_path: Path) -> Collection:
    return corrected(tmp_path / "clinic", CORRECTED)


@pytest.fixture
def before(tmp_path: Path) -> Path:
    config, file = tiny_config(epochs=1), tmp_path / "skin.safetensors"
    save_checkpoint(file, build_model(config), metadata_of(config, name="skin"))
    return file


@pytest.fixture(autouse=True)
def nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests do the jobs themselves: another process would not know the thin network."""
    for module in ("seg_core.jobs.proof", "seg_core.jobs.worker", "seg_core.runs.worker"):
        monkeypatch.setattr(f"{module}.dispatch", lambda store: None)


def retrained(store: RunStore, clinic: Collection, before: Path, **options: object) -> Run:
    run = add_retraining(store, clinic, before, epochs=1, device="cpu", **options)  # type: ignore[arg-type]
    work(run.id, store)
    prove(store, run.id)
    return store.get_run(run.id)


def do_jobs() -> None:
    jobs = JobStore()
    while due := jobs.claims.next_due():
        work_on(due.id, jobs)


def test_a_retraining_ends_in_the_comparison_of_before_and_after(clinic: Collection, before: Path) -> None:
    store = RunStore()
    run = retrained(store, clinic, before, margin=0.05)
    assert (run.status, run.name, run.message) == ("finished", "Clinic, 8 corrections", "")
    assert (run.config.begin_from, run.config.learning_rate) == (str(before), tiny_config().learning_rate / 10)
    retraining = retraining_of(run)
    assert retraining
    assert (retraining.train, retraining.held_out, retraining.margin, retraining.anew) == (8, 6, 0.05, False)
    assert last_retraining(store.list_runs(), clinic) == (run, retraining)
    assert last_retraining(store.list_runs(), create_collection("Ward")) is None
    (clinic.folder / SIDES).rename(clinic.folder / "aside")  # as in another collection of this name
    assert last_retraining(store.list_runs(), clinic) is None

    metadata = read_metadata(best_model(store, run))
    held_out = [pair.id for pair in open_dataset(run.sources).test]
    assert len(held_out) == 6
    assert not {*held_out} & {*(metadata["dataset"]["train_ids"] or [])}
    assert (metadata["dataset"]["name"], metadata["began_from"]["name"]) == ("Clinic", "skin")

    found = proof_of(store, run, retraining)
    assert (found.found, len(found.missing)) == (None, 2)  # queued by the run's process as it ended
    do_jobs()
    found = proof_of(store, run, retraining)
    pairs = retraining.judged().pairs
    old, new = (evaluate(load_checkpoint(model), pairs) for model in (before, best_model(store, run)))
    assert found.found == improvement(old, new, 0.05)
    assert (found.missing, found.note) == ({}, "")


def test_later_corrections_change_neither_its_data_nor_what_judges_it(clinic: Collection, before: Path, tmp_path: Path) -> None:
    store = RunStore()
    run = add_retraining(store, clinic, before, epochs=1, device="cpu")
    fingerprint = open_dataset(run.sources).fingerprint
    first = clinic.items()[0].id
    clinic.save(first, np.zeros((64, 64), bool), author="Bob", began_as="version 1", seconds=1, base=1)
    clinic.exclude(clinic.items()[1].id, "blurred", "Bob")
    assert open_dataset(run.sources).fingerprint == fingerprint
    again = add_retraining(store, clinic, before, epochs=1)
    assert again.sources != run.sources
    earlier, later = (open_dataset(each.sources) for each in (run, again))
    assert {pair.id for pair in later.test} <= {pair.id for pair in earlier.test}


def test_the_links_of_a_retraining_go_with_the_last_run_that_has_them(clinic: Collection, before: Path) -> None:
    store = RunStore()
    run = add_retraining(store, clinic, before, epochs=1)
    clone = store.queue.add("", run.config, run.sources)
    other = add_retraining(store, clinic, before, epochs=1)
    folders = [Path(each.sources[0]).parent for each in (run, other)]
    for each in (run, clone, other):
        store.queue.stop(each.id)
    delete_run(store, run.id)
    assert len(open_dataset(clone.sources).pairs) == CORRECTED
    delete_run(store, clone.id)
    assert [folder.exists() for folder in folders] == [False, True]
    assert len(open_dataset(other.sources).pairs) == CORRECTED
    assert all(item.mask and item.mask.exists() for item in clinic.items())
    with pytest.raises(InputError, match="There is no run 1"):
        delete_run(store, run.id)


def test_what_is_held_out_trains_with_no_other_dataset_either(clinic: Collection, before: Path, tmp_path: Path) -> None:
    store, data = RunStore(), tmp_path / "clinic"  # of which the collection was made
    run = add_retraining(store, clinic, before, anew=True, more=[str(data)], epochs=1)
    assert (run.config.begin_from, run.config.learning_rate) == ("", tiny_config().learning_rate)
    dataset = open_dataset(run.sources)
    held_out = {pair.id for pair in dataset.test}
    assert len(held_out) == 6
    assert not held_out & {pair.id for pair in dataset.trainable}
    assert len(dataset.trainable) == CORRECTED - 6


def test_the_data_of_a_model_are_those_of_its_run_without_these_corrections(
    clinic: Collection, before: Path, tmp_path: Path
) -> None:
    store = RunStore()
    assert trained_on(store, before, "Clinic") == []  # nobody knows
    data = str(textured(tmp_path / "data", first=50, train=4))
    run = add_retraining(store, clinic, before, more=[data], epochs=1)
    assert trained_on(store, best_model(store, run), "Clinic") == [data]
    assert trained_on(store, best_model(store, run), "Ward") == list(run.sources)
    shutil.rmtree(data)
    assert trained_on(store, best_model(store, run), "Clinic") == []


def test_a_model_that_has_seen_what_judges_it_is_named(clinic: Collection, before: Path) -> None:
    ids = [item.id for item in clinic.items()]
    config = tiny_config(epochs=1)
    known = {"name": "ward", "fingerprint": "", "train": 14, "val": 0, "test": 0, "val_is_own": False, "train_ids": ids}
    save_checkpoint(before, build_model(config), metadata_of(config, name="skin", dataset=known))
    run = add_retraining(RunStore(), clinic, before, epochs=1)
    retraining = retraining_of(run)
    assert retraining
    note = retraining.note(retraining.judged())
    assert note.startswith("skin was trained on photographs with the names of these: 6 of 6 (ISIC_00000")
    assert note.endswith("). It has an advantage on these.")


def test_a_model_that_changed_since_is_not_compared(clinic: Collection, before: Path) -> None:
    store = RunStore()
    run = add_retraining(store, clinic, before, epochs=1, device="cpu")
    work(run.id, store)
    config = tiny_config(epochs=1, seed=9)
    save_checkpoint(before, build_model(config), metadata_of(config))
    prove(store, run.id)
    sentence = "skin has changed since it was retrained, so before and after cannot be compared."
    assert store.history.log_tail(run.id, 1)[0].text == f"Before and after are not compared. {sentence}"
    retraining = retraining_of(run)
    assert retraining
    with pytest.raises(InputError, match=sentence):
        proof_of(store, run, retraining)


def test_other_runs_and_runs_that_are_gone_are_left_alone(lab_home: Path) -> None:
    store = RunStore()
    run = store.queue.add("", tiny_config(), "sample")
    assert retraining_of(run) is None
    prove(store, run.id)
    prove(store, 99)
    assert JobStore().claims.next_due() is None


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"margin": 2.0}, "The margin cannot be 2"),
        ({"more": ["/no/such/folder"]}, "/no/such/folder"),
        ({"decoder": "unet"}, "with the decoder unet cannot begin from"),
        ({"epochs": 0}, "Epochs cannot be 0"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_decided(
    options: dict[str, object], sentence: str, clinic: Collection, before: Path, lab_home: Path
) -> None:
    with pytest.raises(InputError, match=sentence):
        add_retraining(RunStore(), clinic, before, **options)  # type: ignore[arg-type]
    assert not (lab_home / "retrainings").exists()
    assert not (clinic.folder / "sides.csv").exists()
