"""The recorder: from the events of a training to the store."""

from __future__ import annotations

from typing import Any

import pytest

from seg_core.config import Config
from seg_core.runs.recorder import Recorder
from seg_core.runs.store import RunStore
from seg_core.training.events import BatchDone, EpochDone, Preparing
from tests.runs.workers import VALUES, add


@pytest.fixture
def recorder(store: RunStore) -> Recorder:
    run_id = add(store)
    assert store.claims.claim(run_id)
    return Recorder(store.progress, store.get_run(run_id), store.folder(run_id), lambda: False, lambda text: None)


def test_where_a_run_stands_is_written_once_a_second_not_every_batch(
    store: RunStore, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes: list[dict[str, Any]] = []
    monkeypatch.setattr(store.progress, "update", lambda run_id, **values: writes.append(values))
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    for batch in range(1, 101):
        now += 0.05
        recorder(BatchDone(1, batch, 100, 0.5, 200.0))
    assert len(writes) == 6  # in 5 seconds, and the last
    assert [write["phase"] for write in writes] == ["training"] * 5 + ["validating"]
    assert [len(write["losses"].losses) for write in writes] == [write["batch"] for write in writes]
    assert writes[2]["eta_seconds"] == pytest.approx(0.05 * (300 - writes[2]["batch"]))


def test_the_loss_of_every_batch_is_kept(store: RunStore, recorder: Recorder) -> None:
    for epoch in (1, 2):
        for batch in (1, 2, 3):
            recorder(BatchDone(epoch, batch, 3, epoch + batch / 4, 200.0))
        recorder(EpochDone(epoch, VALUES, VALUES, 10.0, 50.0, True, [], {}))
    recorder(BatchDone(3, 1, 3, 0.5, 200.0))  # too soon after the last write to be written
    found = [(each.epoch, each.batches, each.losses.tolist()) for each in store.history.batch_losses(1)]
    assert found == [(1, 3, [1.25, 1.5, 1.75]), (2, 3, [2.25, 2.5, 2.75])]


def test_the_time_to_go_follows_the_last_epochs(store: RunStore, recorder: Recorder) -> None:
    recorder(EpochDone(1, VALUES, VALUES, 10.0, 50.0, True, [], {}))
    run = store.get_run(1)
    assert (run.eta_seconds, run.images_per_second, run.epochs_done) == (20, 50, 1)


def test_averaged_epochs_take_longer_and_one_slow_epoch_counts_little(store: RunStore) -> None:
    config = Config.of("report", epochs=10, swa_fraction=0.5)  # epochs 6 to 10
    run_id = store.queue.add("", config, "sample").id
    assert store.claims.claim(run_id)
    recorder = Recorder(store.progress, store.get_run(run_id), store.folder(run_id), lambda: False, lambda text: None)
    for epoch, seconds in ((1, 60.0), (2, 10.0), (3, 10.0)):
        recorder(BatchDone(epoch, 1, 80, 0.5, 200.0))
        recorder(EpochDone(epoch, VALUES, VALUES, seconds, 50.0, True, [], {}))
    # Two plain epochs, and five with statistics of 40 of the 80 batches, each for 0.4 of a step.
    assert store.get_run(run_id).eta_seconds == pytest.approx(2 * 10 + 5 * 12)
    for epoch in range(4, 7):
        recorder(EpochDone(epoch, VALUES, VALUES, 10.0 if epoch < 6 else 12.0, 50.0, True, [], {}))
    assert store.get_run(run_id).eta_seconds == pytest.approx(4 * 12)


def test_preparing_shows_how_far_it_is(store: RunStore, recorder: Recorder) -> None:
    recorder(Preparing(30, 120, "training photographs"))
    run = store.get_run(1)
    assert (run.phase, run.batch, run.batches, run.message) == ("preparing", 30, 120, "Preparing training photographs: 30 of 120")
    recorder(BatchDone(1, 1, 10, 0.5, 200.0))
    recorder(Preparing(120, 120, "training photographs"))
    assert store.get_run(1).batch == 120
