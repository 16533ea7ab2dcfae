"""Curves and table of the Report page, from the runs of the store or from the checkpoints that ship with LesionLab."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pages.live.components import Curve, Mark
from pages.shared.tables import Cell, TableRow, html_table
from seg_core.common.colours import colours_of
from seg_core.config import VARIANT_LABELS, VARIANTS
from seg_core.metrics import MEANINGS
from seg_core.report.student_report import STUDENT_REPORT, STUDENT_REPORT_METRICS, STUDENT_REPORT_TITLES, shipped_histories
from seg_core.runs.run import Run
from seg_core.runs.store import RunStore

SPLIT_TITLES = {"train": "training", "val": "validation"}


@dataclass(frozen=True)
class History:
    """One of our runs: its curve, how many epochs it has, and the metrics of the last epoch by split."""

    curve: Curve
    label: str
    epochs: int
    last: dict[str, dict[str, float]]


def reproduction(store: RunStore, runs: Sequence[Run]) -> list[History]:
    """Return the histories of these runs or, if there are none, of the three checkpoints that ship with LesionLab."""
    if not runs:
        return list(_shipped())
    colours = colours_of(run.key for run in runs)
    return [
        History(
            Curve(run.id, run.label, colours[run.key]),
            f"{run.config.label}, run {run.id}",
            run.epochs_done,
            store.history.epoch_metrics(run.id, run.epochs_done),
        )
        for run in runs
    ]


def _shipped() -> Iterator[History]:
    colours = colours_of(f"{variant}-report" for variant in VARIANTS)
    for variant, epochs in shipped_histories().items():
        label, colour = VARIANT_LABELS[variant], colours[f"{variant}-report"]
        yield History(Curve(-1 - VARIANTS.index(variant), label, colour, _points(epochs)), label, len(epochs), epochs[-1])


def _points(epochs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"epoch": number, "split": split, "name": name, "value": value}
        for number, epoch in enumerate(epochs, start=1)
        for split in SPLIT_TITLES
        for name, value in epoch[split].items()
    ]


def report_marks() -> list[Mark]:
    """Return the report's own last validation figures as levels for the charts; the higher of two is labelled above its line."""
    marks = []
    for metric in STUDENT_REPORT_METRICS:
        levels = {model: sources["log"]["val"][metric] for model, sources in STUDENT_REPORT.items()}
        highest = max(level for level in levels.values() if level is not None)
        for model, level in levels.items():
            if level is not None:
                marks.append(Mark(metric, level, f"report, {model.split(' · ')[0]}", above=level == highest))
    return marks


def figures_table(histories: Sequence[History]) -> str:
    """Return the figures of the last epochs beside those of the student report, as an HTML table; a dash where there is none."""
    rows = [row for split in SPLIT_TITLES for row in _rows(split, histories)]
    meanings = {title: MEANINGS[name] for name, title in STUDENT_REPORT_TITLES.items() if name in MEANINGS}
    return html_table(list(STUDENT_REPORT_TITLES.values()), rows, "Figures beside those of the report", meanings)


def _rows(split: str, histories: Sequence[History]) -> Iterator[TableRow]:
    yield TableRow(SPLIT_TITLES[split].capitalize())
    for model, sources in STUDENT_REPORT.items():
        for source, splits in sources.items():
            yield TableRow(f"Report, {model}, {source}", _cells(splits[split]), "published")
    for history in histories:
        yield TableRow(f"{history.label}, epoch {history.epochs}", _cells(history.last[split]), "ours")


def _cells(values: Mapping[str, float | None]) -> list[Cell]:
    figures = [values.get(name) for name in STUDENT_REPORT_TITLES]
    return [Cell("–" if value is None else f"{value:.4f}") for value in figures]
