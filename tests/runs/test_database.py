"""The database file: its formats, and many processes at once."""

from __future__ import annotations

import sqlite3
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import update

from seg_core.errors import InputError
from seg_core.runs.store import RunStore
from seg_core.runs.tables import runs
from tests.helpers import file_of
from tests.runs.stores import CONFIG, VALUES, change, in_child, running


def test_a_new_database_leaves_the_folders_of_an_older_one_alone(tmp_path: Path) -> None:
    for name in ("0003", "0012", "cache", "12b", "20261126", "9" * 30):
        (tmp_path / name).mkdir()
    with closing(RunStore(tmp_path / "lesionlab.db")) as store:
        assert store.queue.add("", CONFIG, "sample").id == 13
    with closing(RunStore(tmp_path / "lesionlab.db")) as store:
        assert store.queue.add("", CONFIG, "sample").id == 14


def test_many_may_make_the_database_at_once(tmp_path: Path) -> None:
    barrier = threading.Barrier(8)

    def make(_: int) -> int:
        barrier.wait()
        store = RunStore(tmp_path / "new.db")
        run_id = store.queue.add("", CONFIG, "sample").id
        store.close()
        return run_id

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(make, range(8))) == list(range(1, 9))


def test_readers_never_wait_for_a_writer(store: RunStore) -> None:
    run_id = store.queue.add("", CONFIG, "sample").id
    with closing(sqlite3.connect(file_of(store), isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        assert store.get_run(run_id).status == "queued"
        connection.execute("ROLLBACK")


def test_a_failed_change_leaves_nothing_behind(store: RunStore) -> None:
    run_id = running(store)
    store.progress.add_epoch(run_id, 1, VALUES, VALUES)
    with pytest.raises(TypeError):
        store.progress.add_epoch(run_id, 1, {"loss": 0.1, "iou": "much"}, VALUES)  # type: ignore[dict-item]
    with pytest.raises(Exception, match="no_such_column"):
        store.progress.add_epoch(run_id, 1, {"loss": 0.1}, VALUES, no_such_column=1)
    assert store.history.epoch_metrics(run_id, 1)["train"] == VALUES


@pytest.mark.parametrize("processes", [2, pytest.param(8, marks=pytest.mark.slow)])
def test_processes_write_at_once_and_nothing_is_lost(store: RunStore, processes: int) -> None:
    runs = [store.queue.add("", CONFIG, "sample").id for _ in range(processes)]
    children = [in_child(store, "write", run_id, stderr=subprocess.PIPE) for run_id in runs]
    for child in children:
        _, errors = child.communicate(timeout=120)
        assert (child.returncode, errors) == (0, "")
    for run_id in runs:
        points = store.history.metrics(run_id)
        assert [p.epoch for p in points] == [epoch for epoch in range(1, 26) for _ in range(3)]
        assert [p.value for p in points if p.name == "iou"] == [epoch / 100 for epoch in range(1, 26)]
        assert [line.text for line in store.history.log_tail(run_id)] == [f"Epoch {epoch}." for epoch in range(1, 26)]


def test_the_database_of_a_newer_version_is_one_sentence(store: RunStore) -> None:
    change(store, "PRAGMA user_version = 99")
    with pytest.raises(InputError, match=r"made by a newer LesionLab \(format 99, known up to 8\); update LesionLab"):
        RunStore(store.at)


def test_a_database_of_an_older_version_is_brought_up_to_date(store: RunStore) -> None:
    run_id = running(store, "old")
    store.progress.add_epoch(run_id, 1, {}, {"iou": 0.5, "dice": 0.6}, is_best=True)
    store.progress.add_epoch(run_id, 2, {}, {"iou": 0.4, "dice": 0.3})
    earlier = ("place", "stop_after_epoch", "notes", "tags", '"group"', "config_before")
    for column in (*earlier, "best_dice", "last_iou", "last_dice", "archived"):  # what the first version did not have
        change(store, f"ALTER TABLE runs DROP COLUMN {column}")
    for table in ("jobs", "settings"):
        change(store, f"DROP TABLE {table}")
    change(store, "PRAGMA user_version = 1")
    upgraded = RunStore(store.at)
    run = upgraded.get_run(run_id)
    assert (run.name, run.place, run.stop_after_epoch, run.notes, run.tags) == ("old", 0, False, "", ())
    assert (run.best_iou, run.best_dice, run.last_iou, run.last_dice, run.archived) == (0.5, 0.6, 0.4, 0.3, False)
    assert upgraded.annotate(run_id, tags=["kept"]).tags == ("kept",)
    assert upgraded.queue.slots() == 1
    assert RunStore(store.at).get_run(run_id).tags == ("kept",)


def test_a_file_that_is_no_database_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "lesionlab.db").write_bytes(b"This is not what you think it is. " * 100)
    with pytest.raises(InputError, match=r"is damaged \(file is not a database\); there is no backup"):
        RunStore(tmp_path / "lesionlab.db")
    with pytest.raises(InputError, match="cannot be opened; correct its permissions"):
        RunStore(tmp_path)


def test_a_setting_that_came_later_has_its_default(store: RunStore) -> None:
    run_id = store.queue.add("", CONFIG, "sample").id
    config = {name: value for name, value in CONFIG.model_dump(mode="json").items() if name != "seed"}
    with store._database.write() as connection:
        connection.execute(update(runs).values(config=config | {"from_the_future": 1}))
    assert store.get_run(run_id).config.seed == 0
    assert store.list_runs()[0].config.epochs == 4
