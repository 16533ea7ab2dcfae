"""Run stores in the states that the tests need."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

from seg_core.common.home import PROJECT
from seg_core.config import Config
from seg_core.runs.processes import Owner
from seg_core.runs.store import RunStore
from tests.helpers import file_of

CONFIG = Config.of("report", epochs=4)
VALUES = {"loss": 0.5, "accuracy": 0.9, "iou": 0.7, "dice": 0.8}


def in_child(store: RunStore, mode: str, run_id: int, **options: Any) -> subprocess.Popen[str]:
    """Start another process that uses the store; see tests/fake_worker.py."""
    command = [sys.executable, "-m", "tests.fake_worker", mode, str(run_id)]
    environment = os.environ | {"LESIONLAB_HOME": str(store.home)}
    return subprocess.Popen(command, cwd=PROJECT, env=environment, text=True, **options)


def running(store: RunStore, name: str = "") -> int:
    run = store.queue.add(name, CONFIG, "sample")
    assert store.claims.claim(run.id)
    return run.id


def finished(store: RunStore) -> int:
    """A run that has trained its 4 epochs."""
    run_id = running(store)
    for epoch in range(1, 5):
        store.progress.add_epoch(run_id, epoch, VALUES, VALUES)
    store.progress.finish(run_id, "finished")
    return run_id


def change(store: RunStore, statement: str) -> None:
    """Change the database itself, in whatever keeps it; what only SQLite has is skipped elsewhere."""
    if statement.startswith(("PRAGMA", "DROP")):
        file_of(store)
    with store._database.write() as connection:
        connection.exec_driver_sql(statement)


def own(store: RunStore, run_id: int, owner: Owner) -> None:
    change(
        store,
        f"UPDATE runs SET host = '{owner.host}', pid = {owner.pid}, pid_started = {owner.started} WHERE id = {run_id}",
    )


def ended_process() -> Owner:
    """A process of this machine that has ended."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    owner = Owner.of(child.pid)
    child.communicate(b"\n")
    return owner
