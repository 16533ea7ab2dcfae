"""Many people and processes on one home folder: commands at once, writers beside readers."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from seg_core.common.home import PROJECT
from seg_core.errors import InputError
from seg_core.runs.store import RunStore
from tests.runs.stores import CONFIG, running


def test_stop_resume_and_delete_pressed_at_once_end_in_one_state(lab_home: Path) -> None:
    def press(kind: str, run_id: int) -> str:
        store = RunStore()
        presses: dict[str, Callable[[int], object]]
        presses = {"stop": store.queue.stop, "resume": store.queue.resume, "delete": store.delete}
        try:
            presses[kind](run_id)
        except InputError as error:
            return str(error)
        finally:
            store.close()
        return ""

    store, torn = RunStore(), []
    with ThreadPoolExecutor(6) as pool:
        for _ in range(25):
            run_id = store.queue.add("", CONFIG, "sample").id
            store.folder(run_id).mkdir()
            said = list(pool.map(press, ["stop", "resume", "delete"] * 2, [run_id] * 6))
            there = run_id in [run.id for run in store.list_runs()]
            if there != store.folder(run_id).exists() or any("database" in each for each in said):
                torn.append((run_id, said))
    print(f"150 buttons at once: {len(torn)} runs torn apart")
    assert not torn


WRITER = """
import sys, time
from seg_core.runs.store import RunStore
store, end, epoch = RunStore(), time.monotonic() + float(sys.argv[2]), 0
run_id = int(sys.argv[1])
while time.monotonic() < end:
    epoch += 1
    store.progress.add_epoch(run_id, epoch, {"loss": 0.5, "iou": epoch}, {"loss": 0.5, "iou": epoch}, line=f"Epoch {epoch}.")
    time.sleep(0.01)
print(epoch)
"""
READER = """
import sys, time
from seg_core.runs.store import RunStore
store, end, stamp, looks = RunStore(), time.monotonic() + float(sys.argv[1]), 0, 0
while time.monotonic() < end:
    stamp, looks = store.changes(stamp).stamp, looks + 1
    store.history.metrics(1 + looks % int(sys.argv[2]))
    time.sleep(0.02)
print(looks)
"""


def write_and_read(store: RunStore, seconds: float, writers: int, readers: int) -> None:
    """Let processes write epochs of a run each while others read all of them; nothing may be lost, refused or locked."""
    store.queue.set_slots(writers)
    ids = [running(store) for _ in range(writers)]

    def start(*arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", *map(str, arguments)]
        return subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    processes = [start(WRITER, id, seconds) for id in ids] + [start(READER, seconds, writers) for _ in range(readers)]
    ended = [(process.communicate(timeout=seconds + 120), process.returncode) for process in processes]
    errors = [said[1] for said, status in ended if status or said[1]]
    assert not errors, errors[0]
    written = [int(said[0]) for said, _ in ended[:writers]]
    found = [Counter(point.epoch for point in store.history.metrics(id)) for id in ids]
    lost = sum(4 * epochs - counts.total() for epochs, counts in zip(written, found, strict=True))
    looks = sum(int(said[0]) for said, _ in ended[writers:])
    print(f"{sum(written):,} epochs by {writers} writers beside {looks:,} looks of {readers} readers: {lost} values lost")
    assert (lost, min(written) > 0, looks > 0) == (0, True, True)


@pytest.mark.slow  # tests/runs/test_database.py has a smaller one
def test_8_writers_and_20_readers_lose_nothing_in_a_minute(lab_home: Path) -> None:
    write_and_read(RunStore(), 60, writers=8, readers=20)
