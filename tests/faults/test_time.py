"""Clocks that jump, and computers that sleep: a run is as its process is, whatever the time."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from seg_core.runs.dispatch import dispatch
from seg_core.runs.store import RunStore
from tests.fake_worker import launcher
from tests.helpers import wait_until
from tests.runs.stores import CONFIG, VALUES, running

YEAR = 365 * 86_400


@pytest.mark.parametrize("jump", [-30 * YEAR, -86_400, -1, 3600, 86_400, 30 * YEAR])
def test_no_run_is_lost_to_a_clock_that_jumps(jump: int, lab_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, really = RunStore(), time.time
    run_id = running(store)
    store.progress.add_epoch(run_id, 1, VALUES, VALUES)
    monkeypatch.setattr(time, "time", lambda: really() + jump)
    assert store.claims.mark_lost() == []
    run = store.get_run(run_id)
    assert (run.status, run.elapsed >= 0) == ("running", True)
    store.progress.add_epoch(run_id, 2, VALUES, VALUES)
    store.progress.finish(run_id, "stopped")
    monkeypatch.setattr(time, "time", really)
    run = store.get_run(run_id)
    assert (run.status, run.epochs_done, run.elapsed >= 0) == ("stopped", 2, True)
    assert [point.epoch for point in store.history.metrics(run_id) if point.name == "iou"] == [1, 1, 2, 2]
    assert store.queue.resume(run_id).status == "queued"


@pytest.mark.skipif(os.name != "posix", reason="Windows cannot halt a process")
def test_a_run_that_sleeps_is_running_and_hears_on_waking_that_it_was_stopped(lab_home: Path) -> None:
    store = RunStore(launcher=launcher())
    run_id = store.queue.add("hold", CONFIG, "sample").id
    dispatch(store)
    wait_until(lambda: store.get_run(run_id).epochs_done == 1, 60)
    pid = store.get_run(run_id).pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        heartbeat = wait_until(lambda: store.get_run(run_id).heartbeat)
        time.sleep(1.5)  # the point is that it is silent for longer than it ever is between two batches
        assert store.claims.mark_lost() == []
        run = store.get_run(run_id)
        assert (run.status, run.heartbeat) == ("running", heartbeat)
        assert dispatch(store) == []
        assert store.queue.stop(run_id).status == "stopping"
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_until(lambda: store.get_run(run_id).status == "stopped", 60)
    assert store.get_run(run_id).epochs_done == 1
