"""The run store: every run, its metrics and its log, in one database that several processes read and write at once."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, select

from seg_core.errors import InputError, StoreError
from seg_core.runs.alerts.outbox import RunAlerts
from seg_core.runs.annotations import clean_name, clean_notes, clean_tags
from seg_core.runs.claims import RunClaims
from seg_core.runs.database import Where, everyone_may, open_database
from seg_core.runs.groups import group_number
from seg_core.runs.history import RunHistory
from seg_core.runs.launcher import LOCAL, Launcher
from seg_core.runs.news import RunNews, latest
from seg_core.runs.progress import RunProgress
from seg_core.runs.queue import RunQueue
from seg_core.runs.rows import change, find, to_run
from seg_core.runs.run import Changed, Changes, Run, run_folder
from seg_core.runs.tables import changes, log, metrics, runs

# Built once, since pages ask once a second.
_QUEUE = select(runs.c.id).where(runs.c.status == "queued").order_by(runs.c.place, runs.c.id)
_GROUPS = select(runs.c.group).where(runs.c.group.is_not(None)).distinct()
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


class RunStore:
    """All runs of one database. Cheap to make, safe to share between threads, never shared by a fork.

    A run goes from queued to running (`RunClaims.claim`), perhaps to stopping (`RunQueue.stop`), and ends stopped, finished or
    failed (`RunProgress.finish`) or lost (`RunClaims.mark_lost`); all but finished ones can be queued again (`RunQueue.resume`),
    and finished ones for more epochs (`RunQueue.extend`).

    Every method that takes a run's number raises `InputError` when there is no such run.

    Attributes:
        queue: controls the queue, for pages and commands.
        claims: decides which process works on which run, for dispatchers and workers.
        progress: records a training, for the worker that trains.
        history: reads what was recorded, for pages, commands and reports.
        alerts: what people elsewhere are told, for pages and for the process that sends it.
        news: tells what happens to all runs, event by event.
    """

    def __init__(
        self, at: Where | None = None, launcher: Launcher = LOCAL, may_change: Callable[[], None] = everyone_may
    ) -> None:
        """Open a database; create it if missing.

        Args:
            at: where it is, by default as `seg_core.runs.database.open_database` has it.
            launcher: starts the workers of runs, and tells which are gone.
            may_change: asked before each change that a user wants; raises `InputError` if this one may not.

        Raises:
            InputError: if it cannot be opened, is no database, or was made by a newer version.
        """
        self._database = open_database(at, may_change)
        self.at, self.home = self._database.at, self._database.home
        self.launcher = launcher
        self.queue = RunQueue(self._database)
        self.claims = RunClaims(self._database, launcher)
        self.progress = RunProgress(self._database)
        self.history = RunHistory(self._database)
        self.alerts = RunAlerts(self._database)
        self.news = RunNews(self._database)

    def close(self) -> None:
        """Close the database. Optional: it closes when the store is dropped."""
        self._database.close()

    def folder(self, run_id: int) -> Path:
        """Folder of one run, in the home folder: its checkpoints, its resume state, its masks, the output of its process."""
        return run_folder(self.home, run_id)

    def get_run(self, run_id: int) -> Run:
        """Return one run as it is now."""
        with self._database.read() as connection:
            return find(connection, run_id)

    def list_runs(self) -> list[Run]:
        """Return all runs, the newest first."""
        with self._database.read() as connection:
            return [to_run(row) for row in connection.execute(select(runs).order_by(runs.c.id.desc()))]

    def changes(self, after: int = 0) -> Changes:
        """Return what any process has changed since the stamp ``after``; 0 stands for the beginning, and returns every run.

        Costs next to nothing when nothing has changed.
        """
        with self._database.read() as connection:
            place = latest(connection)
            stamp = place.stamp
            since = after if after <= stamp else 0  # a greater one is of a database that stood here before
            found = connection.execute(_CHANGES, {"after": since}).all() if since < stamp else []
            queue = list(connection.execute(_QUEUE).scalars())
            changed = [Changed(to_run(row), *row[-2:]) for row in found if row.id is not None]
        return Changes(stamp, since, changed, [row.run_id for row in found if row.id is None and since], queue, place.event)

    def annotate(
        self,
        run_id: int,
        *,
        name: str | None = None,
        notes: str | None = None,
        tags: Sequence[str] | None = None,
        archived: bool | None = None,
    ) -> Run:
        """Set the name, the notes or the tags of a run, or whether it is archived; what is None stays.

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
        if archived is not None:
            values["archived"] = archived
        with self._database.change() as connection:
            find(connection, run_id)
            if values:
                change(connection, run_id, **values)
            return find(connection, run_id)

    def group(self, run_ids: Sequence[int]) -> list[Run]:
        """Make a group of some runs, and return them.

        Raises:
            InputError: if they are no repeats of one training, or one of them is in a group.
        """
        with self._database.change() as connection:
            members = [find(connection, run_id) for run_id in sorted(set(run_ids))]
            number = group_number(members, taken=set(connection.execute(_GROUPS).scalars()))
            for run in members:
                change(connection, run.id, group=number)
            return [find(connection, run.id) for run in members]

    def ungroup(self, number: int) -> None:
        """Make single runs of those of a group."""
        with self._database.change() as connection:
            for run_id in connection.execute(select(runs.c.id).where(runs.c.group == number)).scalars().all():
                change(connection, run_id, group=None)

    def delete(self, run_id: int) -> int:
        """Delete a run with its metrics, its log and its folder, and return how many bytes the folder held.

        The folder goes first: on a full disk that makes the room in which the database forgets the run.

        Raises:
            InputError: if the run is queued, running or stopping, or its folder cannot be removed.
        """
        freed = 0

        def forget(connection: Connection) -> None:
            nonlocal freed
            run = find(connection, run_id)
            if run.is_active:
                raise InputError(f"Run {run_id} is {run.status}; stop it before you delete it.")
            freed += _remove(self.folder(run_id), run_id)
            connection.execute(delete(runs).where(runs.c.id == run_id))

        try:
            self._database.change_urgently(forget)
        except StoreError:
            if not freed:
                raise
            self._database.change_urgently(forget)
        return freed

    def keep_backup(self) -> None:
        """Make today's backup of the database, unless it is there.

        Raises:
            StoreError: if the database is damaged.
        """
        self._database.keep_backup()


def _remove(folder: Path, run_id: int) -> int:
    if not folder.exists():
        return 0
    size = sum(file.lstat().st_size for file in folder.rglob("*") if not file.is_dir() or file.is_symlink())
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise InputError(
            f"Run {run_id} is not deleted, because its folder {folder} cannot be removed ({error.strerror}); "
            "correct its permissions and try again."
        ) from error
    return size
