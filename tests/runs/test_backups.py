"""Daily backups of the run database, and bringing one back."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from seg_core.common.home import PROJECT
from seg_core.errors import InputError, StoreError
from seg_core.runs.backups import backups
from seg_core.runs.restore import count_runs, restore
from seg_core.runs.store import RunStore
from tests.helpers import file_of
from tests.runs.stores import CONFIG, finished

TODAY = "2026-02-01"


class OneDay(date):
    """A calendar in which it is always the same day: a test may run at midnight."""

    @classmethod
    def today(cls) -> OneDay:
        return cls.fromisoformat(TODAY)


@pytest.fixture(autouse=True)
def one_day(monkeypatch: pytest.MonkeyPatch, postgres: object) -> None:
    if postgres:
        pytest.skip("a server's backups are not ours")
    monkeypatch.setattr("seg_core.runs.backups.date", OneDay)


def opened_again(store: RunStore) -> RunStore:
    store.close()
    return RunStore(store.at)


def test_a_database_is_backed_up_once_a_day_and_five_backups_are_kept(lab_home: Path) -> None:
    store = opened_again(RunStore())
    assert backups(file_of(store)) == []  # nothing to lose yet
    finished(store)
    folder = lab_home / "backups"
    folder.mkdir()
    for day in range(1, 7):
        (folder / f"lesionlab-2026-01-0{day}.db").touch()
    opened_again(store)
    assert [each.day for each in backups(file_of(store))] == [TODAY, *(f"2026-01-0{day}" for day in (6, 5, 4, 3))]
    finished(store)
    opened_again(store)
    assert [count_runs(each) for each in backups(file_of(store))[:2]] == [1, None]


def test_a_damaged_database_replaces_no_backup(store: RunStore) -> None:
    finished(store)
    store.close()
    content = file_of(store).read_bytes()
    file_of(store).write_bytes(content[:8192] + bytes(4096) + content[12288:])
    with pytest.raises(StoreError, match="is damaged"):
        store.keep_backup()
    assert backups(file_of(store)) == []


def test_a_restored_database_has_its_runs_and_no_new_run_gets_the_folder_of_a_lost_one(store: RunStore, lab_home: Path) -> None:
    finished(store)
    store.keep_backup()
    lost = store.queue.add("later", CONFIG, "sample")
    store.folder(lost.id).mkdir()
    store.close()
    file_of(store).write_bytes(b"")
    with pytest.raises(StoreError, match=rf"is damaged \(it is empty\); `python -m seg_core runs restore {TODAY}` brings back"):
        RunStore()
    replaced = restore(file_of(store), TODAY)
    assert replaced is not None
    assert (replaced.read_bytes(), replaced.parent) == (b"", lab_home)
    again = RunStore()
    assert [(run.id, run.status) for run in again.list_runs()] == [(1, "finished")]
    assert again.history.epoch_metrics(1, 4)["val"]["iou"] == 0.7
    assert again.queue.add("", CONFIG, "sample").id == lost.id + 1
    with closing(sqlite3.connect(file_of(store))) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_database_that_is_in_use_is_not_replaced(store: RunStore) -> None:
    finished(store)
    store.keep_backup()
    store.close()
    code = "from seg_core.runs.store import RunStore; store = RunStore(); print(store.list_runs()[0].id, flush=True); input()"
    child = subprocess.Popen([sys.executable, "-c", code], cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "1\n"
    with pytest.raises(InputError, match=r"is in use; stop the app and its runs, then restore it\.$"):
        restore(file_of(store), TODAY)
    child.communicate("\n")
    restore(file_of(store), TODAY)
    assert [run.id for run in RunStore().list_runs()] == [1]


def test_what_cannot_be_restored_is_one_sentence_and_changes_nothing(store: RunStore) -> None:
    finished(store)
    store.keep_backup()
    store.close()
    with pytest.raises(InputError, match=rf"There is no backup of 'yesterday'; .* lists those that are there: {TODAY}\."):
        restore(file_of(store), "yesterday")
    (backup,) = backups(file_of(store))
    backup.file.write_bytes(b"not a backup")
    with pytest.raises(InputError, match=rf"The backup of {TODAY} is damaged too \(file is not a database\); restore another"):
        restore(file_of(store), TODAY)
    assert [run.id for run in RunStore().list_runs()] == [1]


def test_an_app_that_is_open_follows_a_database_that_is_replaced(store: RunStore, tmp_path: Path) -> None:
    finished(store)
    other = RunStore(tmp_path / "other.db")
    other.queue.add("of the other", CONFIG, "sample")
    other.close()
    for ending in ("-wal", "-shm"):
        Path(f"{file_of(store)}{ending}").unlink()
    file_of(other).replace(file_of(store))
    assert [run.name for run in store.list_runs()] == ["of the other"]
