"""Faults of the run store: a full, read-only or deleted home folder, damaged pages, many writers, clocks that jump."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from pages.server import answers, api
from seg_core.errors import DiskFull, StoreError
from seg_core.runs.run import Run
from seg_core.runs.store import RunStore
from seg_core.runs.worker import work
from tests.faults.commands import command
from tests.faults.disks import fill, make_read_only, small_disk
from tests.runs.stores import CONFIG, ended_process, finished, own, running

READING: tuple[tuple[object, ...], ...] = (("list",), ("list", "--json"), ("show", 1), ("show", 1, "--json"), ("slots",))
CHANGING: tuple[tuple[object, ...], ...] = (("edit", 1, "--name", "new"), ("slots", 2))


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home folder on a disk of a few megabytes."""
    with small_disk(tmp_path / "disk") as place:
        monkeypatch.setenv("LESIONLAB_HOME", str(place))
        yield place


def with_runs(count: int) -> None:
    """Make finished runs, each with a model of 100 kB, and leave the database closed."""
    store = RunStore()
    for _ in range(count):
        model = store.folder(finished(store)) / "best.safetensors"
        model.parent.mkdir()
        model.write_bytes(bytes(100_000))
    store.close()


def lost_runs(expected: set[int]) -> set[int]:
    return expected - {run.id for run in RunStore().list_runs()}


def test_on_a_full_disk_runs_are_read_and_deleted_and_nothing_else_is_lost(disk: Path) -> None:
    with_runs(3)
    fill(disk)
    (disk / ".reserve").unlink()  # others took that room too
    fill(disk)
    for arguments in READING:
        done = command("runs", *arguments)
        assert (done.fault, done.status) == ("", 0), (arguments, done)
    for arguments in CHANGING:
        done = command("runs", *arguments)
        assert (done.fault, done.status) == ("", 2), (arguments, done)
        assert f"The disk that holds {disk} is full; free some space or delete runs" in done.err
    done = command("runs", "delete", 2, "--yes")
    assert (done.fault, done.status) == ("", 0), done
    assert not (disk / "0002").exists()
    assert command("runs", "edit", 1, "--name", "new").status == 0
    print(f"{len(READING) + len(CHANGING)} commands on a full disk, 0 runs lost")
    assert lost_runs({1, 3}) == set()


def test_the_reserve_holds_the_deletion_of_a_run_without_a_folder_and_is_kept_again(disk: Path) -> None:
    with_runs(2)
    shutil.rmtree(disk / "0001")
    filler = fill(disk)
    assert command("runs", "delete", 1, "--yes").status == 0
    assert not (disk / ".reserve").exists()
    assert [run.id for run in RunStore().list_runs()] == [2]
    filler.unlink()
    RunStore().close()
    assert (disk / ".reserve").stat().st_size > 100_000


def filling(disk: Path) -> Callable[..., Any]:
    """A training that fills the disk with its checkpoint."""

    def train(run: Run, folder: Path, on_event: Callable[[Any], None], should_stop: Callable[[], bool]) -> Any:
        fill(disk)
        with (folder / "last.safetensors").open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))

    return train


def test_a_run_that_fills_the_disk_says_so(disk: Path) -> None:
    store = RunStore()
    run_id = store.queue.add("", CONFIG, "sample").id
    work(run_id, store, filling(disk))
    run = store.get_run(run_id)
    assert (run.status, run.message) == ("failed", f"The disk that holds {disk} is full; free some space, then resume the run.")
    assert store.history.log_tail(run_id)[-1].text == run.message


def test_a_run_that_died_on_a_full_disk_is_not_called_killed(disk: Path) -> None:
    store = RunStore()
    run_id = running(store)
    own(store, run_id, ended_process())
    fill(disk)
    assert command("runs", "list").status == 0
    run = store.get_run(run_id)
    assert run.status == "lost"
    assert run.message.startswith(f"Its process ended while the disk that holds {disk} was full; free some space, then resume")


def test_a_read_only_home_is_read(disk: Path) -> None:
    with_runs(1)
    make_read_only(disk)
    for arguments in READING:
        done = command("runs", *arguments)
        assert (done.fault, done.status) == ("", 0), (arguments, done)
    for arguments in (*CHANGING, ("delete", 1, "--yes")):
        done = command("runs", *arguments)
        assert (done.fault, done.status) == ("", 2), (arguments, done)
        assert "can be read but not written; correct the permissions of its folder" in done.err or "Read-only" in done.err


def test_what_others_write_is_seen_on_a_disk_that_was_full_when_the_store_was_opened(disk: Path) -> None:
    with_runs(1)
    (disk / ".reserve").unlink()
    filler = fill(disk)
    store = RunStore()
    assert store.get_run(1).name == ""
    with pytest.raises(DiskFull):
        store.annotate(1, name="here")
    filler.unlink()
    with RunStore()._database.write() as connection:
        connection.exec_driver_sql("UPDATE runs SET name = 'there'")
    assert store.get_run(1).name == "there"


def damage(file: Path, random: Random) -> str:
    """Change a file in one of the ways in which disks, memory and copying do, and say how."""
    content = bytearray(file.read_bytes())
    match kind := random.choice(("bit", "byte", "zeros", "noise", "cut", "text")):
        case "bit":
            content[random.randrange(len(content))] ^= 1 << random.randrange(8)
        case "byte":
            content[random.randrange(len(content))] = random.randrange(256)
        case "zeros" | "noise":
            page = 4096 * random.randrange(len(content) // 4096)
            content[page : page + 4096] = bytes(4096) if kind == "zeros" else random.randbytes(4096)
        case "cut":
            del content[random.randrange(len(content)) :]
        case "text":  # a value of a row: the text of a setting, a state, a name
            words = [b"running", b"finished", b'"epochs": 4', b"report", b"train", b"iou", b"info", b"sample"]
            place = content.find(random.choice(words), random.randrange(len(content)))
            content[max(place, 0)] = random.randrange(256)
    file.write_bytes(content)
    return kind


LOOKS: tuple[tuple[object, ...], ...] = (
    *READING,
    ("edit", 1, "--name", "x", "--json"),
    ("stop", 3),
    ("move", 3, "--by", -1),
    ("slots", 2),
    ("delete", 2, "--yes"),
    ("restore",),
)


ASKED = ("/health", "/runs", "/runs/1", "/runs/2/metrics", "/runs/1/log", "/runs/1/batches", "/runs/3")


def asked(client: TestClient, path: str) -> str:
    """Ask the API of an app that has just opened the database; return what is wrong with its answer."""
    with patch.object(api, "store", RunStore):
        answer = client.get(f"/api{path}")
    return "" if answer.status_code in (200, 404, 503) else f"status {answer.status_code}: {answer.text[:200]}"


def damaged_databases(lab_home: Path, cases: int, seed: int) -> None:
    """Damage a database ``cases`` times; each time a command is run, the API asked, and the backup restored."""
    store = RunStore()
    for _ in range(2):
        finished(store)
    store.queue.add("waits", CONFIG, "sample", foreground=True)  # no command starts a worker for it
    store.close()
    RunStore().close()  # makes the backup
    database, whole = lab_home / "lesionlab.db", lab_home / "whole"
    shutil.copy(database, whole)
    app = FastAPI()
    app.add_exception_handler(StoreError, answers.without_store)
    app.include_router(api.router)
    client, random = TestClient(app, raise_server_exceptions=False), Random(seed)
    faults, lost, told, kinds = [], 0, 0, set()
    for case in range(cases):
        shutil.copy(whole, database)
        kinds.add(kind := damage(database, random))
        arguments = random.choice(LOOKS)
        done = command("runs", *arguments)
        told += done.status == 2
        if done.fault:
            faults.append((case, kind, arguments, done.fault))
        if case % 25 == 0:
            shutil.copy(whole, database)
            damage(database, random)
            faults += [(case, kind, (path,), fault) for path in ASKED if (fault := asked(client, path))]
        if case % 25 == 0:
            restored = command("runs", "restore", date.today().isoformat())
            lost += restored.status != 0 or [run.id for run in RunStore().list_runs()] != [3, 2, 1]
            for file in lab_home.glob("lesionlab-replaced-*"):
                file.unlink()
        for ending in ("-wal", "-shm"):
            Path(f"{database}{ending}").unlink(missing_ok=True)
    print(f"{cases} damaged databases ({', '.join(sorted(kinds))}), {told} refused: {len(faults)} faults, {lost} restored not")
    assert not faults, "\n\n".join(map(str, faults[:3]))
    assert lost == 0


def test_100_damaged_databases_give_sentences_and_are_restored(lab_home: Path) -> None:
    damaged_databases(lab_home, 100, seed=1)


@pytest.mark.slow
def test_4000_damaged_databases_give_sentences_and_are_restored(lab_home: Path) -> None:
    damaged_databases(lab_home, 4000, seed=2)


def test_a_home_that_is_deleted_while_it_is_open_is_said_to_be_gone(lab_home: Path) -> None:
    store = RunStore()
    finished(store)
    shutil.rmtree(lab_home)
    for use in (store.list_runs, lambda: store.queue.add("", CONFIG, "sample"), lambda: store.delete(1)):
        with pytest.raises(StoreError, match=r"lesionlab\.db is gone; put it back, or restart LesionLab"):
            use()
