"""Models beside experts in words and tables, for the page, the command and files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seg_core.evaluation.bootstrap import Interval
from seg_core.evaluation.columns import Column
from seg_core.evaluation.experts import CEILING, Agreement, BesideExperts, ExpertRow
from seg_core.evaluation.sheets import Sheet, Value
from seg_core.evaluation.tables import DIGITS, shown
from seg_core.evaluation.verdict import signed

EXPERTS_NOTE = (
    "Mean over photographs of the agreement of two masks, with its 95 % bootstrap interval. All experts: of a model, the mean "
    "over the experts; of an expert, over the others. Truth: of a model, that of the dataset; of an expert, what the others "
    "agree on. Experts among each other: the mean over all pairs of experts, on photographs that two or more outlined. A model "
    "agrees as well as they do where neither is worse by the margin, by the same tests as two models."
)
"""The note below the table."""


def sentences(beside: BesideExperts) -> list[str]:
    """Return for each model whether it agrees with the experts as well as they agree with each other."""
    return [_sentence(each, beside.column) for each in beside.agreements.values()]


def _sentence(found: Agreement, column: Column) -> str:
    margin = f"{found.pairing.margin:g}{f' {column.unit}' if column.unit == 'px' else ''}"
    claim = {
        "as well": f"{found.label} agrees with the experts as well as they agree with each other, within {margin}",
        "better": f"{found.label} agrees with the experts better than they agree with each other",
        "less well": f"{found.label} agrees with the experts less well than they agree with each other",
        "not settled": f"Whether {found.label} agrees with the experts as well as they agree with each other is not settled",
    }[found.finding]
    mean, low, high = found.difference
    both = f"{column.title} {shown(found.model, column, 3)} beside {shown(found.experts, column, 3)}"
    between = "" if np.isnan(low) else f" ({signed(low)} to {signed(high)})"
    images = found.pairing.images
    return f"{claim}: {both}, {signed(mean)}{between}, on {images:,} photograph{'' if images == 1 else 's'}."


def titles(beside: BesideExperts) -> list[str]:
    """Return the titles above `cells`."""
    return ["All experts", *beside.names, *(["Truth"] if _has_truth(beside) else []), "Photographs"]


def cells(beside: BesideExperts) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the rows of the table: models, experts, and experts among each other; a cell has a smaller text below it."""

    def cell(interval: Interval | None) -> tuple[str, str]:
        if interval is None or np.isnan(interval.mean):
            return "–", ""
        low, high = (shown(bound, beside.column, DIGITS - 1) for bound in interval[1:])
        between = "" if np.isnan(interval.low) else f"{low.removesuffix(beside.column.unit).rstrip()}–{high}"
        return shown(interval.mean, beside.column), between

    return [(label, [*map(cell, intervals), (f"{images:,}", "")]) for label, intervals, images in _rows(beside)]


def experts_sheet(beside: BesideExperts) -> Sheet:
    """Return the table to export: three columns, mean and bounds, for each of `titles`."""
    named = [f"{title}{end}" for title in titles(beside)[:-1] for end in ("", " low", " high")]
    rows: list[Sequence[Value]] = [
        [label, beside.column.title, *(value for interval in intervals for value in interval or (np.nan,) * 3), images]
        for label, intervals, images in _rows(beside)
    ]
    return Sheet("experts", ["", "Score", *named, "Photographs"], rows, sentences(beside))


def to_json(beside: BesideExperts) -> dict[str, Any]:
    """Return plain values."""
    found = {label: each.finding for label, each in beside.agreements.items()}

    def of_row(row: ExpertRow) -> dict[str, Any]:
        finding = {"finding": found[row.label]} if row.is_model and row.label in found else {}
        truth = _bounds(row.truth) if row.truth else None
        by_expert = {name: _bounds(interval) for name, interval in row.by_expert.items()}
        kind = {"name": row.label, "kind": "model" if row.is_model else "expert", "n": row.images}
        return kind | finding | {"mean": _bounds(row.mean), "by_expert": by_expert, "truth": truth}

    ceiling = {"among_each_other": _bounds(beside.ceiling), "n": beside.images}
    rows = [of_row(row) for row in beside.rows]
    return {"names": list(beside.names), "metric": beside.column.name, "verdict": sentences(beside), **ceiling, "rows": rows}


def _rows(beside: BesideExperts) -> list[tuple[str, list[Interval | None], int]]:
    """Return for each row its label, what stands below `titles`, and on how many photographs."""
    has_truth = _has_truth(beside)

    def intervals(row: ExpertRow) -> list[Interval | None]:
        return [row.mean, *(row.by_expert.get(name) for name in beside.names), *([row.truth] if has_truth else [])]

    among: list[Interval | None] = [beside.ceiling, *[None] * (len(beside.names) + has_truth)]
    return [*((row.label, intervals(row), row.images) for row in beside.rows), (CEILING, among, beside.images)]


def _has_truth(beside: BesideExperts) -> bool:
    return any(row.truth for row in beside.rows)


def _bounds(interval: Interval) -> dict[str, float | None]:
    """Return a mean with its bounds for JSON, which has no NaN."""
    return {name: None if np.isnan(value) else float(value) for name, value in interval._asdict().items()}
