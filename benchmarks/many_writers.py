"""How many trainings a run database takes at once.

    python -m benchmarks.many_writers [--store postgres] [--writers 100] [--seconds 20]

Writes 10,000 runs, and lets processes write what trainings write, as fast as they can, each for a run of its own: the progress
of an epoch with the losses of its batches, as every training does once a second, and now and then a whole epoch. Beside
them, a reader asks for news as an open page does. With ``--store postgres`` on a server of its own, else in a file of SQLite.
Prints rows of docs/scale.md, in Markdown.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from multiprocessing import get_context

import numpy as np
from sqlalchemy import insert, update

from benchmarks.measuring import head, row
from seg_core.config import Config
from seg_core.runs.claim_protocol import owned_by
from seg_core.runs.database import VARIABLE
from seg_core.runs.processes import Owner
from seg_core.runs.run import BatchLosses
from seg_core.runs.store import RunStore
from seg_core.runs.tables import runs
from tests.postgres import Postgres

RUNS, PROCESSES = 10_000, 4
VALUES = dict.fromkeys(("loss", "accuracy", "iou", "dice", "report_iou", "report_dice"), 0.5)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--writers", type=int, default=100, metavar="N")
    parser.add_argument("--seconds", type=float, default=20, metavar="S")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, Postgres() if options.store == "postgres" else nullcontext() as server:
        os.environ["LESIONLAB_HOME"] = home
        if server:
            os.environ[VARIABLE] = server.new_store()
        store = RunStore()
        _fill(store)
        share = options.writers // PROCESSES
        with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
            written = [pool.submit(_write, 1 + share * each, share, options.seconds) for each in range(PROCESSES)]
            asked = _ask(store, lambda: all(each.done() for each in written))
        seconds = [each for of in written for each in of.result()]
        store.close()
    head()
    row(f"{options.writers} writers: transactions per second, all together", [len(seconds) / options.seconds])
    row("one transaction of a training, ms", [1000 * each for each in seconds])
    row("news for an open page meanwhile, ms", [1000 * each for each in asked])


def _fill(store: RunStore) -> None:
    config = Config.of("report").model_dump(mode="json")
    values = {"name": "", "config": config, "sources": ["sample"], "created": 0.0, "queued": 0.0, "tags": []}
    with store._database.write() as connection:
        for number in range(0, RUNS, 1000):
            of = [values | {"id": number + each + 1, "status": "finished"} for each in range(1000)]
            connection.execute(insert(runs), of)


def _write(first: int, count: int, seconds: float) -> list[float]:
    """Write for runs of this process, in turn, and return how long each transaction took."""
    store, took, turn = RunStore(), [], 0
    with store._database.write() as connection:
        mine = runs.c.id.between(first, first + count - 1)
        connection.execute(update(runs).where(mine).values(status="running", **owned_by(Owner.of())))
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        run_id, epoch = first + turn % count, 1 + turn // count // 10
        began = time.perf_counter()
        if turn // count % 10 == 9:
            store.progress.add_epoch(run_id, epoch, VALUES, VALUES, line=f"Epoch {epoch}.")
        else:
            losses = BatchLosses(epoch, 100, np.full(50, 0.5, np.float32))
            store.progress.update(run_id, losses=losses, epoch=epoch, batch=50, batches=100, phase="training")
        took.append(time.perf_counter() - began)
        turn += 1
    return took


def _ask(store: RunStore, is_over: Callable[[], bool]) -> list[float]:
    stamp, took = store.changes().stamp, []
    while not is_over():
        began = time.perf_counter()
        stamp = store.changes(stamp).stamp
        took.append(time.perf_counter() - began)
        time.sleep(max(0.0, 1.0 - took[-1]))
    return took


if __name__ == "__main__":
    main()
