"""Scores of each photograph by each model, and the order in which photographs are shown."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pages.comparison.compared import Compared
from seg_core.common.csv_text import csv_text
from seg_core.evaluation.result import METRICS

ORDERS = {
    "difference": "Largest difference",
    "worst": "Lowest IoU",
    "best": "Highest IoU",
    "random": "Random",
    "name": "Name",
}


@dataclass(frozen=True)
class Table:
    """Scores per photograph: ``ids`` of all that any model has, and (N, models) of each metric, NaN where a mask is missing."""

    ids: list[str]
    scores: dict[str, np.ndarray]
    both_empty: np.ndarray
    """(N, models) bool: True where neither the truth nor the mask marks a lesion, so that every score is 1."""

    @classmethod
    def of(cls, models: Sequence[Compared], threshold: float | None) -> Table:
        """Return the table of the evaluated models at a threshold (None: each model's own)."""
        ids = list(dict.fromkeys(id for model in models if model.evaluation for id in model.evaluation.ids))
        row = {id: place for place, id in enumerate(ids)}
        scores = {metric: np.full((len(ids), len(models)), np.nan) for metric in METRICS}
        both_empty = np.zeros((len(ids), len(models)), bool)
        for column, model in enumerate(models):
            if model.evaluation:
                rows = [row[id] for id in model.evaluation.ids]
                for metric, values in model.evaluation.scores(threshold).items():
                    scores[metric][rows, column] = values
                both_empty[rows, column] = model.evaluation.both_empty(threshold)
        return cls(ids, scores, both_empty)

    def columns(self, places: Sequence[int]) -> Table:
        """Return the table of some of the models, with the same rows."""
        return Table(self.ids, {name: scores[:, places] for name, scores in self.scores.items()}, self.both_empty[:, places])

    def rows_in(self, order: str) -> list[int]:
        """Return the rows, sorted by one of `ORDERS`."""
        if order == "name":
            return sorted(range(len(self.ids)), key=self.ids.__getitem__)
        if order == "random":
            return random.Random(0).sample(range(len(self.ids)), len(self.ids))
        iou = self.scores["iou"]
        spread = np.nanmax(iou, axis=1) - np.nanmin(iou, axis=1)
        key = {"difference": -spread, "worst": np.nanmin(iou, axis=1), "best": -np.nanmax(iou, axis=1)}[order]
        return list(np.argsort(key, kind="stable"))


def scores_csv(models: Sequence[Compared], table: Table) -> str:
    """Return every metric of every photograph and model as CSV, one row per photograph."""
    rows: list[list[str]] = [["image", *(f"{model.label} {metric}" for model in models for metric in METRICS)]]
    for row, id in enumerate(table.ids):
        values = [table.scores[metric][row, column] for column in range(len(models)) for metric in METRICS]
        rows.append([id, *("" if np.isnan(value) else f"{value:.6f}" for value in values)])
    return csv_text(rows)
