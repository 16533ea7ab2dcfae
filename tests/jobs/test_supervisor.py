"""The supervisor: real worker processes, started once each, in order, and missed when they die."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from seg_core.config import Config
from seg_core.errors import StoreError
from seg_core.jobs.supervisor import Supervisor
from seg_core.runs.claims import LOST
from seg_core.runs.dispatch import dispatch
from seg_core.runs.launcher import LocalLauncher, Worker
from seg_core.runs.processes import Owner
from seg_core.runs.run import Run, Status
from seg_core.runs.store import RunStore
from seg_core.sweeps.store import SweepStore
from seg_core.sweeps.sweep import Plan
from tests.fake_worker import launcher
from tests.helpers import wait_until

CONFIG = Config.of("report", epochs=3)


@pytest.fixture
def store(lab_home: Path) -> Iterator[RunStore]:
    store = RunStore(launcher=launcher())
    yield store
    for run in store.list_runs():  # a failed test leaves no process behind
        if run.is_running and run.pid not in (None, os.getpid()) and run.owner and not run.owner.is_gone:
            os.kill(run.owner.pid, signal.SIGKILL)
    store.close()


@pytest.fixture
def supervise(store: RunStore) -> Iterator[Callable[[], Supervisor]]:
    started = []

    def start() -> Supervisor:
        supervisor = Supervisor(RunStore(store.at, store.launcher), every=0.05)
        supervisor.start()
        started.append(supervisor)
        return supervisor

    yield start
    for supervisor in started:
        supervisor.stop()


class NoLauncher(LocalLauncher):
    """Starts nothing, and says so when asked to."""

    def start(self, arguments: Sequence[str], home: Path, output: Path) -> Worker:
        pytest.fail("started")


BUSY = "The run database is kept busy by another process; try again."


def by(launcher: LocalLauncher) -> RunStore:
    """The store of the home folder, whose workers another launcher starts."""
    return RunStore(launcher=launcher)


def add(store: RunStore, name: str = "") -> int:
    return store.queue.add(name, CONFIG, "sample").id


def log(store: RunStore, run_id: int) -> list[str]:
    return [line.text for line in store.history.log_tail(run_id)]


def wait_for(store: RunStore, run_id: int, status: Status) -> Run:
    def reached() -> Run | None:
        run = store.get_run(run_id)
        assert run.is_active or run.status == status, run.message
        return run if run.status == status else None

    run = wait_until(reached, what=f"run {run_id} is {status}")
    assert run is not None
    return run


def in_second_epoch(store: RunStore, run_id: int) -> psutil.Process:
    """The worker of a run that holds or waits, when it does."""
    wait_until(lambda: any(line.startswith("Epoch 1 ") for line in log(store, run_id)), what="the second epoch")
    pid = store.get_run(run_id).pid
    assert pid is not None
    return psutil.Process(pid)


def test_three_runs_go_in_order_even_without_the_app(store: RunStore) -> None:
    runs = [add(store) for _ in range(3)]
    assert [run.id for run in dispatch(store)] == runs[:1]
    ended = [wait_for(store, run_id, "finished") for run_id in runs]
    for before, after in pairwise(ended):
        assert before.finished is not None
        assert after.started is not None
        assert before.finished <= after.started
    assert len({run.pid for run in ended}) == 3
    assert [(store.folder(run_id) / "worker.log").read_bytes() for run_id in runs] == [b""] * 3


@pytest.mark.slow
def test_two_apps_start_every_run_once(store: RunStore) -> None:
    started: list[int] = []

    class Counting(LocalLauncher):
        def start(self, arguments: Sequence[str], home: Path, output: Path) -> Worker:
            started.append(int(arguments[-1]))
            return launcher().start(arguments, home, output)

    supervisors = [Supervisor(by(Counting()), every=0.01) for _ in range(2)]
    runs = [add(store, "wait") for _ in range(2)]
    for supervisor in supervisors:
        supervisor.start()
    for run_id in runs:
        in_second_epoch(store, run_id)
        (store.folder(run_id) / "go").touch()
        wait_for(store, run_id, "finished")
        assert log(store, run_id).count("Training from epoch 1.") == 1
    for supervisor in supervisors:
        supervisor.stop()
    assert started in ([1], [1, 2])  # the second may be started by the first's worker


def test_a_killed_worker_is_noticed_and_its_run_goes_on(store: RunStore, supervise: Callable[[], Supervisor]) -> None:
    run_id = add(store, "wait")
    supervise()
    worker = in_second_epoch(store, run_id)
    before = log(store, run_id)
    worker.kill()
    run = wait_until(lambda: (run := store.get_run(run_id)).status == "lost" and run)
    assert run
    assert run.message == LOST
    assert log(store, run_id) == [*before, LOST]
    (store.folder(run_id) / "go").touch()
    store.queue.resume(run_id)
    run = wait_for(store, run_id, "finished")
    assert log(store, run_id)[len(before) + 1 :][:2] == ["Resuming after epoch 1.", "Training from epoch 2."]
    assert [p.epoch for p in store.history.metrics(run_id) if (p.split, p.name) == ("val", "iou")] == [1, 2, 3]


def test_sweeps_move_on(store: RunStore, supervise: Callable[[], Supervisor]) -> None:
    sweeps = SweepStore(store.at)
    sweep = sweeps.add("", CONFIG, "sample", Plan.of(CONFIG, space=["loss=bce,bce-dice"], runs=1))
    supervise()
    wait_until(lambda: sweeps.get(sweep.id).ending == "finished", what="the sweep has ended")
    assert [(trial.params, trial.value) for trial in sweeps.get(sweep.id).every] == [({"loss": "bce"}, 0.03)]
    sweeps.close()


def test_a_worker_stops_when_asked_and_the_next_run_begins(store: RunStore, supervise: Callable[[], Supervisor]) -> None:
    first, second, third = add(store, "hold"), add(store), add(store)
    supervise()
    in_second_epoch(store, first)
    store.queue.stop(second)
    store.queue.stop(first)
    assert wait_for(store, first, "stopped").epochs_done == 1
    wait_for(store, third, "finished")
    assert store.get_run(second).status == "stopped"
    assert log(store, second) == []


def test_a_terminated_worker_keeps_its_model(store: RunStore) -> None:
    run_id = add(store, "hold")
    dispatch(store)
    worker = in_second_epoch(store, run_id)
    assert os.getsid(worker.pid) == worker.pid  # its own session: Ctrl-C in the app's terminal passes it by
    worker.terminate()
    assert wait_for(store, run_id, "stopped").message == "Stopped in epoch 2; it can be resumed."


def test_a_worker_that_cannot_begin_fails_its_run_with_what_it_said(store: RunStore) -> None:
    run_id = add(store)
    dispatch(by(launcher("break")))
    assert wait_for(store, run_id, "failed").message == "Its worker ended with status 1 before it began: There is no torch."
    assert store.queue.resume(run_id).status == "queued"


def test_a_worker_that_cannot_even_start_fails_its_run(store: RunStore, tmp_path: Path) -> None:
    run_id = add(store)
    dispatch(by(LocalLauncher((str(tmp_path / "no-python"),))))
    assert store.get_run(run_id).message == "Its worker could not be started (No such file or directory); resume it to try again."


def test_a_run_that_is_being_started_is_not_started_again(store: RunStore) -> None:
    run_id = add(store)
    assert dispatch(by(LocalLauncher((sys.executable, "-c", "import signal; signal.pause()"))))
    assert dispatch(by(NoLauncher())) == []
    booting = store.get_run(run_id)
    assert booting.status == "queued"
    assert booting.owner is not None
    os.kill(booting.owner.pid, signal.SIGKILL)
    assert wait_for(store, run_id, "failed").message == "Its worker was killed by signal 9 before it began."


def test_a_run_in_the_foreground_is_not_started(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store = by(NoLauncher())
    here = store.queue.add("", CONFIG, "sample", foreground=True)
    add(store)
    assert dispatch(store) == []
    monkeypatch.setattr(store.claims, "mark_lost", list)
    gone = replace(Owner.of(), started=-10.0)
    store.claims.hand_over(here.id, gone)  # not even when its process goes at this very moment
    assert dispatch(store) == []


def test_the_supervisor_survives_a_failing_database(
    store: RunStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    looks = 0
    enough = threading.Event()

    def mark_lost() -> list[Run]:
        nonlocal looks
        looks += 1
        if looks == 5:
            enough.set()
        if looks < 4:
            raise StoreError(BUSY)
        return []

    monkeypatch.setattr(store.claims, "mark_lost", mark_lost)
    supervisor = Supervisor(store, every=0.01)
    with caplog.at_level(logging.WARNING):
        supervisor.start()
        assert enough.wait(30)
        supervisor.stop()
    assert [record.message for record in caplog.records] == ["The queue stands still, and is tried again every second. " + BUSY]


def test_stopping_a_supervisor_is_quick(store: RunStore) -> None:
    supervisor = Supervisor(store, every=3600)
    supervisor.start()
    supervisor.stop()
    Supervisor(store).stop()  # one that never started


def test_workers_are_fresh_interpreters() -> None:
    assert LocalLauncher().command(("work", "7")) == (sys.executable, "-m", "seg_core", "work", "7")
