"""The claim protocol for runs: as many train at a time as there are slots, in the order of the queue."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row

from seg_core.runs import rows
from seg_core.runs.alerts import events
from seg_core.runs.causes import cause_of_end
from seg_core.runs.claim_protocol import Claims
from seg_core.runs.database import Database
from seg_core.runs.launcher import Launcher
from seg_core.runs.run import Run, run_folder
from seg_core.runs.tables import runs

LOST = "Its process ended unexpectedly: it was killed, or the machine ran out of memory or restarted. It can be resumed."


class RunClaims(Claims[Run]):
    """Decides which run trains next, and which process trains it.

    It is a run's turn when fewer runs are ahead of it in the queue than there are free slots. A queued run with a living owner
    takes a slot already: its worker starts, or it waits in the foreground.
    """

    command = "work"
    try_again = "resume it to try again"

    def __init__(self, database: Database, launcher: Launcher) -> None:
        super().__init__(database, launcher, runs)

    def output(self, id: int) -> Path:
        """File to which a worker's output is appended."""
        return run_folder(self.home, id) / "worker.log"

    def _find(self, connection: Connection, id: int) -> Run:
        return rows.find(connection, id)

    def _from_row(self, row: Row[Any]) -> Run:
        return rows.to_run(row)

    def _turn(self, connection: Connection) -> list[Run]:
        return rows.queued(connection)[: rows.free_slots(connection)]

    def _needs_worker(self, item: Run) -> bool:
        return not item.foreground and super()._needs_worker(item)

    def _at_begin(self, item: Run) -> dict[str, Any]:
        now = time.time()
        begin = {"phase": "preparing", "epoch": item.epochs_done, "batch": 0, "batches": 0}
        return begin | {"started": now, "heartbeat": now}

    def _held(self) -> ColumnElement[bool]:
        # No dispatcher starts a queued run in the foreground, so without its process it would wait for ever.
        return super()._held() | ((runs.c.status == "queued") & runs.c.foreground)

    def _why_lost(self, item: Run) -> str:
        if self._is_abandoned(item):
            return self._cause(cause_of_end(item.owner, run_folder(self.home, item.id)) or LOST)
        return rows.silent(item) if item.status == "stopping" and rows.is_silent_elsewhere(item) else ""

    def _write_lost(self, connection: Connection, item: Run, why: str) -> None:
        rows.mark_lost(connection, item, why)

    def _after_failed_start(self, connection: Connection, id: int, message: str) -> None:
        if (run := rows.find(connection, id)).config_before is not None:
            rows.withdraw_extension(connection, run, message)
        rows.add_line(connection, id, "error", message)
        events.record(connection, "failed", rows.find(connection, id), reason=message)
