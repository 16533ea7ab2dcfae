"""The run store: every run, its metrics and its log, in one SQLite file that several processes read and write at once."""

from __future__ import annotations

import math
import shutil
import time
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Select, delete, insert, select

from seg_core.config import Config
from seg_core.data.dataset import clean_source
from seg_core.errors import InputError
from seg_core.home import home
from seg_core.runs.database import log, metrics, open_database, runs
from seg_core.runs.process import Owner
from seg_core.runs.rows import (
    LARGEST_ID,
    add_line,
    change,
    find,
    first_in_line,
    is_abandoned,
    is_busy,
    is_mine,
    is_silent_elsewhere,
    lose,
    owned_by,
    storable,
    to_run,
)
from seg_core.runs.run import RESUMABLE, RUNNING, Ending, Level, LogLine, MetricPoint, Run

LOST = "Its process ended without a word: it was killed, or the machine ran out of memory or restarted. It can be resumed."
_LONGEST_NAME = 100
_PROGRESS = {"phase", "epoch", "batch", "batches", "epochs_done", "images_per_second", "eta_seconds", "message"}


class RunStore:
    """All runs of one home folder. Cheap to make, safe to share between threads, never shared by a fork.

    A run goes from queued to running (`claim`), perhaps to stopping (`request_stop`), and ends stopped, finished or failed
    (`finish`) or lost (`mark_lost`); all but finished ones can be queued again (`requeue`). At most one runs at a time.

    Every method that takes a run's number raises `InputError` when there is no such run.
    """

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
        """The folder of one run, beside the database; for the default database the same as `seg_core.home.run_folder`."""
        return self.path.parent / f"{run_id:04d}"

    # Reading

    def get_run(self, run_id: int) -> Run:
        """One run as it is now."""
        with self._reader.begin() as connection:
            return find(connection, run_id)

    def list_runs(self) -> list[Run]:
        """All runs, the newest first."""
        with self._reader.begin() as connection:
            return [to_run(row) for row in connection.execute(select(runs).order_by(runs.c.id.desc()))]

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

    def log_tail(self, run_id: int, n: int = 200, after: int = 0) -> list[LogLine]:
        """The last ``n`` lines of a run's log whose id is greater than ``after``, the oldest first."""
        query = (
            select(log.c.id, log.c.time, log.c.level, log.c.text)
            .where(log.c.run_id == run_id, log.c.id > min(after, LARGEST_ID))
            .order_by(log.c.id.desc())
            .limit(n)
        )
        return [LogLine(*row) for row in reversed(self._rows_of(run_id, query))]

    def at_work(self) -> Run | None:
        """The run that is running or stopping, or None."""
        with self._reader.begin() as connection:
            row = connection.execute(select(runs).where(runs.c.status.in_(RUNNING))).first()
            return None if row is None else to_run(row)

    def next_in_line(self) -> Run | None:
        """The queued run whose turn it is: the one that waits longest, those in the foreground first. None while one runs."""
        with self._reader.begin() as connection:
            return None if is_busy(connection) else first_in_line(connection)

    # The queue

    def add_run(self, name: str, config: Config, sources: str | Path | Sequence[str | Path], *, foreground: bool = False) -> Run:
        """Queue a new run.

        Args:
            name: any text of up to 100 characters, or nothing.
            config: its settings.
            sources: ``"sample"``, a dataset folder, or several, kept as absolute paths. They are not looked into here.
            foreground: whether this process waits for its turn and works on it (`seg_core.runs.worker.work_here`).

        Raises:
            InputError: if the name is too long or no source is given.
        """
        name = " ".join(storable(name).split())
        if len(name) > _LONGEST_NAME:
            raise InputError(f"The name has {len(name)} characters; give it at most {_LONGEST_NAME}.")
        cleaned = [clean_source(source) for source in ([sources] if isinstance(sources, str | Path) else sources)]
        if not cleaned:
            raise InputError("A run needs data to train on; give a folder, several, or 'sample'.")
        now = time.time()
        values = {
            "name": name,
            "status": "queued",
            "config": config.model_dump(mode="json"),
            "sources": cleaned,
            "created": now,
            "queued": now,
            "foreground": foreground,
        }
        with self._writer.begin() as connection:
            new = insert(runs).values(**values | owned_by(Owner.of() if foreground else None)).returning(runs.c.id)
            return find(connection, connection.execute(new).scalar_one())

    def reserve(self, run_id: int) -> bool:
        """Note that this process is about to start a worker for a queued run, so that no other process starts one too.

        Returns:
            False if it is not the next in line any more, or a living process has it in hand.
        """
        with self._writer.begin() as connection:
            run = first_in_line(connection)
            if run is None or run.id != run_id or (run.owner is not None and not is_abandoned(run)):
                return False
            return change(connection, run_id, **owned_by(Owner.of()))

    def hand_over(self, run_id: int, owner: Owner | None) -> None:
        """Note the worker that was started for a queued run, or with None that there is none; nothing if it is queued no more."""
        with self._writer.begin() as connection:
            change(connection, run_id, runs.c.status == "queued", **owned_by(owner))

    def claim(self, run_id: int) -> bool:
        """Make this process the one that works on a queued run, if it is its turn. Of several processes only one succeeds.

        It is its turn when no run is running or stopping and, unless it waits in the foreground, it is the next in line.
        Runs whose process is gone are marked lost first.
        """
        self.mark_lost()
        with self._writer.begin() as connection:
            run = find(connection, run_id)
            if run.status != "queued" or is_busy(connection):
                return False
            first = first_in_line(connection)
            if not run.foreground and (first is None or first.id != run_id):
                return False
            now = time.time()
            change(
                connection,
                run_id,
                **owned_by(Owner.of()),
                status="running",
                phase="preparing",
                started=now,
                heartbeat=now,
                epoch=run.epochs_done,
                batch=0,
                batches=0,
            )
            return True

    def request_stop(self, run_id: int) -> Run:
        """Ask a run to stop: a queued one is stopped at once, a running one after its batch. Asking twice changes nothing.

        A run of another machine that has not been heard of for a minute is marked lost instead, since nobody can tell
        whether it lives and it would hold up the queue for ever.

        Raises:
            InputError: if the run has ended.
        """
        with self._writer.begin() as connection:
            run = find(connection, run_id)
            if run.status == "queued":
                message = "Stopped before it started." if run.epochs_done == 0 else "Stopped before it went on."
                change(connection, run_id, status="stopped", finished=time.time() if run.started else None, message=message)
            elif run.is_running and is_silent_elsewhere(run):
                lose(connection, run, f"Nothing was heard from the machine {run.host} any more when it was to stop.")
            elif run.status == "running":
                change(connection, run_id, status="stopping")
            elif run.status != "stopping":
                raise InputError(f"Run {run_id} is {run.status}; only queued or running runs can be stopped.")
            return find(connection, run_id)

    def requeue(self, run_id: int, *, foreground: bool = False) -> Run:
        """Queue a stopped, failed or lost run again, to go on after its last whole epoch.

        Raises:
            InputError: if it is in another state.
        """
        with self._writer.begin() as connection:
            run = find(connection, run_id)
            if not run.can_resume:
                raise InputError(f"Run {run_id} is {run.status}; only {_either(RESUMABLE)} runs can be resumed.")
            change(
                connection,
                run_id,
                **owned_by(Owner.of() if foreground else None),
                status="queued",
                queued=time.time(),
                foreground=foreground,
                resume=True,
                phase="waiting",
                started=None,
                finished=None,
                seconds_before=run.elapsed,
                eta_seconds=None,
                message="",
            )
            return find(connection, run_id)

    def mark_lost(self) -> list[Run]:
        """Mark as lost the runs of this machine whose process is gone, and return them; a silent heartbeat alone loses no run.

        A queued run in the foreground whose process is gone is lost too: nobody would ever start it.
        """
        held = runs.c.status.in_(RUNNING) | ((runs.c.status == "queued") & runs.c.foreground)
        with self._reader.begin() as connection:
            suspects = [run for run in map(to_run, connection.execute(select(runs).where(held))) if is_abandoned(run)]
        if not suspects:
            return []
        lost = []
        with self._writer.begin() as connection:
            for suspect in suspects:
                row = connection.execute(select(runs).where(runs.c.id == suspect.id, held)).one_or_none()
                if row is not None and is_abandoned(run := to_run(row)):  # meanwhile it may have ended, and even run anew
                    lose(connection, run, LOST)
                    lost.append(find(connection, run.id))
        return lost

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

    def progress(self, run_id: int, **values: Any) -> None:
        """Note where a run stands, and that its process lives. Nothing happens if this process does not work on the run.

        Args:
            run_id: the run.
            values: any of phase, epoch, batch, batches, epochs_done, images_per_second, eta_seconds, message; see `Run`. Give
                none for just a sign of life.
        """
        if unknown := values.keys() - _PROGRESS:
            raise TypeError(f"no progress: {', '.join(sorted(unknown))}")
        if "message" in values:
            values["message"] = storable(values["message"])
        with self._writer.begin() as connection:
            change(connection, run_id, is_mine(), **values, heartbeat=time.time())

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

    def finish(self, run_id: int, status: Ending, message: str = "", images_per_second: float | None = None) -> Run:
        """Write how a run ended, by the process that works on it.

        Raises:
            InputError: if this process does not work on the run.
        """
        values: dict[str, Any] = {"status": status, "finished": time.time(), "eta_seconds": None, "message": storable(message)}
        if images_per_second is not None:
            values["images_per_second"] = images_per_second
        with self._writer.begin() as connection:
            run = find(connection, run_id)
            if not change(connection, run_id, is_mine(), **values):
                raise InputError(f"Run {run_id} is {run.status} and not run by this process, which therefore cannot end it.")
            return find(connection, run_id)

    def fail_to_start(self, run_id: int, pid: int, message: str) -> None:
        """Mark a queued run as failed because its worker, process ``pid``, ended without beginning; else nothing happens."""
        with self._writer.begin() as connection:
            untouched = (runs.c.status == "queued") & (runs.c.pid == pid)
            if change(connection, run_id, untouched, status="failed", message=storable(message)):
                add_line(connection, run_id, "error", message)

    def _rows_of(self, run_id: int, query: Select[Any]) -> Sequence[Any]:
        with self._reader.begin() as connection:
            found = connection.execute(query).all() if 0 < run_id <= LARGEST_ID else []
            if not found:
                find(connection, run_id)
            return found


def _either(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


def _remove(folder: Path) -> int:
    if not folder.exists():
        return 0
    size = sum(file.lstat().st_size for file in folder.rglob("*") if not file.is_dir() or file.is_symlink())
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise InputError(f"The run is deleted, but its folder {folder} is not ({error.strerror}); remove it by hand.") from error
    return size
