"""Reading the run database: what every page and command asks of it."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Select, bindparam, func, select

from seg_core.common.home import home
from seg_core.runs import rows
from seg_core.runs.database import batch_losses, changes, log, metrics, open_database, runs
from seg_core.runs.rows import LARGEST_ID, find, to_run
from seg_core.runs.run import RUNNING, BatchLosses, Changed, Changes, LogLine, MetricPoint, Run

# Put together once, since pages ask twice a second.
_LATEST = select(func.max(changes.c.stamp))
_LINE = select(runs.c.id).where(runs.c.status == "queued").order_by(runs.c.place, runs.c.id)
_CHANGES = (
    select(
        runs,
        changes.c.run_id,
        select(func.coalesce(func.max(metrics.c.id), 0)).where(metrics.c.run_id == runs.c.id).scalar_subquery(),
        select(func.coalesce(func.max(log.c.id), 0)).where(log.c.run_id == runs.c.id).scalar_subquery(),
    )
    .select_from(changes.outerjoin(runs, runs.c.id == changes.c.run_id))
    .where(changes.c.stamp > bindparam("after"))
    .order_by(changes.c.stamp)
)


class Reader:
    """The reading half of `RunStore`."""

    def __init__(self, path: Path | None = None) -> None:
        """Open the database ``path``, by default ``lesionlab.db`` in the home folder; make it when missing.

        Raises:
            InputError: if the file cannot be opened, is no database, or was made by a newer version.
        """
        self.path = (home() / "lesionlab.db" if path is None else path).resolve()
        self._reader, self._writer = open_database(self.path)
        self._close = weakref.finalize(self, self._reader.dispose)

    def close(self) -> None:
        """Close the connections. Not needed: it happens by itself when the store is dropped."""
        self._close()

    def folder(self, run_id: int) -> Path:
        """The folder of one run, beside the database: its checkpoints, its resume state, its masks, what its process printed."""
        return self.path.parent / f"{run_id:04d}"

    def get_run(self, run_id: int) -> Run:
        """One run as it is now."""
        with self._reader.begin() as connection:
            return find(connection, run_id)

    def list_runs(self) -> list[Run]:
        """All runs, the newest first."""
        with self._reader.begin() as connection:
            return [to_run(row) for row in connection.execute(select(runs).order_by(runs.c.id.desc()))]

    def changes(self, after: int = 0) -> Changes:
        """What has happened to the runs since the stamp ``after``, by whatever process; since the beginning if that is 0.

        Costs next to nothing when nothing has. The first ask gives every run.
        """
        with self._reader.begin() as connection:
            stamp = connection.execute(_LATEST).scalar_one() or 0
            since = after if after <= stamp else 0  # a greater one is of a database that stood here before
            found = connection.execute(_CHANGES, {"after": since}).all() if since < stamp else []
            line = list(connection.execute(_LINE).scalars())
        changed = [Changed(to_run(row), *row[-2:]) for row in found if row.id is not None]
        return Changes(stamp, since, changed, [row.run_id for row in found if row.id is None and since], line)

    def metrics(self, run_id: int, after: int = 0) -> list[MetricPoint]:
        """The metric points of a run whose id is greater than ``after``, in the order they were written.

        Ids only grow. When a resumed run writes an epoch again, its old points and those of later epochs are gone, so
        whoever holds points already drops those from the epoch of a new point on.
        """
        query = (
            select(metrics.c.id, metrics.c.epoch, metrics.c.split, metrics.c.name, metrics.c.value)
            .where(metrics.c.run_id == run_id, metrics.c.id > min(after, LARGEST_ID))
            .order_by(metrics.c.id)
        )
        return [MetricPoint(*row) for row in self._rows_of(run_id, query)]

    def batch_losses(self, run_id: int, first: int = 1, last: int = LARGEST_ID) -> list[BatchLosses]:
        """The training loss of every batch of the epochs ``first`` to ``last``, as far as it was recorded, in order."""
        kept = batch_losses.c
        query = (
            select(kept.epoch, kept.batches, kept.losses)
            .where(kept.run_id == run_id, kept.epoch.between(first, last))
            .order_by(kept.epoch)
        )
        return [BatchLosses(epoch, count, np.frombuffer(losses, "<f4")) for epoch, count, losses in self._rows_of(run_id, query)]

    def epoch_metrics(self, run_id: int, epoch: int) -> dict[str, dict[str, float]]:
        """The values of one epoch: ``{"train": {"loss": …}, "val": {…}}``; both empty when the epoch is not there."""
        query = (
            select(metrics.c.split, metrics.c.name, metrics.c.value)
            .where(metrics.c.run_id == run_id, metrics.c.epoch == epoch)
            .order_by(metrics.c.id)
        )
        values: dict[str, dict[str, float]] = {"train": {}, "val": {}}
        for split, name, value in self._rows_of(run_id, query):
            values[split][name] = value
        return values

    def log_tail(self, run_id: int, n: int = 200) -> list[LogLine]:
        """The last ``n`` lines of a run's log, the oldest first."""
        query = (
            select(log.c.id, log.c.time, log.c.level, log.c.text).where(log.c.run_id == run_id).order_by(log.c.id.desc()).limit(n)
        )
        return [LogLine(*row) for row in reversed(self._rows_of(run_id, query))]

    def at_work(self) -> list[Run]:
        """The runs that are running or stopping, in the order in which they were added."""
        with self._reader.begin() as connection:
            query = select(runs).where(runs.c.status.in_(RUNNING)).order_by(runs.c.id)
            return [to_run(row) for row in connection.execute(query)]

    def line(self) -> list[Run]:
        """The queued runs, the next one first."""
        with self._reader.begin() as connection:
            return rows.line(connection)

    def slots(self) -> int:
        """How many runs may train at a time."""
        with self._reader.begin() as connection:
            return rows.slots(connection)

    def _rows_of(self, run_id: int, query: Select[Any]) -> Sequence[Any]:
        with self._reader.begin() as connection:
            found = connection.execute(query).all() if 0 < run_id <= LARGEST_ID else []
            if not found:
                find(connection, run_id)
            return found
