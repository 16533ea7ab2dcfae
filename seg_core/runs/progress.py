"""Recording a run, by the process that trains it."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from seg_core.common.text import legible
from seg_core.errors import InputError
from seg_core.runs import claim_protocol
from seg_core.runs.alerts import events
from seg_core.runs.claim_protocol import is_mine
from seg_core.runs.database import PATIENCE, Database, patient
from seg_core.runs.rows import add_line, change, find, withdraw_extension
from seg_core.runs.run import BatchLosses, Ending, Level, Run
from seg_core.runs.tables import batch_losses, metrics, runs

_VALUES = {"phase", "epoch", "batch", "batches", "epochs_done", "images_per_second", "eta_seconds", "message"}


class RunProgress:
    """Progress of the runs that this process trains: recorded by its worker, read through `seg_core.runs.history.RunHistory`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @patient
    def update(self, run_id: int, *, losses: BatchLosses | None = None, **values: Any) -> None:
        """Record the state of a run, and that its process lives. Nothing happens if this process does not work on the run.

        Args:
            run_id: the run.
            losses: of all batches of the current epoch so far; replaces those recorded of this and of later epochs.
            values: any of phase, epoch, batch, batches, epochs_done, images_per_second, eta_seconds, message; see `Run`. Give
                none for just a sign of life.
        """
        if unknown := values.keys() - _VALUES:
            raise TypeError(f"no progress: {', '.join(sorted(unknown))}")
        if "message" in values:
            values["message"] = legible(values["message"])
        with self._database.write() as connection:
            if change(connection, run_id, is_mine(runs), **values, heartbeat=time.time()) and losses is not None:
                _keep_losses(connection, run_id, losses)

    @patient
    def add_epoch(
        self,
        run_id: int,
        epoch: int,
        train: dict[str, float],
        val: dict[str, float],
        *,
        process: Mapping[str, float] = {},
        is_best: bool = False,
        line: str = "",
        **values: Any,
    ) -> None:
        """Record the metrics of one whole epoch, all or nothing; replaces those recorded of this and of later epochs.

        Args:
            run_id: the run.
            epoch: its number, from 1.
            train: metric names to values over the training photographs. Values that are not finite are left out.
            val: likewise over the validation photographs.
            process: how the epoch went (`seg_core.training.events.EpochDone`).
            is_best: True if its checkpoint is the best so far; ``val["iou"]`` is then kept as the run's best.
            line: a line on it for the log.
            values: as for `update`.
        """
        points = [
            {"run_id": run_id, "epoch": epoch, "split": split, "name": name, "value": float(value)}
            for split, of_split in (("train", train), ("val", val), ("process", process))
            for name, value in of_split.items()
            if math.isfinite(value)
        ]
        iou, dice = (value if (value := val.get(name)) is not None and math.isfinite(value) else None for name in ("iou", "dice"))
        if is_best:
            values |= {"best_epoch": epoch, "best_iou": iou, "best_dice": dice}
        with self._database.write() as connection:
            find(connection, run_id)
            connection.execute(delete(metrics).where(metrics.c.run_id == run_id, metrics.c.epoch >= epoch))
            if points:
                connection.execute(insert(metrics), points)
            values |= {"epoch": epoch, "epochs_done": epoch, "config_before": None}
            values |= {"last_iou": iou, "last_dice": dice}
            change(connection, run_id, **values, heartbeat=time.time())
            events.record_passed_targets(connection, find(connection, run_id), epoch, val)
            if line:
                add_line(connection, run_id, "info", line)

    @patient
    def log(self, run_id: int, text: str, level: Level = "info") -> None:
        """Add a line to a run's log."""
        with self._database.write() as connection:
            find(connection, run_id)
            add_line(connection, run_id, level, text)

    def should_stop(self, run_id: int) -> bool:
        """Return True if this process should stop working on the run: a stop was requested, or another process works on it."""
        with self._database.read() as connection:
            return claim_protocol.should_stop(connection, runs, run_id)

    @patient
    def should_stop_after_epoch(self, run_id: int) -> bool:
        """Return True if the run should stop at the end of the current epoch."""
        query = select(runs.c.id).where(runs.c.id == run_id, runs.c.stop_after_epoch)
        with self._database.read() as connection:
            return connection.execute(query).first() is not None

    @patient
    def finish(
        self, run_id: int, status: Ending, message: str = "", images_per_second: float | None = None, *, line: str = ""
    ) -> Run:
        """Record how a run of this process ended, and a line on it for the log.

        A finished run that fails before the first of its further epochs is whole is finished again, as it was. On a full disk,
        which is a common reason for an end, it takes the room that is kept in reserve.

        Raises:
            InputError: if this process does not work on the run.
        """
        values: dict[str, Any] = {"status": status, "finished": time.time(), "eta_seconds": None, "message": legible(message)}
        values["config_before"] = None
        if images_per_second is not None:
            values["images_per_second"] = images_per_second

        def end(connection: Connection) -> Run:
            run = find(connection, run_id)
            if not change(connection, run_id, is_mine(runs), **values):
                raise InputError(f"Run {run_id} is {run.status} and not run by this process, which therefore cannot end it.")
            if status == "failed" and run.config_before is not None:
                withdraw_extension(connection, run, message)
            if line:
                add_line(connection, run_id, "error" if status in ("failed", "lost") else "info", line)
            ended = find(connection, run_id)
            if status != "stopped":
                events.record(connection, status, ended, reason=message)
            return ended

        return self._database.write_urgently(end, PATIENCE)


def _keep_losses(connection: Connection, run_id: int, of: BatchLosses) -> None:
    connection.execute(delete(batch_losses).where(batch_losses.c.run_id == run_id, batch_losses.c.epoch >= of.epoch))
    packed = of.losses.astype("<f4").tobytes()
    connection.execute(insert(batch_losses).values(run_id=run_id, epoch=of.epoch, batches=of.batches, losses=packed))
