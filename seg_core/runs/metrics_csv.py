"""Metrics of a run as CSV: one row per epoch."""

from __future__ import annotations

from collections.abc import Sequence

from seg_core.common.csv_text import csv_text
from seg_core.runs.run import MetricPoint


def metrics_csv(points: Sequence[MetricPoint]) -> str:
    """Return the metrics of a run's epochs, at network resolution, in columns such as ``train_loss`` and ``val_iou``."""
    values: dict[int, dict[str, float]] = {}
    for point in points:
        values.setdefault(point.epoch, {})[f"{point.split}_{point.name}"] = point.value
    columns = list(dict.fromkeys(column for of_epoch in values.values() for column in of_epoch))
    rows: list[list[object]] = [["epoch", *columns]]
    for epoch in sorted(values):
        shown = {name: f"{value:.6f}" for name, value in values[epoch].items()}
        rows.append([epoch, *(shown.get(name, "") for name in columns)])
    return csv_text(rows)
