"""Changes of runs since a stamp, by any process, and the losses of single batches."""

from __future__ import annotations

import sqlite3
import subprocess
from contextlib import closing

import numpy as np
import pytest

from seg_core.config import Config
from seg_core.errors import InputError
from seg_core.runs.run import BatchLosses, Changes
from seg_core.runs.store import RunStore
from tests.helpers import file_of
from tests.runs.stores import in_child

CONFIG = Config.of("report", epochs=4)
VALUES = {"loss": 0.5, "iou": 0.7}


def queued(store: RunStore) -> int:
    return store.queue.add("", CONFIG, "sample").id


def running(store: RunStore) -> int:
    run_id = queued(store)
    assert store.claims.claim(run_id)
    return run_id


def ids(changes: Changes) -> list[int]:
    return [change.run.id for change in changes.changed]


def losses(epoch: int, *values: float, batches: int = 3) -> BatchLosses:
    return BatchLosses(epoch, batches, np.array(values, np.float32))


def kept(store: RunStore, run_id: int) -> list[tuple[int, int, list[float]]]:
    return [(each.epoch, each.batches, each.losses.tolist()) for each in store.history.batch_losses(run_id)]


def test_only_what_has_changed_is_told(store: RunStore) -> None:
    assert store.changes() == Changes(0, 0, [], [], [], "0-0-0")
    first, second, third = running(store), queued(store), queued(store)
    everything = store.changes()
    assert ids(everything) == [first, second, third]
    assert everything.queue == [second, third]
    assert everything.changed[1].run == store.get_run(second)

    nothing = store.changes(everything.stamp)
    assert (nothing.stamp, ids(nothing), nothing.deleted, nothing.queue) == (everything.stamp, [], [], [second, third])
    store.annotate(third, name="third")
    store.progress.update(first, batch=1)
    news = store.changes(everything.stamp)
    assert ids(news) == [third, first]  # the latest change last
    assert news.stamp > everything.stamp
    assert ids(store.changes(news.stamp)) == []


def test_new_points_and_lines_are_told_of(store: RunStore) -> None:
    run_id = running(store)
    (change,) = store.changes().changed
    assert (change.last_point, change.last_line) == (0, 0)
    store.progress.add_epoch(run_id, 1, VALUES, VALUES)
    stamp = store.changes().stamp
    store.progress.log(run_id, "A line that changes nothing else.")
    (change,) = store.changes(stamp).changed
    assert (change.last_point, change.last_line) == (store.history.metrics(run_id)[-1].id, store.history.log_tail(run_id)[-1].id)


def test_a_run_that_leaves_the_queue_moves_the_others(store: RunStore) -> None:
    first, second = queued(store), queued(store)
    stamp = store.changes().stamp
    store.queue.stop(first)
    news = store.changes(stamp)
    assert (ids(news), news.queue) == ([first], [second])


def test_deleted_runs_are_told_of_to_those_who_knew_them(store: RunStore) -> None:
    first, second = queued(store), queued(store)
    stamp = store.changes().stamp
    store.queue.stop(first)
    store.delete(first)
    news = store.changes(stamp)
    assert (ids(news), news.deleted, news.since) == ([], [first], stamp)
    assert (ids(store.changes()), store.changes().deleted) == ([second], [])
    assert store.changes(news.stamp).deleted == []


def test_a_stamp_of_another_database_gets_everything(store: RunStore) -> None:
    run_id = queued(store)
    for stamp in (10_000, 2**63, 10**30):
        assert (ids(store.changes(stamp)), store.changes(stamp).since) == ([run_id], 0)


def test_changes_of_other_processes_and_by_hand_are_noticed(store: RunStore) -> None:
    first, second = queued(store), queued(store)
    stamp = store.changes().stamp
    child = in_child(store, "write", first, stderr=subprocess.PIPE)
    assert child.communicate(timeout=60)[1] == ""
    news = store.changes(stamp)
    assert ids(news) == [first]
    with closing(sqlite3.connect(file_of(store))) as connection, connection:
        connection.execute("UPDATE runs SET name = 'by hand' WHERE id = ?", (second,))
    assert [change.run.name for change in store.changes(news.stamp).changed] == ["by hand"]


def test_batch_losses_grow_with_the_epoch(store: RunStore) -> None:
    run_id = running(store)
    store.progress.update(run_id, batch=2, losses=losses(1, 0.5, 0.25))
    store.progress.update(run_id, batch=3, losses=losses(1, 0.5, 0.25, 0.125))
    store.progress.update(run_id, batch=1, losses=losses(2, 1.5))
    assert kept(store, run_id) == [(1, 3, [0.5, 0.25, 0.125]), (2, 3, [1.5])]
    assert [each.epoch for each in store.history.batch_losses(run_id, 2, 7)] == [2]
    assert kept(store, queued(store)) == []
    with pytest.raises(InputError, match="no run 99"):
        store.history.batch_losses(99)


def test_an_epoch_that_is_started_over_replaces_its_batches_and_later_ones(store: RunStore) -> None:
    run_id = running(store)
    for epoch in (1, 2, 3):
        store.progress.update(run_id, losses=losses(epoch, 1.0, 2.0, 3.0))
    store.progress.update(run_id, losses=losses(2, 0.5))
    assert kept(store, run_id) == [(1, 3, [1, 2, 3]), (2, 3, [0.5])]


def test_batch_losses_go_with_their_run_and_are_written_by_its_process_alone(store: RunStore) -> None:
    run_id = running(store)
    store.progress.update(run_id, losses=losses(1, 1.0))
    store.progress.finish(run_id, "stopped")
    store.progress.update(run_id, losses=losses(1, 2.0))
    assert kept(store, run_id) == [(1, 3, [1.0])]
    store.delete(run_id)
    with closing(sqlite3.connect(file_of(store))) as connection:
        assert connection.execute("SELECT count(*) FROM batch_losses").fetchone() == (0,)


def test_a_database_without_stamps_gets_them(store: RunStore) -> None:
    first, second = running(store), queued(store)
    with closing(sqlite3.connect(file_of(store))) as connection, connection:  # what the second version did not have
        for trigger in ("run_added", "run_changed", "run_deleted", "run_logged"):
            connection.execute(f"DROP TRIGGER {trigger}")
        connection.execute("DROP TABLE changes")
        connection.execute("DROP TABLE batch_losses")
        for column in ('"group"', "config_before", "best_dice", "last_iou", "last_dice", "archived"):
            connection.execute(f"ALTER TABLE runs DROP COLUMN {column}")
        connection.execute("PRAGMA user_version = 2")
    upgraded = RunStore(store.at)
    everything = upgraded.changes()
    assert ids(everything) == [first, second]
    upgraded.progress.update(first, losses=losses(1, 0.5))
    assert ids(upgraded.changes(everything.stamp)) == [first]
    assert kept(upgraded, first) == [(1, 3, [0.5])]
    upgraded.close()
