"""Progress, metrics and logs: recorded by the process that trains, read by everybody."""

from __future__ import annotations

import math

import pytest

from seg_core.errors import InputError
from seg_core.runs import rows
from seg_core.runs.processes import Owner
from seg_core.runs.store import RunStore
from tests.runs.stores import CONFIG, VALUES, change, own, running


def test_metrics_come_in_the_order_of_writing_and_only_new_ones(store: RunStore) -> None:
    run_id = running(store)
    store.progress.add_epoch(run_id, 1, {"loss": 0.9}, {"loss": 0.8, "iou": 0.5}, is_best=True)
    first = store.history.metrics(run_id)
    assert [(p.epoch, p.split, p.name, p.value) for p in first] == [
        (1, "train", "loss", 0.9),
        (1, "val", "loss", 0.8),
        (1, "val", "iou", 0.5),
    ]
    store.progress.add_epoch(run_id, 2, {"loss": 0.7}, {"iou": 0.4})
    assert [(p.epoch, p.split, p.value) for p in store.history.metrics(run_id, after=first[-1].id)] == [
        (2, "train", 0.7),
        (2, "val", 0.4),
    ]
    assert store.history.metrics(run_id, after=10**30) == []
    run = store.get_run(run_id)
    assert (run.epochs_done, run.best_epoch, run.best_iou) == (2, 1, 0.5)
    assert store.history.epoch_metrics(run_id, 1) == {"train": {"loss": 0.9}, "val": {"loss": 0.8, "iou": 0.5}}
    assert store.history.epoch_metrics(run_id, 3) == {"train": {}, "val": {}}


def test_an_epoch_written_again_replaces_itself_and_later_ones_under_new_ids(store: RunStore) -> None:
    run_id = running(store)
    for epoch in (1, 2, 3):
        store.progress.add_epoch(run_id, epoch, {"loss": epoch}, VALUES)
    last = store.history.metrics(run_id)[-1].id
    store.progress.add_epoch(run_id, 2, {"loss": 20}, VALUES)
    assert {p.epoch for p in store.history.metrics(run_id)} == {1, 2}
    new = store.history.metrics(run_id, after=last)
    assert len(new) == 5
    assert {p.epoch for p in new} == {2}
    assert new[0].value == 20


def test_values_that_are_no_number_are_left_out(store: RunStore) -> None:
    run_id = running(store)
    store.progress.add_epoch(run_id, 1, {"loss": math.nan, "iou": 0.5}, {"loss": math.inf})
    assert [(p.split, p.name) for p in store.history.metrics(run_id)] == [("train", "iou")]


def test_the_end_of_the_log_is_in_order(store: RunStore) -> None:
    run_id = store.queue.add("", CONFIG, "sample").id
    for number in range(5):
        store.progress.log(run_id, f"line {number}", "warning" if number == 4 else "info")
    lines = store.history.log_tail(run_id, 2)
    assert [(line.text, line.level) for line in lines] == [("line 3", "info"), ("line 4", "warning")]


def test_progress_counts_whole_epochs_and_the_batches_of_this_one(store: RunStore) -> None:
    run_id = running(store)  # of 4 epochs
    store.progress.update(run_id, phase="preparing", batch=50, batches=100)
    assert store.get_run(run_id).progress == 0.5  # of the photographs
    store.progress.update(run_id, phase="training", epoch=1, batch=5, batches=10, images_per_second=99.5, eta_seconds=12)
    run = store.get_run(run_id)
    assert (run.progress, run.images_per_second, run.eta_seconds) == (0.125, 99.5, 12)
    store.progress.add_epoch(run_id, 1, VALUES, VALUES)
    assert store.get_run(run_id).progress == 0.25
    with pytest.raises(TypeError, match="no progress: status"):
        store.progress.update(run_id, status="finished")


def test_time_in_the_queue_does_not_count_and_earlier_attempts_do(store: RunStore) -> None:
    run_id = running(store)
    change(store, "UPDATE runs SET started = started - 100")
    run = store.progress.finish(run_id, "stopped")
    assert run.elapsed == pytest.approx(100, abs=5)
    assert store.queue.resume(run_id).elapsed == run.elapsed
    assert store.claims.claim(run_id)
    change(store, "UPDATE runs SET started = started - 10")
    assert store.get_run(run_id).elapsed == pytest.approx(110, abs=5)


def test_whoever_does_not_own_a_run_writes_nothing_about_it(store: RunStore, gone: Owner) -> None:
    run_id = running(store)
    own(store, run_id, gone)
    store.progress.update(run_id, message="Mine!")
    assert store.get_run(run_id).message == ""
    assert store.progress.should_stop(run_id)
    with pytest.raises(InputError, match="not run by this process"):
        store.progress.finish(run_id, "finished")


def test_a_log_forgets_its_oldest_lines(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "MOST_LINES", 20)
    monkeypatch.setattr(rows, "FORGET_EVERY", 5)
    run_id, other = (store.queue.add("", CONFIG, "sample").id for _ in range(2))
    store.progress.log(other, "of another run")
    for number in range(100):
        store.progress.log(run_id, f"line {number}")
    kept = [line.text for line in store.history.log_tail(run_id, 1000)]
    assert 20 <= len(kept) < 25 + 5
    assert kept == [f"line {number}" for number in range(100 - len(kept), 100)]
    assert [line.text for line in store.history.log_tail(other)] == ["of another run"]
    store.progress.log(run_id, "x" * 10_000)
    assert len(store.history.log_tail(run_id, 1)[0].text) == rows.LONGEST_LINE
