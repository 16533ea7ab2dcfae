"""News of all runs as a row of events, which a reader goes on with at any of them, without loss and without doubles.

An event is a run that was added or changed (as it is now: a run that changed twice is told once), a run that was deleted, the
metrics of a whole epoch, or a line of a log. Where a reader stands is a `Place`: triggers stamp every change of a run, and
metrics and lines have numbers that only grow, so three numbers say what was read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal, NamedTuple

from sqlalchemy import Connection, bindparam, func, select

from seg_core.errors import InputError
from seg_core.runs.checked_values import RowCheck
from seg_core.runs.database import LARGEST_ID, Database
from seg_core.runs.rows import to_run
from seg_core.runs.run import LogLine, Run
from seg_core.runs.tables import changes, log, metrics, runs

MOST_POINTS, MOST_LINES = 5_000, 1_000
"""Metrics and lines that are read at a time; the rest follows."""

# Built once, since every reader asks twice a second.
_STAMP, _POINT, _LINE = (select(func.coalesce(func.max(column), 0)) for column in (changes.c.stamp, metrics.c.id, log.c.id))
_QUEUE = select(runs.c.id).where(runs.c.status == "queued").order_by(runs.c.place, runs.c.id)
_POINTS = (
    select(metrics.c.id, metrics.c.run_id, metrics.c.epoch, metrics.c.split, metrics.c.name, metrics.c.value)
    .where(metrics.c.id > bindparam("after"))
    .order_by(metrics.c.id)
    .limit(MOST_POINTS)
)
_LINES = (
    select(log.c.id, log.c.run_id, log.c.time, log.c.level, log.c.text)
    .where(log.c.id > bindparam("after"))
    .order_by(log.c.id)
    .limit(MOST_LINES)
)
_CHANGED = (
    select(runs, changes.c.stamp, changes.c.run_id)
    .select_from(changes.outerjoin(runs, runs.c.id == changes.c.run_id))
    .where(changes.c.stamp > bindparam("after"))
    .order_by(changes.c.stamp)
)
_check_point, _check_line = RowCheck(_POINTS.selected_columns), RowCheck(_LINES.selected_columns)


class Place(NamedTuple):
    """Where a reader stands: the last stamp, metric and line that it has read."""

    stamp: int
    point: int
    line: int

    @property
    def event(self) -> str:
        """The place as the id of an event, such as ``57-1200-340``."""
        return f"{self.stamp}-{self.point}-{self.line}"


@dataclass(frozen=True)
class RunEvent:
    """Something that happened to a run. ``reset``, of all runs, says that the database is another one: drop what you hold."""

    kind: Literal["run", "deleted", "epoch", "log", "reset"]
    place: Place
    """Where a reader stands after it."""
    run_id: int
    content: Run | LogLine | dict[str, Any]


@dataclass(frozen=True)
class News:
    """The events after a place. If there are ``more``, ask again."""

    events: list[RunEvent]
    place: Place
    queue: list[int]
    """Ids of all queued runs, the next one first."""
    more: bool = False


class RunNews:
    """Reads the news of a database, for those who follow runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def stamp(self) -> int:
        """Return the stamp of the last change: as long as it stays, there is no news. Costs next to nothing."""
        with self._database.read() as connection:
            return int(connection.execute(_STAMP).scalar_one())

    def now(self) -> Place:
        """Return the place after everything that has happened."""
        with self._database.read() as connection:
            return latest(connection)

    def begin(self, event: str = "") -> Place:
        """Return the place after an event by its id.

        A stamp alone, as `/api/runs` gives it, begins after it with changes of runs, and now with metrics and lines. Without an
        id, all runs are told first, as they are.

        Raises:
            InputError: if it is no id of an event.
        """
        now = self.now()
        if not event:
            return now._replace(stamp=0)
        if not (found := re.fullmatch(r"([0-9]{1,19})(?:-([0-9]{1,19})-([0-9]{1,19}))?", event)):
            raise InputError(f"{event[:60]!r} is no id of an event; give the one of the last event, or the `event` of an answer.")
        stamp, *others = (min(int(number), LARGEST_ID) for number in found.groups() if number)
        return Place(stamp, *others) if others else now._replace(stamp=stamp)

    def after(self, place: Place) -> News:
        """Return the events after a place, in one consistent view: epochs, lines of logs, then runs."""
        with self._database.read() as connection:
            now = latest(connection)
            if place.stamp > now.stamp:  # of a database that stood here before
                return News([RunEvent("reset", now._replace(stamp=0), 0, {})], now._replace(stamp=0), [], more=True)
            if place.stamp == now.stamp and place.point >= now.point and place.line >= now.line:
                return News([], place, list(connection.execute(_QUEUE).scalars()))
            epochs = _epochs(connection, place)
            place = epochs[-1].place if epochs else place
            lines = _lines(connection, place)
            place = lines[-1].place if lines else place
            events = epochs + lines
            if (epochs and place.point < now.point) or (lines and place.line < now.line):
                return News(events, place, [], more=True)
            events += _runs(connection, place)
            queue = list(connection.execute(_QUEUE).scalars())
        return News(events, Place(now.stamp, max(place.point, now.point), max(place.line, now.line)), queue)


def latest(connection: Connection) -> Place:
    """Return the place after everything that a transaction sees."""
    return Place(*(int(connection.execute(each).scalar_one()) for each in (_STAMP, _POINT, _LINE)))


def _epochs(connection: Connection, after: Place) -> list[RunEvent]:
    """Return the epochs recorded after a place; one that may be cut off at the end is left for the next time."""
    rows = connection.execute(_POINTS, {"after": after.point}).all()
    found = []
    for (run_id, epoch), each in groupby(rows, key=lambda row: (row.run_id, row.epoch)):
        points = list(each)
        found.append(RunEvent("epoch", after._replace(point=points[-1].id), run_id, _values(epoch, points)))
    return found[:-1] if len(rows) == MOST_POINTS and len(found) > 1 else found


def _values(epoch: int, points: Sequence[Any]) -> dict[str, Any]:
    values: dict[str, Any] = {"epoch": epoch, "train": {}, "val": {}, "process": {}}
    for point in points:
        _check_point(point)
        values[point.split][point.name] = point.value
    return values


def _lines(connection: Connection, after: Place) -> list[RunEvent]:
    found = []
    for row in connection.execute(_LINES, {"after": after.line}).all():
        _check_line(row)  # type: ignore[arg-type] # SQLAlchemy knows the types of its five columns
        line = LogLine(row.id, row.time, row.level, row.text)
        found.append(RunEvent("log", after._replace(line=row.id), row.run_id, line))
    return found


def _runs(connection: Connection, after: Place) -> list[RunEvent]:
    found = []
    for row in connection.execute(_CHANGED, {"after": after.stamp}):
        place = after._replace(stamp=row.stamp)
        if row.id is not None:
            found.append(RunEvent("run", place, row.run_id, to_run(row)))
        elif after.stamp:  # who begins with all runs holds none that was deleted
            found.append(RunEvent("deleted", place, row.run_id, {}))
    return found
