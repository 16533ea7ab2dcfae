"""Runs that a terminal waits for and trains."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seg_core.runs import worker
from seg_core.runs.run import Run
from seg_core.runs.store import RunStore
from seg_core.runs.worker import work, work_here
from tests.fake_worker import fake_train
from tests.helpers import wait_until
from tests.runs.workers import CONFIG, add, when_said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_run_and_keeps_the_model(store: RunStore, number: signal.Signals) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    said: list[str] = []
    run_id = store.queue.add("hold", CONFIG, "sample", foreground=True).id
    thread = when_said(store, "Epoch 1 ", lambda _: os.kill(os.getpid(), number))
    run = work_here(store, run_id, said.append, fake_train)
    thread.join()
    assert (run.status, run.epochs_done) == ("stopped", 1)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_a_second_signal_leaves_at_once(store: RunStore) -> None:
    def deaf(run: Run, folder: Path, on_event: Callable[[Any], None], should_stop: Callable[[], bool]) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)  # the same keystroke, passed on by a parent: does not count
        wait_until(lambda: store.get_run(1).status == "stopping")
        wait_until(lambda: os.kill(os.getpid(), signal.SIGINT))
        raise AssertionError("not left")

    said: list[str] = []
    run = work_here(store, store.queue.add("", CONFIG, "sample", foreground=True).id, said.append, deaf)
    assert (run.status, run.message) == ("stopped", "Stopped at once; it can be resumed after its last whole epoch.")
    assert said == ["Stopping after this batch; the model is kept. Press Ctrl-C again to leave at once."]


def test_a_run_in_the_foreground_waits_for_its_turn(store: RunStore) -> None:
    busy = add(store, "busy")
    assert store.claims.claim(busy)
    here = store.queue.add("", CONFIG, "sample", foreground=True).id
    said: list[str] = []
    thread = threading.Thread(target=work_here, args=(store, here, said.append, fake_train))
    thread.start()
    wait_until(lambda: said)
    assert said == ["Waiting for #1 busy to end; Ctrl-C gives up."]
    assert store.get_run(here).status == "queued"
    store.progress.finish(busy, "finished")
    thread.join()
    assert store.get_run(here).status == "finished"
    assert said[1:3] == ["Preparing 2 photographs", "Training from epoch 1."]


def test_a_run_in_the_foreground_has_those_before_it_started(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    before = store.queue.add("before", CONFIG, "sample").id
    here = store.queue.add("", CONFIG, "sample", foreground=True).id

    def dispatch_in_place(store: RunStore) -> None:
        if (run := store.claims.next_due()) is not None and store.claims.reserve(run.id):
            work(run.id, store, fake_train)

    monkeypatch.setattr(worker, "dispatch", dispatch_in_place)
    said: list[str] = []
    assert work_here(store, here, said.append, fake_train).status == "finished"
    assert store.get_run(before).status == "finished"
    ended, began = store.get_run(before).finished, store.get_run(here).started
    assert ended is not None
    assert began is not None
    assert ended <= began


def test_a_run_that_waits_in_the_foreground_can_be_stopped_from_elsewhere(store: RunStore) -> None:
    assert store.claims.claim(add(store))
    here = store.queue.add("", CONFIG, "sample", foreground=True).id
    said: list[str] = []
    thread = threading.Thread(target=work_here, args=(store, here, said.append, fake_train))
    thread.start()
    wait_until(lambda: said)
    store.queue.stop(here)
    thread.join()
    assert store.get_run(here).status == "stopped"


def test_ctrl_c_gives_up_waiting(store: RunStore) -> None:
    assert store.claims.claim(add(store))
    here = store.queue.add("", CONFIG, "sample", foreground=True).id
    run = work_here(store, here, lambda text: os.kill(os.getpid(), signal.SIGINT), fake_train)
    assert (run.status, run.message) == ("stopped", "Stopped before it started.")
