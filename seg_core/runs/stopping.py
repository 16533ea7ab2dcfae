"""Stopping a run: what a request to stop does in each state, within a transaction that its caller holds."""

from __future__ import annotations

import time

from sqlalchemy import Connection

from seg_core.errors import InputError
from seg_core.runs.claim_protocol import owned_by
from seg_core.runs.rows import change, is_silent_elsewhere, mark_lost, silent
from seg_core.runs.run import Run


def stop_run(connection: Connection, run: Run, *, after_epoch: bool) -> None:
    """Stop a run, or ask its process to.

    Raises:
        InputError: if the run has ended.
    """
    match run.status:
        case "queued" if run.config_before is not None:
            _withdraw_extension(connection, run)
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


def _withdraw_extension(connection: Connection, run: Run) -> None:
    """Mark a run that waits for more epochs as finished again, before any of them has begun."""
    assert run.config_before is not None
    config = run.config_before.model_dump(mode="json")
    again = {"status": "finished", "config": config, "config_before": None, "finished": time.time()}
    change(connection, run.id, **again | owned_by(None))


def _leave_queue(connection: Connection, run: Run) -> None:
    message = "Stopped before it started." if run.epochs_done == 0 else "Stopped before it resumed."
    change(connection, run.id, status="stopped", finished=time.time() if run.started else None, message=message)
