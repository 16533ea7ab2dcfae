"""The worker: what it writes of a training, and that every way to end is written down."""

from __future__ import annotations

import errno
import logging
import os
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sqlalchemy.exc import OperationalError

from seg_core.config import Config
from seg_core.errors import InputError
from seg_core.prediction.checkpoint_file import write_tensors
from seg_core.runs import watch, worker
from seg_core.runs.epoch_masks import mask_epochs, mask_file, mask_photos, save_masks
from seg_core.runs.recorder import Recorder
from seg_core.runs.run import Run
from seg_core.runs.store import RunStore
from seg_core.runs.worker import work, work_here
from seg_core.training.events import BatchDone, EpochDone, Message, Preparing, Sample
from seg_core.training.loop import TrainingFailed
from tests.fake_worker import METRICS, fake_train
from tests.helpers import wait_until

CONFIG = Config.of("report", epochs=3)
VALUES = dict.fromkeys(METRICS, 0.5)


@pytest.fixture
def store(lab_home: Path) -> Iterator[RunStore]:
    store = RunStore()
    yield store
    store.close()


def add(store: RunStore, name: str = "") -> int:
    return store.queue.add(name, CONFIG, "sample").id


def log(store: RunStore, run_id: int) -> list[str]:
    return [line.text for line in store.history.log_tail(run_id)]


# A training from beginning to end


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


# Ways to fail


def failing(error: BaseException) -> Callable[..., Any]:
    def train(*_: object) -> None:
        raise error

    return train


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
        with sqlite3.connect(store.path) as connection:
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("DELETE FROM runs")
        connection.close()
        wait_until(should_stop)
        on_event(Message("To whom?"))

    with pytest.raises(InputError, match="no run 1"):
        work(add(store), store, train)


# Stopping


def when_said(store: RunStore, line: str, act: Callable[[int], object]) -> threading.Thread:
    """Does something as soon as the log of run 1 has a line that begins so."""

    def wait_and_act() -> None:
        wait_until(lambda: any(text.startswith(line) for text in log(store, 1)), what=line)
        act(1)

    thread = threading.Thread(target=wait_and_act)
    thread.start()
    return thread


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


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_run_and_keeps_the_model(store: RunStore, number: signal.Signals) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    said: list[str] = []
    run_id = store.queue.add("hold", CONFIG, "sample", foreground=True).id
    thread = when_said(store, "Epoch 1 ", lambda _: os.kill(os.getpid(), number))
    run = work_here(store, run_id, said.append, fake_train)
    thread.join()
    assert (run.status, run.epochs_done) == ("stopped", 1)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_a_second_signal_leaves_at_once(store: RunStore) -> None:
    def deaf(run: Run, folder: Path, on_event: Callable[[Any], None], should_stop: Callable[[], bool]) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)  # the same keystroke, passed on by a parent: does not count
        wait_until(lambda: store.get_run(1).status == "stopping")
        wait_until(lambda: os.kill(os.getpid(), signal.SIGINT))
        raise AssertionError("not left")

    said: list[str] = []
    run = work_here(store, store.queue.add("", CONFIG, "sample", foreground=True).id, said.append, deaf)
    assert (run.status, run.message) == ("stopped", "Stopped at once; it can be resumed after its last whole epoch.")
    assert said == ["Stopping after this batch; the model is kept. Press Ctrl-C again to leave at once."]


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


# Waiting at a terminal


def test_a_run_in_the_foreground_waits_for_its_turn(store: RunStore) -> None:
    busy = add(store, "busy")
    assert store.claims.claim(busy)
    here = store.queue.add("", CONFIG, "sample", foreground=True).id
    said: list[str] = []
    thread = threading.Thread(target=work_here, args=(store, here, said.append, fake_train))
    thread.start()
    wait_until(lambda: said)
    assert said == ["Waiting for #1 busy to end; Ctrl-C gives up."]
    assert store.get_run(here).status == "queued"
    store.progress.finish(busy, "finished")
    thread.join()
    assert store.get_run(here).status == "finished"
    assert said[1:3] == ["Preparing 2 photographs", "Training from epoch 1."]


def test_a_run_in_the_foreground_has_those_before_it_started(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    before = store.queue.add("before", CONFIG, "sample").id
    here = store.queue.add("", CONFIG, "sample", foreground=True).id

    def dispatch_in_place(store: RunStore) -> None:
        if (run := store.claims.next_due()) is not None and store.claims.reserve(run.id):
            work(run.id, store, fake_train)

    monkeypatch.setattr(worker, "dispatch", dispatch_in_place)
    said: list[str] = []
    assert work_here(store, here, said.append, fake_train).status == "finished"
    assert store.get_run(before).status == "finished"
    ended, began = store.get_run(before).finished, store.get_run(here).started
    assert ended is not None
    assert began is not None
    assert ended <= began


def test_a_run_that_waits_in_the_foreground_can_be_stopped_from_elsewhere(store: RunStore) -> None:
    assert store.claims.claim(add(store))
    here = store.queue.add("", CONFIG, "sample", foreground=True).id
    said: list[str] = []
    thread = threading.Thread(target=work_here, args=(store, here, said.append, fake_train))
    thread.start()
    wait_until(lambda: said)
    store.queue.stop(here)
    thread.join()
    assert store.get_run(here).status == "stopped"


def test_ctrl_c_gives_up_waiting(store: RunStore) -> None:
    assert store.claims.claim(add(store))
    here = store.queue.add("", CONFIG, "sample", foreground=True).id
    run = work_here(store, here, lambda text: os.kill(os.getpid(), signal.SIGINT), fake_train)
    assert (run.status, run.message) == ("stopped", "Stopped before it started.")


# What goes on beside the training


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
            raise OperationalError("SELECT", {}, Exception("database is locked"))
        return really(run_id)

    monkeypatch.setattr(store.progress, "should_stop", should_stop)
    run_id = add(store, "hold")
    thread = when_said(store, "Epoch 1 ", store.queue.stop)
    with caplog.at_level(logging.WARNING):
        work(run_id, store, fake_train)
    thread.join()
    assert store.get_run(1).status == "stopped"
    assert "did not answer" in caplog.text


# Events


@pytest.fixture
def recorder(store: RunStore) -> Recorder:
    run_id = add(store)
    assert store.claims.claim(run_id)
    return Recorder(store.progress, store.get_run(run_id), store.folder(run_id), lambda: False, lambda text: None)


def test_where_a_run_stands_is_written_twice_a_second_not_every_batch(
    store: RunStore, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes: list[dict[str, Any]] = []
    monkeypatch.setattr(store.progress, "update", lambda run_id, **values: writes.append(values))
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    for batch in range(1, 101):
        now += 0.05
        recorder(BatchDone(1, batch, 100, 0.5, 200.0))
    assert len(writes) == 11  # in 5 seconds, and the last
    assert [write["phase"] for write in writes] == ["training"] * 10 + ["validating"]
    assert [len(write["losses"].losses) for write in writes] == [write["batch"] for write in writes]
    assert writes[5]["eta_seconds"] == pytest.approx(0.05 * (300 - writes[5]["batch"]))


def test_the_loss_of_every_batch_is_kept(store: RunStore, recorder: Recorder) -> None:
    for epoch in (1, 2):
        for batch in (1, 2, 3):
            recorder(BatchDone(epoch, batch, 3, epoch + batch / 4, 200.0))
        recorder(EpochDone(epoch, VALUES, VALUES, 10.0, 50.0, True, []))
    recorder(BatchDone(3, 1, 3, 0.5, 200.0))  # too soon after the last write to be written
    found = [(each.epoch, each.batches, each.losses.tolist()) for each in store.history.batch_losses(1)]
    assert found == [(1, 3, [1.25, 1.5, 1.75]), (2, 3, [2.25, 2.5, 2.75])]


def test_the_time_to_go_follows_the_last_epochs(store: RunStore, recorder: Recorder) -> None:
    recorder(EpochDone(1, VALUES, VALUES, 10.0, 50.0, True, []))
    run = store.get_run(1)
    assert (run.eta_seconds, run.images_per_second, run.epochs_done) == (20, 50, 1)


def test_preparing_shows_how_far_it_is(store: RunStore, recorder: Recorder) -> None:
    recorder(Preparing(30, 120, "training photographs"))
    run = store.get_run(1)
    assert (run.phase, run.batch, run.batches, run.message) == ("preparing", 30, 120, "Preparing training photographs: 30 of 120")
    recorder(BatchDone(1, 1, 10, 0.5, 200.0))
    recorder(Preparing(120, 120, "training photographs"))
    assert store.get_run(1).batch == 120


def test_masks_of_an_attempt_that_is_started_over_go(tmp_path: Path) -> None:
    sample = Sample("a", np.zeros((4, 6, 3), np.uint8), np.eye(4, 6) > 0, np.linspace(0, 1, 24, dtype=np.float32).reshape(4, 6))
    for epoch in (1, 2, 11):
        save_masks(tmp_path, epoch, [sample, sample])
    save_masks(tmp_path, 2, [sample, sample])
    assert mask_epochs(tmp_path) == [1, 2]
    assert [file.name for file in mask_photos(tmp_path)] == ["photo-1.jpg", "photo-2.jpg"]
    with Image.open(tmp_path / "masks" / "truth-2.png") as truth, Image.open(mask_file(tmp_path, 2, 1)) as grey:
        assert np.array_equal(np.array(truth), np.eye(4, 6, dtype=np.uint8) * 255)
        assert np.array(grey)[0, 0] == 0
        assert np.array(grey)[-1, -1] == 255
    assert sorted(file.name[0] for file in (tmp_path / "masks").iterdir()) == [*"eeee", "i", *"pp", *"tt"]


def test_an_epoch_that_was_saved_but_not_reported_is_made_up_for(store: RunStore) -> None:
    run_id = add(store, "hold")
    thread = when_said(store, "Epoch 1 ", store.queue.stop)
    work(run_id, store, fake_train)
    thread.join()
    saved = [{"train": VALUES, "val": {**VALUES, "iou": iou}, "seconds": 1.0} for iou in (0.1, 0.3, 0.2)]
    write_tensors(store.folder(run_id) / "resume.safetensors", {}, {"format": 1, "history": saved})
    store.queue.resume(run_id)
    work(run_id, store, failing(InputError("Enough.")))
    run = store.get_run(run_id)
    assert (run.epochs_done, run.best_epoch, run.best_iou) == (3, 2, 0.3)
    assert [p.value for p in store.history.metrics(run_id) if (p.split, p.name) == ("val", "iou")] == [0.01, 0.3, 0.2]
    assert "Resuming after epoch 3." in log(store, run_id)


# For real


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


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Small tensors train ten times slower on all cores when others use these too."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("one_thread")
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
