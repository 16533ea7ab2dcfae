"""The worker: every way a run can end is recorded."""

from __future__ import annotations

import errno
import logging
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from seg_core.config import Config
from seg_core.errors import InputError, StoreError
from seg_core.prediction.tensor_file import write_tensors
from seg_core.runs import watch, worker
from seg_core.runs.epoch_masks import mask_epochs, mask_file, mask_photos
from seg_core.runs.run import Run
from seg_core.runs.store import RunStore
from seg_core.runs.worker import work
from seg_core.training.contents import DataChanged
from seg_core.training.events import BatchDone, Message
from seg_core.training.loop import TrainingFailed
from tests.fake_worker import fake_train
from tests.helpers import file_of, wait_until
from tests.runs.workers import CONFIG, VALUES, add, failing, log, when_said


def test_a_finished_run_has_its_metrics_log_and_masks(store: RunStore) -> None:
    run_id = add(store)
    work(run_id, store, fake_train)
    run = store.get_run(run_id)
    assert (run.status, run.epochs_done, run.progress, run.best_epoch, run.best_iou) == ("finished", 3, 1, 3, 0.03)
    assert (run.images_per_second, run.eta_seconds, run.message) == (100, None, "")
    assert [p.value for p in store.history.metrics(run_id) if (p.split, p.name) == ("val", "dice")] == [0.01, 0.02, 0.03]
    lines = log(store, run_id)
    assert lines[0] == "Training from epoch 1."
    assert lines[1] == (
        "Epoch 1 of 3: training loss 0.0100; validation loss 0.0100, IoU 0.0100, Dice 0.0100 (the best so far). "
        "100 photographs per second."
    )
    assert lines[-1] == "Finished."
    folder = store.folder(run_id)
    assert mask_epochs(folder) == [1, 2, 3]
    assert mask_photos(folder) == [folder / "masks" / "photo-1.jpg"]
    with Image.open(mask_file(folder, 3, 1)) as grey:
        assert (grey.mode, grey.size, grey.getpixel((0, 0))) == ("L", (8, 8), 128)


def test_a_run_whose_turn_it_is_not_is_left_alone(store: RunStore) -> None:
    first, second = add(store), add(store)
    work(second, store, fake_train)
    assert store.get_run(second).status == "queued"
    store.claims.claim(first)
    work(first, store, fake_train)
    assert store.get_run(first).status == "running"
    with pytest.raises(InputError, match="no run 9"):
        work(9, store, fake_train)


def test_the_next_run_is_started_at_the_end(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = add(store)
    at_end: list[str] = []
    monkeypatch.setattr(worker, "dispatch", lambda store: at_end.append(store.get_run(run_id).status))
    work(run_id, store, fake_train)
    assert at_end == ["finished"]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (InputError("The folder is empty."), "The folder is empty."),
        (TrainingFailed("The loss became nan."), "The loss became nan."),
        (RuntimeError("mat1 and\nmat2 differ"), "RuntimeError: mat1 and mat2 differ"),
        (KeyError("iou"), "KeyError: 'iou'"),
        (AssertionError(), "AssertionError"),
        (MemoryError(), "There is not enough memory for 16 photographs of 192 px at a time; start a run with a smaller batch"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "There is not enough memory for 16 photographs of 192 px"),
        (RuntimeError("std::bad_alloc"), "There is not enough memory"),
        (RuntimeError("could not create a primitive"), "There is not enough memory"),
        (RuntimeError("could not create a primitive descriptor"), "RuntimeError: could not create a primitive descriptor"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), "There is not enough memory"),
        (OSError(errno.ENOSPC, "No space left on device"), "The disk that holds {home} is full; free some space, then resume"),
        (RuntimeError("I/O error: No space left on device (os error 28)"), "The disk that holds {home} is full"),
    ],
)
def test_a_failure_is_one_sentence(store: RunStore, lab_home: Path, error: BaseException, message: str) -> None:
    run_id = add(store)
    work(run_id, store, failing(error))
    run = store.get_run(run_id)
    assert run.status == "failed"
    assert run.message.startswith(message.format(home=lab_home))
    assert "\n" not in run.message
    last = store.history.log_tail(run_id)[-1]
    assert (last.level, last.text) == ("error", run.message)
    written = lab_home / "0001" / "worker.log"
    if isinstance(error, InputError | TrainingFailed):
        assert not written.exists()
    else:
        assert "Traceback" in written.read_text()
        assert type(error).__name__ in written.read_text()


def test_a_run_deleted_under_its_worker_ends_it(store: RunStore) -> None:
    def train(run: Run, folder: Path, on_event: Callable[[Any], None], should_stop: Callable[[], bool]) -> Any:
        with sqlite3.connect(file_of(store)) as connection:
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("DELETE FROM runs")
        connection.close()
        wait_until(should_stop)
        on_event(Message("To whom?"))

    with pytest.raises(InputError, match="no run 1"):
        work(add(store), store, train)


def test_stopping_keeps_what_was_done_and_resuming_goes_on_from_there(store: RunStore) -> None:
    run_id = add(store, "hold")
    thread = when_said(store, "Epoch 1 ", store.queue.stop)
    work(run_id, store, fake_train)
    thread.join()
    run = store.get_run(run_id)
    assert (run.status, run.epochs_done, run.message) == ("stopped", 1, "Stopped in epoch 2; it can be resumed.")
    store.queue.resume(run_id)
    thread = when_said(store, "Training from epoch 2.", store.queue.stop)
    work(run_id, store, fake_train)
    thread.join()
    assert log(store, run_id)[-3:] == [
        "Resuming after epoch 1.",
        "Training from epoch 2.",
        "Stopped in epoch 2; it can be resumed.",
    ]


def test_stopping_works_while_data_is_prepared(store: RunStore) -> None:
    run_id = add(store, "hold preparing")
    thread = threading.Thread(target=lambda: wait_until(lambda: store.get_run(1).batches == 2) and store.queue.stop(1))
    thread.start()
    work(run_id, store, fake_train)
    thread.join()
    run = store.get_run(run_id)
    assert (run.status, run.phase, run.message) == ("stopped", "preparing", "Stopped before the training began.")


def test_a_run_stops_after_the_epoch_when_asked(store: RunStore) -> None:
    def asked(run: Run, *others: Any) -> Any:
        store.queue.stop(run.id, after_epoch=True)
        return fake_train(run, *others)

    run_id = add(store)
    work(run_id, store, asked)
    run = store.get_run(run_id)
    assert (run.status, run.epochs_done, run.message) == ("stopped", 1, "Stopped after epoch 1, as asked; it can be resumed.")
    store.queue.resume(run_id)
    work(run_id, store, fake_train)
    assert (store.get_run(run_id).status, log(store, run_id).count("Training from epoch 2.")) == ("finished", 1)


def test_after_the_last_epoch_there_is_nothing_to_stop(store: RunStore) -> None:
    def asked(run: Run, folder: Path, on_event: Callable[[Any], None], should_stop: Callable[[], bool]) -> Any:
        def ask_in_the_last(event: Any) -> None:
            if isinstance(event, BatchDone) and event.epoch == run.config.epochs:
                store.queue.stop(run.id, after_epoch=True)
            on_event(event)

        return fake_train(run, folder, ask_in_the_last, should_stop)

    run_id = add(store)
    work(run_id, store, asked)
    assert (store.get_run(run_id).status, store.get_run(run_id).epochs_done) == ("finished", 3)


def test_the_heart_beats_while_data_is_prepared(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "HEARTBEAT_SECONDS", 0)
    beats: list[float | None] = []

    def train(run: Run, *_: object) -> Any:
        first = store.get_run(run.id).heartbeat
        wait_until(lambda: store.get_run(run.id).heartbeat != first)
        beats.append(first)
        raise InputError("Enough.")

    work(add(store), store, train)
    assert len(beats) == 1
    assert store.get_run(1).message == "Enough."


def test_a_database_that_does_not_answer_for_a_while_ends_no_run(
    store: RunStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    answers = iter([True, True])
    really = store.progress.should_stop

    def should_stop(run_id: int) -> bool:
        if next(answers, False):
            raise StoreError("The run database is kept busy by another process; try again.")
        return really(run_id)

    monkeypatch.setattr(store.progress, "should_stop", should_stop)
    run_id = add(store, "hold")
    thread = when_said(store, "Epoch 1 ", store.queue.stop)
    with caplog.at_level(logging.WARNING):
        work(run_id, store, fake_train)
    thread.join()
    assert store.get_run(1).status == "stopped"
    assert "did not answer" in caplog.text


def test_an_epoch_that_was_saved_but_not_reported_is_made_up_for(store: RunStore) -> None:
    run_id = add(store, "hold")
    thread = when_said(store, "Epoch 1 ", store.queue.stop)
    work(run_id, store, fake_train)
    thread.join()
    saved = [{"train": VALUES, "val": {**VALUES, "iou": iou}, "seconds": 1.0} for iou in (0.1, 0.3, 0.2)]
    write_tensors(store.folder(run_id) / "resume.safetensors", {}, {"format": 1, "history": saved, "fingerprint": ""})
    store.queue.resume(run_id)
    work(run_id, store, failing(InputError("Enough.")))
    run = store.get_run(run_id)
    assert (run.epochs_done, run.best_epoch, run.best_iou) == (3, 2, 0.3)
    assert [p.value for p in store.history.metrics(run_id) if (p.split, p.name) == ("val", "iou")] == [0.01, 0.3, 0.2]
    assert "Resuming after epoch 3." in log(store, run_id)


def test_a_run_whose_saved_state_is_damaged_goes_back_an_epoch_and_says_so(store: RunStore) -> None:
    run_id = add(store, "hold")
    thread = when_said(store, "Epoch 1 ", store.queue.stop)
    work(run_id, store, fake_train)
    thread.join()
    folder = store.folder(run_id)
    write_tensors(folder / "resume.previous.safetensors", {}, {"format": 1, "history": [], "fingerprint": ""})
    (folder / "resume.safetensors").write_bytes(b"half a file")
    store.queue.resume(run_id)
    work(run_id, store, failing(InputError("Enough.")))
    said = [(line.level, line.text) for line in store.history.log_tail(run_id)][-3:-1]
    assert said == [
        ("warning", "resume.safetensors was damaged or missing, so the run goes on after the epoch before, 0."),
        ("info", "Resuming after epoch 0."),
    ]
    assert {file.name for file in folder.glob("*.safetensors")} == {"resume.safetensors"}


@pytest.fixture
def few_pairs(tmp_path: Path) -> Path:
    """Six photographs with a dark disc each, and its mask."""
    folder = tmp_path / "few"
    rows, columns = np.mgrid[:64, :64]
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for number in range(6):
        disc = (rows - 32) ** 2 + (columns - 20 - 4 * number) ** 2 < 150
        Image.fromarray(np.where(disc[..., None], 60, 200).repeat(3, -1).astype(np.uint8)).save(
            folder / "images" / f"{number}.png"
        )
        Image.fromarray(disc.astype(np.uint8) * 255).save(folder / "masks" / f"{number}.png")
    return folder


@pytest.mark.usefixtures("one_thread")
@pytest.mark.usefixtures("thin_network")
def test_a_real_training_ends_well_and_a_stopped_one_goes_on(store: RunStore, few_pairs: Path) -> None:
    config = Config.of(
        "report", epochs=2, image_size=64, batch_size=2, encoder_weights="random", device="cpu", precision="32-true"
    )
    run_id = store.queue.add("real", config, few_pairs).id
    thread = when_said(store, "Epoch 1 ", store.queue.stop)
    work(run_id, store)
    thread.join()
    first = store.get_run(run_id)
    if first.status == "stopped":  # else it was faster than the request
        store.queue.resume(run_id)
        work(run_id, store)
    run = store.get_run(run_id)
    assert (run.status, run.epochs_done, run.message) == ("finished", 2, "")
    assert {p.epoch for p in store.history.metrics(run_id)} == {1, 2}
    folder = store.folder(run_id)
    assert mask_epochs(folder) == [1, 2]
    assert {file.name for file in folder.glob("*.safetensors")} == {"best.safetensors", "last.safetensors", "resume.safetensors"}


def test_real_data_that_is_missing_fails_with_a_sentence(store: RunStore, tmp_path: Path) -> None:
    run_id = store.queue.add("", CONFIG, tmp_path / "nowhere").id
    work(run_id, store)
    run = store.get_run(run_id)
    assert run.status == "failed"
    assert "nowhere" in run.message
    assert not run.message.startswith("InputError")


@pytest.mark.parametrize(("was", "becomes"), [("stopped", "stopped"), ("finished", "finished")])
def test_a_run_whose_masks_were_edited_says_so_and_stays_as_it_was(store: RunStore, was: str, becomes: str) -> None:
    run_id = add(store)
    if was == "stopped":
        assert store.claims.claim(run_id)
        store.progress.finish(run_id, "stopped")
        store.queue.resume(run_id)
    else:
        work(run_id, store, fake_train)
        store.queue.extend(run_id, 2)
    work(run_id, store, failing(DataChanged("Since this run trained, 1 mask was edited (a).")))
    run = store.get_run(run_id)
    assert run.status == becomes
    assert run.message.endswith("Since this run trained, 1 mask was edited (a).")
    assert run.can_resume == (was == "stopped")
