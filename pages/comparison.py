"""What the Compare page compares: models with their evaluations, and which photographs to show first."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from pages.live import MaskModel, MaskPhoto, ViewedPhotos
from seg_core.complexity import Cost
from seg_core.errors import InputError
from seg_core.evaluation import METRICS, Evaluation
from seg_core.jobs.job import Request
from seg_core.jobs.results import forget, result_folder

ORDERS = {
    "difference": "Largest difference",
    "worst": "Lowest IoU",
    "best": "Highest IoU",
    "random": "Random",
    "name": "Name",
}


@dataclass(frozen=True)
class Compared:
    """One model of a comparison: what asks for its evaluation, and that evaluation once it is there."""

    label: str
    colour: str
    request: Request
    evaluation: Evaluation | None
    cost: Cost | None = None

    @classmethod
    def of(cls, label: str, colour: str, request: Request) -> Compared:
        """A model with its evaluation, where one is kept."""
        folder = result_folder(request)
        if folder is None:
            return cls(label, colour, request, None)
        try:
            return cls(label, colour, request, _evaluation(folder / "evaluation.npz"), _cost(folder / "cost.json"))
        except InputError:  # damaged, or of another version: it is asked for again
            forget(request)
            return cls(label, colour, request, None)


@lru_cache(maxsize=32)
def _evaluation(file: Path) -> Evaluation:
    return Evaluation.load(file)  # the folder's name holds the key: another model or other data is another file


@lru_cache(maxsize=32)
def _cost(file: Path) -> Cost | None:
    try:
        return Cost(**json.loads(file.read_text(encoding="utf-8"))) if file.exists() else None
    except (ValueError, TypeError):
        raise InputError(f"{file} is damaged; evaluate again.") from None


def evaluations_of(models: Sequence[Compared]) -> dict[str, Evaluation]:
    """The evaluations that are there, by the models' labels."""
    return {model.label: model.evaluation for model in models if model.evaluation}


@dataclass(frozen=True)
class Table:
    """Scores per photograph: ``ids`` of all that any model has, and (N, models) of each metric, NaN where a mask is missing."""

    ids: list[str]
    scores: dict[str, np.ndarray]

    @classmethod
    def of(cls, models: Sequence[Compared], threshold: float | None) -> Table:
        """The table of the evaluated models at a threshold (None: each one's own)."""
        ids = list(dict.fromkeys(id for model in models if model.evaluation for id in model.evaluation.ids))
        row = {id: place for place, id in enumerate(ids)}
        scores = {metric: np.full((len(ids), len(models)), np.nan) for metric in METRICS}
        for column, model in enumerate(models):
            if model.evaluation:
                rows = [row[id] for id in model.evaluation.ids]
                for metric, values in model.evaluation.scores(threshold).items():
                    scores[metric][rows, column] = values
        return cls(ids, scores)

    def in_order(self, order: str) -> list[int]:
        """The rows, sorted as `ORDERS` says; with one model the difference is that to a perfect mask."""
        if order == "name":
            return sorted(range(len(self.ids)), key=self.ids.__getitem__)
        if order == "random":
            return random.Random(0).sample(range(len(self.ids)), len(self.ids))
        iou = self.scores["iou"]
        several = iou.shape[1] > 1
        spread = np.nanmax(iou, axis=1) - np.nanmin(iou, axis=1) if several else 1 - iou[:, 0]
        key = {"difference": -spread, "worst": np.nanmin(iou, axis=1), "best": -np.nanmax(iou, axis=1)}[order]
        return list(np.argsort(key, kind="stable"))


def mask_models(models: Sequence[Compared]) -> list[MaskModel]:
    """The models as the picture component takes them."""
    return [MaskModel(model.label, model.colour, model.evaluation.own) for model in models if model.evaluation]


def mask_photos(models: Sequence[Compared], table: Table, rows: Sequence[int]) -> list[MaskPhoto]:
    """Some rows of the table as the picture component takes them."""
    places = [{id: number for number, id in enumerate(m.evaluation.ids, start=1)} for m in models if m.evaluation]
    keys = [model.request.key for model in models if model.evaluation]
    columns = [column for column, model in enumerate(models) if model.evaluation]
    photos = []
    for row in rows:
        id = table.ids[row]
        bases = [f"/api/evaluations/{key}/{place[id]}" if id in place else None for key, place in zip(keys, places, strict=True)]
        first = next(base for base in bases if base)
        scores = [float(table.scores["iou"][row, column]) for column in columns]
        photos.append(
            MaskPhoto(
                id,
                f"{first}/photo.jpg",
                f"{first}/truth.png",
                [base and f"{base}/probability.png" for base in bases],
                [None if np.isnan(score) else score for score in scores],
            )
        )
    return photos


def viewed_photos(models: Sequence[Compared], table: Table, rows: Sequence[int]) -> ViewedPhotos:
    """Some rows of the table as the image viewer takes them, in their order."""
    shown = [(column, model) for column, model in enumerate(models) if model.evaluation]
    places = [{id: number for number, id in enumerate(m.evaluation.ids, start=1)} for _, m in shown if m.evaluation]
    iou = table.scores["iou"]
    return ViewedPhotos(
        [model.request.key for _, model in shown],
        [table.ids[row] for row in rows],
        [[place.get(table.ids[row]) for place in places] for row in rows],
        [[None if np.isnan(iou[row, column]) else round(float(iou[row, column]), 4) for column, _ in shown] for row in rows],
    )


def scores_csv(models: Sequence[Compared], table: Table) -> str:
    """Every metric of every photograph and model, a row a photograph."""
    file = io.StringIO()
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(["image", *(f"{model.label} {metric}" for model in models for metric in METRICS)])
    for row, id in enumerate(table.ids):
        values = [table.scores[metric][row, column] for column in range(len(models)) for metric in METRICS]
        rows.writerow([id, *("" if np.isnan(value) else f"{value:.6f}" for value in values)])
    return file.getvalue()
