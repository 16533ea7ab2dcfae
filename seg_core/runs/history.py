"""Reading the records of runs: their metrics, the loss of every batch, and their logs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sqlalchemy import Select, select

from seg_core.config import LONGEST_RUN
from seg_core.runs.checked_values import RowCheck
from seg_core.runs.database import LARGEST_ID, Database
from seg_core.runs.rows import find
from seg_core.runs.run import BatchLosses, LogLine, MetricPoint
from seg_core.runs.tables import batch_losses, log, metrics


class RunHistory:
    """Records of runs, for pages, commands and reports; `seg_core.runs.progress.RunProgress` writes them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def metrics(self, run_id: int, after: int = 0) -> list[MetricPoint]:
        """Return the metric points of a run whose id is greater than ``after``, in the order they were written.

        Ids only grow. When a resumed run writes an epoch again, its old points and those of later epochs are deleted, so
        a caller drops the points that it holds from the epoch of a new point on.
        """
        query = (
            select(metrics.c.id, metrics.c.epoch, metrics.c.split, metrics.c.name, metrics.c.value)
            .where(metrics.c.run_id == run_id, metrics.c.id > min(after, LARGEST_ID))
            .order_by(metrics.c.id)
        )
        return [MetricPoint(*row) for row in self._rows_of(run_id, query)]

    def epoch_metrics(self, run_id: int, epoch: int) -> dict[str, dict[str, float]]:
        """Return the values of one epoch: ``{"train": {"loss": …}, "val": {…}}``; both empty if it was not recorded."""
        query = (
            select(metrics.c.split, metrics.c.name, metrics.c.value)
            .where(metrics.c.run_id == run_id, metrics.c.epoch == epoch, metrics.c.split != "process")
            .order_by(metrics.c.id)
        )
        values: dict[str, dict[str, float]] = {"train": {}, "val": {}}
        for split, name, value in self._rows_of(run_id, query):
            values[split][name] = value
        return values

    def batch_losses(self, run_id: int, first: int = 1, last: int = LONGEST_RUN) -> list[BatchLosses]:
        """Return the training loss of every batch of the epochs ``first`` to ``last``, in order, as far as recorded."""
        kept = batch_losses.c
        query = (
            select(kept.epoch, kept.batches, kept.losses)
            .where(kept.run_id == run_id, kept.epoch.between(first, min(last, LONGEST_RUN)))
            .order_by(kept.epoch)
        )
        return [BatchLosses(epoch, count, np.frombuffer(losses, "<f4")) for epoch, count, losses in self._rows_of(run_id, query)]

    def log_tail(self, run_id: int, n: int = 200) -> list[LogLine]:
        """Return the last ``n`` lines of a run's log, the oldest first."""
        query = (
            select(log.c.id, log.c.time, log.c.level, log.c.text).where(log.c.run_id == run_id).order_by(log.c.id.desc()).limit(n)
        )
        return [LogLine(*row) for row in reversed(self._rows_of(run_id, query))]

    def _rows_of(self, run_id: int, query: Select[Any]) -> Sequence[Any]:
        with self._database.read() as connection:
            found = connection.execute(query).all() if 0 < run_id <= LARGEST_ID else []
            check = RowCheck(query.selected_columns)
            for row in found:
                check(row)
            if not found:
                find(connection, run_id)
            return found
