"""The queue as users steer it: adding, moving, stopping, resuming and extending runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from seg_core.errors import InputError, StoreError
from seg_core.runs.processes import Owner
from seg_core.runs.store import RunStore
from tests.runs.stores import CONFIG, VALUES, finished, running


def test_runs_that_repeat_a_training_are_a_group_under_the_number_of_the_first(store: RunStore) -> None:
    alone = store.queue.add("alone", CONFIG, "sample")
    group = store.queue.add_group("three", CONFIG.repeated(seeds=3), "sample", tags=["seeds"])
    assert alone.group is None
    assert [(run.id, run.group, run.name, run.tags) for run in group] == [(id, 2, "three", ("seeds",)) for id in (2, 3, 4)]
    assert [run.config.seed for run in group] == [CONFIG.seed, CONFIG.seed + 1, CONFIG.seed + 2]
    assert [run.id for run in store.queue.queued()] == [1, 2, 3, 4]
    assert store.queue.add_group("one", CONFIG.repeated(), "sample")[0].group is None
    with pytest.raises(InputError, match="101 characters"):
        store.queue.add_group("x" * 101, CONFIG.repeated(folds=2), "sample")
    assert len(store.list_runs()) == 5


@pytest.mark.parametrize(
    ("name", "sources", "sentence"),
    [("x" * 101, "sample", "101 characters"), ("", [], "needs data"), ("", ["sample", " "], "is empty")],
)
def test_a_run_that_makes_no_sense_is_refused(store: RunStore, name: str, sources: Any, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        store.queue.add(name, CONFIG, sources)
    assert store.list_runs() == []


def test_the_queue_can_be_reordered(store: RunStore) -> None:
    one, two, three, four = (store.queue.add("", CONFIG, "sample").id for _ in range(4))

    def order() -> list[int]:
        return [run.id for run in store.queue.queued()]

    store.queue.move(three, -1)
    assert order() == [one, three, two, four]
    store.queue.move(one, 2)
    assert order() == [three, two, one, four]
    store.queue.move(four, -99)
    store.queue.move(three, 10**30)
    assert order() == [four, two, one, three]
    store.queue.stop(two)
    assert order()[:3] == [four, one, three]
    store.queue.resume(two)
    assert order()[-1] == two
    assert store.claims.claim(four)
    with pytest.raises(InputError, match=r"^Run 4 is running; only queued runs can be moved\.$"):
        store.queue.move(four, 1)


def test_stopping(store: RunStore) -> None:
    one, two = store.queue.add("", CONFIG, "sample").id, store.queue.add("", CONFIG, "sample").id
    stopped = store.queue.stop(two)
    assert (stopped.status, stopped.message, stopped.elapsed) == ("stopped", "Stopped before it started.", 0)
    assert store.claims.claim(one)
    assert not store.progress.should_stop(one)
    assert store.queue.stop(one).status == "stopping"
    assert store.queue.stop(one).status == "stopping"
    assert store.progress.should_stop(one)
    assert store.progress.finish(one, "stopped").can_resume
    with pytest.raises(InputError, match=r"^Run 1 is stopped; only queued or running runs can be stopped\.$"):
        store.queue.stop(one)


def test_stopping_after_the_epoch_can_be_taken_back(store: RunStore) -> None:
    one, two = store.queue.add("", CONFIG, "sample").id, store.queue.add("", CONFIG, "sample").id
    assert store.claims.claim(one)
    assert not store.progress.should_stop_after_epoch(one)
    assert store.queue.stop(one, after_epoch=True).status == "running"
    assert store.progress.should_stop_after_epoch(one)
    assert not store.progress.should_stop(one)  # not in the middle of it
    assert not store.queue.cancel_stop(one).stop_after_epoch
    store.queue.stop(one, after_epoch=True)
    assert store.queue.stop(one).status == "stopping"  # now rather than later
    store.progress.finish(one, "stopped")
    assert not store.queue.resume(one).stop_after_epoch
    assert store.queue.stop(two, after_epoch=True).status == "stopped"  # it has no epoch to finish


@pytest.mark.parametrize("ending", ["stopped", "failed"])
def test_resuming_keeps_what_was_done(store: RunStore, ending: Any) -> None:
    run_id = running(store)
    store.progress.add_epoch(run_id, 1, VALUES, VALUES, is_best=True)
    store.progress.finish(run_id, ending, "An end.")
    run = store.queue.resume(run_id)
    assert (run.status, run.resume, run.message, run.epochs_done, run.best_iou) == ("queued", True, "", 1, 0.7)
    assert run.progress == 0.25
    assert store.queue.stop(run_id).message == "Stopped before it resumed."


def test_a_finished_run_goes_on_for_more_epochs(store: RunStore) -> None:
    run_id = running(store)  # of 4 epochs
    with pytest.raises(InputError, match=r"^Run 1 is running; only finished runs can be continued for more epochs\.$"):
        store.queue.extend(run_id, 2)
    for epoch in range(1, 5):
        store.progress.add_epoch(run_id, epoch, VALUES, VALUES, is_best=epoch == 1)
    store.progress.finish(run_id, "finished")
    for wrong in (0, 997):
        with pytest.raises(InputError, match=f"^Run 1 cannot train {wrong} more epochs; give at least 1, and 1000 in all.$"):
            store.queue.extend(run_id, wrong)
    assert store.get_run(run_id).can_extend
    longest = replace(store.get_run(run_id), config=store.get_run(run_id).config.model_copy(update={"epochs": 1000}))
    assert not longest.can_extend
    run = store.queue.extend(run_id, 2)
    assert (run.status, run.resume, run.epochs_done, run.best_epoch) == ("queued", True, 4, 1)
    assert (run.config.epochs, run.config.schedule_from) == (6, 4)
    assert run.progress == pytest.approx(4 / 6)


def test_a_finished_run_that_is_taken_out_of_the_queue_is_as_it_was(store: RunStore) -> None:
    run_id = finished(store)
    store.queue.extend(run_id, 6)
    run = store.queue.stop(run_id)
    assert (run.status, run.config.epochs, run.progress) == ("finished", 4, 1)
    assert store.queue.extend(run_id, 1).config.epochs == 5
    assert store.claims.claim(run_id)
    store.progress.add_epoch(run_id, 5, VALUES, VALUES)
    store.progress.finish(run_id, "stopped")
    store.queue.resume(run_id)
    assert store.queue.stop(run_id).status == "stopped"  # an added epoch has been trained
    store.queue.resume(run_id)
    assert store.claims.claim(run_id)
    store.progress.finish(run_id, "finished")
    store.queue.extend(run_id, 3)
    again = store.queue.stop(run_id)
    assert (again.status, again.config.epochs, again.config.schedule_from) == ("finished", 5, 4)


def test_a_run_that_was_stopped_in_the_first_of_its_further_epochs_has_begun_them(store: RunStore) -> None:
    run_id = finished(store)
    store.queue.extend(run_id, 6)
    assert store.claims.claim(run_id)
    store.progress.finish(run_id, "stopped")
    store.queue.resume(run_id)
    run = store.queue.stop(run_id)
    assert (run.status, run.config.epochs, run.config.schedule_from) == ("stopped", 10, 4)


def test_a_finished_run_that_cannot_be_continued_is_finished_as_it_was(store: RunStore) -> None:
    run_id = finished(store)
    before = store.get_run(run_id)
    store.queue.extend(run_id, 6)
    assert store.claims.claim(run_id)
    run = store.progress.finish(run_id, "failed", "3 masks were edited.")
    assert (run.status, run.config, run.epochs_done, run.best_epoch) == ("finished", before.config, 4, before.best_epoch)
    assert run.message == "It was not continued: 3 masks were edited."
    assert run.can_extend
    store.queue.extend(run_id, 1)
    store.claims.reserve(run_id)
    store.claims.fail_start(run_id, Owner.of(), "Its worker ended.")
    assert store.get_run(run_id).status == "finished"
    store.queue.extend(run_id, 2)
    assert store.claims.claim(run_id)
    store.progress.add_epoch(run_id, 5, VALUES, VALUES)
    assert store.progress.finish(run_id, "failed", "The loss became nan.").status == "failed"  # an added epoch is whole


def test_a_damaged_queue_that_lacks_a_run_is_one_sentence(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = store.queue.add("", CONFIG, "sample").id
    monkeypatch.setattr("seg_core.runs.rows.queued", lambda _: [])
    with pytest.raises(StoreError, match=rf"is damaged \(run {run_id} is missing in the queue\)"):
        store.queue.move(run_id, 1)


def test_a_run_goes_on_with_as_many_processes_as_asked(store: RunStore) -> None:
    run_id = running(store)
    store.progress.finish(run_id, "stopped")
    with pytest.raises(InputError, match="Processes cannot be 0; it must be a whole number from 1 to 64"):
        store.queue.resume(run_id, devices=0)
    run = store.queue.resume(run_id, devices=2)
    assert (run.status, run.config.devices, run.config.epochs) == ("queued", 2, CONFIG.epochs)
