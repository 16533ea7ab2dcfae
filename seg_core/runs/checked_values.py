"""Checking rows read from the database: a damaged page may hold any value in any column."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NoReturn

from sqlalchemy import JSON, ColumnElement, Row

from seg_core.runs.database_errors import DamagedRow

_LISTS = {"sources", "tags"}
_WORDS = {
    "status": {"queued", "running", "stopping", "stopped", "finished", "failed", "lost"},
    "phase": {"waiting", "preparing", "training", "validating"},
    "split": {"train", "val", "process"},
    "level": {"info", "warning", "error"},
    "role": {"trial", "winner", "baseline"},
    "event": {"finished", "failed", "lost", "target", "test"},
    "state": {"waiting", "sending", "sent", "failed"},
    "ending": {"", "finished", "stopped", "failed"},
}
_LARGEST = 1e12
"""No time, duration, score or rate is larger, and a larger time is no date."""


class RowCheck:
    """Looks at the values of rows with these columns, perhaps followed by others, which it ignores."""

    def __init__(self, columns: Iterable[ColumnElement[Any]]) -> None:
        listed = list(columns)
        self._names = [str(column.key) for column in listed]
        self._kinds = [_kinds(column) for column in listed]
        self._numbers = [place for place, kinds in enumerate(self._kinds) if float in kinds]
        self._words = [(place, _WORDS[name]) for place, name in enumerate(self._names) if name in _WORDS]

    def __call__(self, row: Row[Any]) -> None:
        """Raise `DamagedRow` if a value is not of its column's kind."""
        values = tuple(row)
        for place, (value, kinds) in enumerate(zip(values, self._kinds, strict=False)):
            if type(value) not in kinds:
                self._refuse(place, value)
        for place in self._numbers:
            if (value := values[place]) is not None and not -_LARGEST < value < _LARGEST:
                self._refuse(place, value)
        for place, words in self._words:
            if values[place] not in words:
                self._refuse(place, values[place])

    def _refuse(self, place: int, value: object) -> NoReturn:
        raise DamagedRow(f"it holds {value!r:.40} as {self._names[place].replace('_', ' ')}")


def _kinds(column: ColumnElement[Any]) -> set[type]:
    json = list if column.key in _LISTS else dict
    kind = json if isinstance(column.type, JSON) else column.type.python_type
    return {kind, type(None)} if getattr(column, "nullable", True) else {kind}
