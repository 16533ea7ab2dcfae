"""Stopping a run: what a request to stop does in each state, within a transaction that its caller holds."""

from __future__ import annotations

import time

from sqlalchemy import Connection

from seg_core.errors import InputError
from seg_core.runs.rows import change, is_silent_elsewhere, mark_lost, silent, withdraw_extension
from seg_core.runs.run import Run


def stop_run(connection: Connection, run: Run, *, after_epoch: bool) -> None:
    """Stop a run, or ask its process to.

    Raises:
        InputError: if the run has ended.
    """
    match run.status:
        case "queued" if run.config_before is not None:
            withdraw_extension(connection, run)
        case "queued":
            _leave_queue(connection, run)
        case "running" | "stopping" if is_silent_elsewhere(run):
            mark_lost(connection, run, silent(run))
        case "running" if after_epoch:
            change(connection, run.id, stop_after_epoch=True)
        case "running":
            change(connection, run.id, status="stopping")
        case "stopping":
            pass  # asked before
        case _:
            raise InputError(f"Run {run.id} is {run.status}; only queued or running runs can be stopped.")


def _leave_queue(connection: Connection, run: Run) -> None:
    message = "Stopped before it started." if run.epochs_done == 0 else "Stopped before it resumed."
    change(connection, run.id, status="stopped", finished=time.time() if run.started else None, message=message)
