"""A short look at the run database by a connection of its own: whether it answers, takes changes, and what is in it.

It waits two seconds at most, where a store would wait half a minute for another writer.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seg_core.errors import StoreError
from seg_core.runs.database import Where
from seg_core.runs.processes import Owner

PATIENCE = 2.0


@dataclass
class Probe:
    """What was found.

    Attributes:
        readable: True if it can be read.
        writable: True if it can be changed.
        runs: number of runs by status.
        jobs: number of jobs by status.
        epochs: whole epochs of all runs that are there.
        alive: workers of runs and jobs that are at work, as far as is known.
        lost: those whose process is gone although nobody has said so yet.
    """

    readable: bool = False
    writable: bool = False
    runs: dict[str, int] = field(default_factory=dict)
    jobs: dict[str, int] = field(default_factory=dict)
    epochs: int = 0
    alive: int = 0
    lost: int = 0


def probe(at: Where) -> Probe:
    """Look at a database; never creates it, and changes nothing."""
    found = Probe()
    if isinstance(at, str):
        _probe_server(at, found)
        return found
    try:
        with closing(_connect(at)) as connection:
            _read(connection, found)
            connection.execute("BEGIN IMMEDIATE")  # takes the lock of the one writer, and needs a file that can be written
            connection.execute("ROLLBACK")
            found.writable = True
    except sqlite3.Error:
        pass  # what was found until then is the answer
    return found


def _probe_server(address: str, found: Probe) -> None:
    from seg_core.runs.postgres import impatient

    try:
        with impatient(address, PATIENCE) as connection:
            _read(connection, found)
            found.writable = not connection.execute("SELECT pg_is_in_recovery()").fetchone()[0]
    except StoreError:
        pass


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.as_uri()}?mode=rw", timeout=PATIENCE, uri=True, isolation_level=None)


def _read(connection: Any, found: Probe) -> None:
    for status, count, epochs in connection.execute("SELECT status, count(*), sum(epochs_done) FROM runs GROUP BY status"):
        found.runs[status] = count
        found.epochs += epochs
    found.jobs = dict(connection.execute("SELECT status, count(*) FROM jobs GROUP BY status").fetchall())
    for table in ("runs", "jobs"):
        at_work = f"SELECT host, pid, pid_started FROM {table} WHERE status IN ('running', 'stopping')"
        for host, pid, started in connection.execute(at_work):
            is_lost = None in (host, pid, started) or Owner(host, pid, started).is_gone
            found.lost += is_lost
            found.alive += not is_lost
    found.readable = True
