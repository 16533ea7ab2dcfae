"""Runs on a PostgreSQL server: it may be restarted, is shared by several apps, and takes over the runs of a file."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from seg_core.common.home import PROJECT
from seg_core.config import Config
from seg_core.errors import InputError, StoreAway, StoreError
from seg_core.jobs.supervisor import Supervisor
from seg_core.runs.copying import copy_database
from seg_core.runs.database import open_database
from seg_core.runs.probe import probe
from seg_core.runs.run import Run
from seg_core.runs.store import RunStore
from tests.cli.lab import Lab
from tests.helpers import make_dataset, tiny_config, wait_until
from tests.postgres import Postgres
from tests.runs.stores import VALUES, finished, running


@pytest.fixture
def server(postgres: Postgres | None) -> Postgres:
    assert postgres, "these tests need --store postgres"
    return postgres


@pytest.fixture
def store(lab_home: Path) -> Iterator[RunStore]:
    store = RunStore()
    yield store
    store.close()


def address(store: RunStore) -> str:
    assert isinstance(store.at, str)
    return store.at


def ended(store: RunStore, run_id: int, timeout: float = 120) -> Run:
    wait_until(lambda: not store.get_run(run_id).is_active, timeout, what="the run ends")
    return store.get_run(run_id)


def test_a_run_waits_for_a_server_that_is_restarted(store: RunStore, server: Postgres, tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "data", train=6, val=2)
    run_id = store.queue.add("", tiny_config(epochs=40), data).id
    worker = subprocess.Popen([sys.executable, "-m", "seg_core", "work", str(run_id)], cwd=PROJECT, env=os.environ)
    wait_until(lambda: store.get_run(run_id).epochs_done >= 2, what="two epochs")
    server.stop()
    with pytest.raises(StoreAway, match=r"does not answer .*; start its server, or correct LESIONLAB_STORE\.$"):
        store.get_run(run_id)
    assert not probe(store.at).readable
    assert worker.poll() is None
    server.start()
    run = ended(store, run_id)
    assert worker.wait(60) == 0
    assert (run.status, run.epochs_done) == ("finished", 40)
    epochs = [point.epoch for point in store.history.metrics(run_id) if (point.split, point.name) == ("val", "iou")]
    assert epochs == list(range(1, 41))


def test_two_apps_on_one_store_start_no_run_twice(store: RunStore, tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "data", train=4, val=2)
    store.queue.set_slots(2)
    ids = [store.queue.add("", tiny_config(epochs=1), data).id for _ in range(4)]
    apps = [Supervisor(RunStore(), every=0.05) for _ in range(2)]
    for app in apps:
        app.start()
    assert [ended(store, run_id).status for run_id in ids] == ["finished"] * 4
    for app in apps:
        app.stop()
    for run_id in ids:
        lines = [line.text for line in store.history.log_tail(run_id)]
        assert sum(line.startswith("Epoch 1 of 1") for line in lines) == 1
        assert lines[-1] == "Finished."


def test_of_many_that_claim_at_once_one_has_each_run(store: RunStore) -> None:
    ids = [store.queue.add("", Config.of("report"), "sample").id for _ in range(5)]
    store.queue.set_slots(5)
    claimed: list[int] = []

    def claim_all() -> None:
        own = RunStore()
        claimed.extend(run_id for run_id in ids if own.claims.claim(run_id))
        own.close()

    threads = [threading.Thread(target=claim_all) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed) == ids


def test_the_runs_of_a_file_move_to_a_server(
    server: Postgres, lab_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (lab_home / "0007").mkdir()  # a run's folder that no database knows
    store = RunStore(server.new_store())
    old = RunStore(lab_home / "lesionlab.db")
    first = finished(old)
    gone = finished(old)
    old.delete(gone)
    second = running(old, "second")
    old.progress.add_epoch(second, 1, VALUES, {**VALUES, "dice": float("nan")}, is_best=True, line="Epoch 1.")
    with pytest.raises(InputError, match=f"^Run {second} is running in .*lesionlab.db; wait for it, or stop it, and copy then.$"):
        copy_database(open_database(lab_home / "lesionlab.db"), open_database(address(store)))
    old.progress.finish(second, "stopped")

    done = Lab(monkeypatch, capsys)("runs", "copy", "--from", lab_home, "--to", address(store))
    assert (done.status, done.out.split(";")[0]) == (0, "2 runs are copied")
    assert [run.to_json() for run in store.list_runs()] == [run.to_json() for run in old.list_runs()]
    for run_id in (first, second):
        assert store.history.metrics(run_id) == old.history.metrics(run_id)
        assert store.history.log_tail(run_id) == old.history.log_tail(run_id)
    assert {changed.run.id for changed in store.changes().changed} == {first, second}
    assert store.queue.add("", Config.of("report"), "sample").id == max(7, second) + 1
    with pytest.raises(InputError, match="holds runs already; copy into an empty database"):
        copy_database(open_database(lab_home / "lesionlab.db"), open_database(address(store)))


def test_a_backup_of_a_file_is_no_backup_of_a_server(
    store: RunStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert Lab(monkeypatch, capsys).refuses("runs", "restore").endswith("its server brings back backups.")


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("mysql://host/runs", "LESIONLAB_STORE is no address of a PostgreSQL database; write postgresql://"),
        ("postgresql://nobody:secret@127.0.0.1:1/runs", "does not answer"),
    ],
)
def test_an_address_that_leads_nowhere_is_one_sentence_without_its_password(wrong: str, why: str) -> None:
    with pytest.raises(StoreError) as refused:
        RunStore(wrong)
    assert why in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_database_that_is_missing_or_newer_is_one_sentence(store: RunStore) -> None:
    with pytest.raises(StoreError, match='refuses: database "nothing" does not exist; correct LESIONLAB_STORE'):
        RunStore(address(store).replace("/postgres?", "/nothing?"))
    with psycopg.connect(address(store), autocommit=True) as connection:
        connection.execute("UPDATE settings SET value = 99 WHERE name = 'format'")
    with pytest.raises(StoreError, match=r"was made by a newer LesionLab \(format 99, known up to 8\); update LesionLab\.$"):
        RunStore()
