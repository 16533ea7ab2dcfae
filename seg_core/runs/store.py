"""The run store: every run, its metrics and its log, in one SQLite file that several processes read and write at once."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import delete, insert, select

from seg_core.common.text import legible
from seg_core.errors import InputError
from seg_core.runs.annotations import clean_name, clean_notes, clean_tags
from seg_core.runs.database import metrics, runs
from seg_core.runs.queue import Queue
from seg_core.runs.rows import add_line, change, find, is_mine, keep_losses
from seg_core.runs.run import BatchLosses, Ending, Level, Run

_PROGRESS = {"phase", "epoch", "batch", "batches", "epochs_done", "images_per_second", "eta_seconds", "message"}


class RunStore(Queue):
    """All runs of one home folder. Cheap to make, safe to share between threads, never shared by a fork.

    A run goes from queued to running (`claim`), perhaps to stopping (`request_stop`), and ends stopped, finished or failed
    (`finish`) or lost (`mark_lost`); all but finished ones can be queued again (`requeue`), and finished ones for more epochs
    (`extend`). At most as many run at a time as there are slots.

    Every method that takes a run's number raises `InputError` when there is no such run.
    """

    def annotate(
        self, run_id: int, *, name: str | None = None, notes: str | None = None, tags: Sequence[str] | None = None
    ) -> Run:
        """Set the name, the notes or the tags of a run; what is None stays.

        Raises:
            InputError: if one of them is too long.
        """
        values: dict[str, Any] = {}
        if name is not None:
            values["name"] = clean_name(name)
        if notes is not None:
            values["notes"] = clean_notes(notes)
        if tags is not None:
            values["tags"] = clean_tags(tags)
        with self._writer.begin() as connection:
            find(connection, run_id)
            if values:
                change(connection, run_id, **values)
            return find(connection, run_id)

    def delete(self, run_id: int) -> int:
        """Delete a run with its metrics, its log and its folder, and return how many bytes the folder held.

        Raises:
            InputError: if the run is queued, running or stopping, or its folder cannot be removed.
        """
        with self._writer.begin() as connection:
            run = find(connection, run_id)
            if run.is_active:
                raise InputError(f"Run {run_id} is {run.status}; stop it before you delete it.")
            connection.execute(delete(runs).where(runs.c.id == run_id))
        return _remove(self.folder(run_id))

    # The worker's side

    def progress(self, run_id: int, *, losses: BatchLosses | None = None, **values: Any) -> None:
        """Note where a run stands, and that its process lives. Nothing happens if this process does not work on the run.

        Args:
            run_id: the run.
            losses: of all batches of the epoch at work so far; what was kept of this and of later epochs before is replaced.
            values: any of phase, epoch, batch, batches, epochs_done, images_per_second, eta_seconds, message; see `Run`. Give
                none for just a sign of life.
        """
        if unknown := values.keys() - _PROGRESS:
            raise TypeError(f"no progress: {', '.join(sorted(unknown))}")
        if "message" in values:
            values["message"] = legible(values["message"])
        with self._writer.begin() as connection:
            if change(connection, run_id, is_mine(), **values, heartbeat=time.time()) and losses is not None:
                keep_losses(connection, run_id, losses)

    def add_epoch(
        self,
        run_id: int,
        epoch: int,
        train: dict[str, float],
        val: dict[str, float],
        *,
        is_best: bool = False,
        line: str = "",
        **progress: Any,
    ) -> None:
        """Write the metrics of one whole epoch, all or nothing; what was written of this and of later epochs before is replaced.

        Args:
            run_id: the run.
            epoch: its number, from 1.
            train: metric names to values over the training photographs. A value that is not finite is left out.
            val: likewise over the validation photographs.
            is_best: whether its checkpoint is the best so far; ``val["iou"]`` is then kept as the run's best.
            line: what the log says of it.
            progress: as for `progress`.
        """
        points = [
            {"run_id": run_id, "epoch": epoch, "split": split, "name": name, "value": float(value)}
            for split, values in (("train", train), ("val", val))
            for name, value in values.items()
            if math.isfinite(value)
        ]
        if is_best:
            progress |= {"best_epoch": epoch, "best_iou": val.get("iou")}
        with self._writer.begin() as connection:
            find(connection, run_id)
            connection.execute(delete(metrics).where(metrics.c.run_id == run_id, metrics.c.epoch >= epoch))
            if points:
                connection.execute(insert(metrics), points)
            change(connection, run_id, **progress, epoch=epoch, epochs_done=epoch, heartbeat=time.time())
            if line:
                add_line(connection, run_id, "info", line)

    def log(self, run_id: int, text: str, level: Level = "info") -> None:
        """Add a line to a run's log."""
        with self._writer.begin() as connection:
            find(connection, run_id)
            add_line(connection, run_id, level, text)

    def should_stop(self, run_id: int) -> bool:
        """Whether this process is to leave the run: it was asked to stop, or the run is no longer this process's to work on."""
        query = select(runs.c.id).where(runs.c.id == run_id, runs.c.status == "running", is_mine())
        with self._reader.begin() as connection:
            return connection.execute(query).one_or_none() is None

    def should_stop_after_epoch(self, run_id: int) -> bool:
        """Whether the run is to stop when the epoch at work is done."""
        query = select(runs.c.id).where(runs.c.id == run_id, runs.c.stop_after_epoch)
        with self._reader.begin() as connection:
            return connection.execute(query).one_or_none() is not None

    def finish(self, run_id: int, status: Ending, message: str = "", images_per_second: float | None = None) -> Run:
        """Write how a run ended, by the process that works on it.

        Raises:
            InputError: if this process does not work on the run.
        """
        values: dict[str, Any] = {"status": status, "finished": time.time(), "eta_seconds": None, "message": legible(message)}
        if images_per_second is not None:
            values["images_per_second"] = images_per_second
        with self._writer.begin() as connection:
            run = find(connection, run_id)
            if not change(connection, run_id, is_mine(), **values):
                raise InputError(f"Run {run_id} is {run.status} and not run by this process, which therefore cannot end it.")
            return find(connection, run_id)


def _remove(folder: Path) -> int:
    if not folder.exists():
        return 0
    size = sum(file.lstat().st_size for file in folder.rglob("*") if not file.is_dir() or file.is_symlink())
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise InputError(f"The run is deleted, but its folder {folder} is not ({error.strerror}); remove it by hand.") from error
    return size
