"""Checking rows read from the database: a damaged page may hold any value in any column."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Row

from seg_core.runs.database_errors import DamagedRow

_LISTS = {"sources", "tags"}
_WORDS = {
    "status": {"queued", "running", "stopping", "stopped", "finished", "failed", "lost"},
    "phase": {"waiting", "preparing", "training", "validating"},
    "split": {"train", "val"},
    "level": {"info", "warning", "error"},
}
_LARGEST = 1e12
"""No time, duration, score or rate is larger, and a larger time is no date."""


class RowCheck:
    """Looks at the values of rows with these columns, perhaps followed by others, which it ignores."""

    def __init__(self, columns: Iterable[ColumnElement[Any]]) -> None:
        self._columns = [(str(column.key), _kinds(column), _WORDS.get(str(column.key))) for column in columns]

    def __call__(self, row: Row[Any]) -> None:
        """Raise `DamagedRow` if a value is not of its column's kind."""
        for value, (name, kinds, words) in zip(row, self._columns, strict=False):
            if (
                not isinstance(value, kinds)
                or (words and value not in words)
                or (isinstance(value, float) and not abs(value) < _LARGEST)
            ):
                raise DamagedRow(f"it holds {value!r:.40} as {name.replace('_', ' ')}")


def _kinds(column: ColumnElement[Any]) -> tuple[type, ...]:
    kind = list if column.key in _LISTS else column.type.python_type
    return (kind, type(None)) if getattr(column, "nullable", True) else (kind,)
