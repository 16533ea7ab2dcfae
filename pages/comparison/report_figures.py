"""The curves and the table of the Report page, from the runs of the store or from the checkpoints that ship."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import count
from typing import Any

from pages.live.components import Curve, Mark
from pages.shared.tables import wide_table
from seg_core.common.colours import run_colour
from seg_core.config import VARIANT_LABELS, VARIANTS
from seg_core.report.student_report import STUDENT_REPORT, STUDENT_REPORT_METRICS, STUDENT_REPORT_TITLES, shipped_histories
from seg_core.runs.run import Run
from seg_core.runs.store import RunStore

SPLITS = {"train": "training", "val": "validation"}


@dataclass(frozen=True)
class History:
    """One of our runs: its curve, how many epochs it has, and the metrics of the last one by part."""

    curve: Curve
    label: str
    epochs: int
    last: dict[str, dict[str, float]]


def reproduction(store: RunStore, runs: Sequence[Run]) -> list[History]:
    """The histories of these runs; without any, those of the three checkpoints that ship."""
    if not runs:
        return list(_shipped())
    return [
        History(
            Curve(run.id, run.label, run_colour(place)),
            f"{run.config.label}, run {run.id}",
            run.epochs_done,
            store.epoch_metrics(run.id, run.epochs_done),
        )
        for run, place in zip(runs, _places(runs), strict=True)
    ]


def _places(runs: Sequence[Run]) -> Iterator[int]:
    """Where each run's colour stands: the first one of a variant has that of the report's model, further ones have others."""
    others, seen = count(len(VARIANTS)), set[str]()
    for run in runs:
        variant = run.config.variant
        yield next(others) if variant in seen else VARIANTS.index(variant)
        seen.add(variant)


def _shipped() -> Iterator[History]:
    for variant, epochs in shipped_histories().items():
        place = VARIANTS.index(variant)
        label = VARIANT_LABELS[variant]
        yield History(Curve(-1 - place, label, run_colour(place), _points(epochs)), label, len(epochs), epochs[-1])


def _points(epochs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"epoch": number, "split": part, "name": name, "value": value}
        for number, epoch in enumerate(epochs, start=1)
        for part in SPLITS
        for name, value in epoch[part].items()
    ]


def report_marks() -> list[Mark]:
    """The report's own last validation figures, as levels in the charts; of two, the higher one is labelled above its line."""
    marks = []
    for metric in STUDENT_REPORT_METRICS:
        levels = {model: sources["log"]["val"][metric] for model, sources in STUDENT_REPORT.items()}
        highest = max(level for level in levels.values() if level is not None)
        for place, (model, level) in enumerate(levels.items()):
            if level is not None:
                marks.append(Mark(metric, level, f"report, {model.split(' · ')[0]}", run_colour(place), above=level == highest))
    return marks


def figures_table(histories: Sequence[History]) -> str:
    """The figures of the last epochs beside those of the report, as an HTML table; a dash where there is none."""
    head = "".join(f"<th scope='col'>{title}</th>" for title in ("", *STUDENT_REPORT_TITLES.values()))
    body = "".join(
        f"<tr class='part'><th scope='rowgroup' colspan='{len(STUDENT_REPORT_TITLES) + 1}'>{title.capitalize()}</th></tr>"
        + "".join(_row(*row) for row in _rows(part, histories))
        for part, title in SPLITS.items()
    )
    return wide_table(f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>", "Figures beside those of the report")


def _rows(part: str, histories: Sequence[History]) -> Iterator[tuple[str, str, dict[str, float | None]]]:
    for model, sources in STUDENT_REPORT.items():
        for source, parts in sources.items():
            yield "published", f"Report, {model}, {source}", parts[part]
    for history in histories:
        yield "ours", f"{history.label}, epoch {history.epochs}", dict(history.last[part])


def _row(kind: str, label: str, values: dict[str, float | None]) -> str:
    cells = "".join(_cell(values.get(name)) for name in STUDENT_REPORT_TITLES)
    return f"<tr class='{kind}'><th scope='row'>{escape(label)}</th>{cells}</tr>"


def _cell(value: float | None) -> str:
    return "<td>–</td>" if value is None else f"<td>{value:.4f}</td>"
