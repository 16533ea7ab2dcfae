"""What the Compare page compares: models with their evaluations, and which photographs to show first."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate
from pathlib import Path

import numpy as np

from pages.live.components import MaskModel, MaskPhoto, ViewedPhotos
from seg_core.errors import InputError
from seg_core.evaluation.group import GroupEvaluation, Scored
from seg_core.evaluation.result import METRICS, Evaluation
from seg_core.jobs.job import Request
from seg_core.jobs.results import forget, result_folder
from seg_core.prediction.cost import Cost

ORDERS = {
    "difference": "Largest difference",
    "worst": "Lowest IoU",
    "best": "Highest IoU",
    "random": "Random",
    "name": "Name",
}


@dataclass(frozen=True)
class Compared:
    """One model or group of a comparison: what asks for its evaluation, of a group one of each run, and that once it is there."""

    label: str
    colour: str
    requests: tuple[Request, ...]
    evaluation: Scored | None
    cost: Cost | None = None
    wanting: tuple[Request, ...] = ()
    """What has still to be evaluated."""

    @classmethod
    def of(cls, label: str, colour: str, requests: Sequence[Request]) -> Compared:
        """A model or a group with its evaluation, where all of it is kept."""
        kept = [_kept(request) for request in requests]
        if wanting := tuple(request for request, found in zip(requests, kept, strict=True) if not found):
            return cls(label, colour, tuple(requests), None, wanting=wanting)
        evaluations, costs = zip(*filter(None, kept), strict=True)
        return cls(label, colour, tuple(requests), evaluations[0] if len(kept) == 1 else _group(evaluations), costs[0])

    @cached_property
    def places(self) -> dict[str, tuple[int, int]]:
        """By the id of an image the place of the request that has a picture of its mask, and its number there."""
        members = self.evaluation.members if isinstance(self.evaluation, GroupEvaluation) else (self.evaluation,)
        found: dict[str, tuple[int, int]] = {}
        for place, member in enumerate(members):
            for number, id in enumerate(member.ids if member else (), start=1):
                found.setdefault(id, (place, number))
        return found


def _kept(request: Request) -> tuple[Evaluation, Cost | None] | None:
    folder = result_folder(request)
    if folder is None:
        return None
    try:
        return _evaluation(folder / "evaluation.npz"), _cost(folder / "cost.json")
    except InputError:  # damaged, or of another version: it is asked for again
        forget(request)
        return None


@lru_cache(maxsize=16)
def _group(members: tuple[Evaluation, ...]) -> GroupEvaluation:
    return GroupEvaluation(members)  # the same one each time, so that what is computed of it is found again


@lru_cache(maxsize=128)  # more than the runs of as many groups as are compared
def _evaluation(file: Path) -> Evaluation:
    return Evaluation.load(file)  # the folder's name holds the key: another model or other data is another file


@lru_cache(maxsize=128)
def _cost(file: Path) -> Cost | None:
    try:
        return Cost(**json.loads(file.read_text(encoding="utf-8"))) if file.exists() else None
    except (ValueError, TypeError):
        raise InputError(f"{file} is damaged; evaluate again.") from None


def evaluations_of(models: Sequence[Compared]) -> dict[str, Scored]:
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

    def rows_in(self, order: str) -> list[int]:
        """The rows, sorted as `ORDERS` says."""
        if order == "name":
            return sorted(range(len(self.ids)), key=self.ids.__getitem__)
        if order == "random":
            return random.Random(0).sample(range(len(self.ids)), len(self.ids))
        iou = self.scores["iou"]
        spread = np.nanmax(iou, axis=1) - np.nanmin(iou, axis=1)
        key = {"difference": -spread, "worst": np.nanmin(iou, axis=1), "best": -np.nanmax(iou, axis=1)}[order]
        return list(np.argsort(key, kind="stable"))


def mask_models(models: Sequence[Compared]) -> list[MaskModel]:
    """The models as the picture component takes them."""
    return [MaskModel(model.label, model.colour, model.evaluation.model_threshold) for model in models if model.evaluation]


def mask_photos(models: Sequence[Compared], table: Table, rows: Sequence[int]) -> list[MaskPhoto]:
    """Some rows of the table as the picture component takes them."""
    columns = [column for column, model in enumerate(models) if model.evaluation]
    photos = []
    for row in rows:
        id = table.ids[row]
        bases = [_base(models[column], id) for column in columns]
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
    before = list(accumulate((len(model.requests) for _, model in shown), initial=0))
    iou = table.scores["iou"]

    def place(model: Compared, keys_before: int, id: str) -> tuple[int, int] | None:
        found = model.places.get(id)
        return found and (keys_before + found[0], found[1])

    return ViewedPhotos(
        [request.key for _, model in shown for request in model.requests],
        [table.ids[row] for row in rows],
        [[place(model, keys, table.ids[row]) for (_, model), keys in zip(shown, before, strict=False)] for row in rows],
        [[None if np.isnan(iou[row, column]) else float(iou[row, column]) for column, _ in shown] for row in rows],
    )


def _base(model: Compared, id: str) -> str | None:
    """Where the pictures of an image are; None where the model has no mask of it."""
    place = model.places.get(id)
    return place and f"/api/evaluations/{model.requests[place[0]].key}/{place[1]}"


def scores_csv(models: Sequence[Compared], table: Table) -> str:
    """Every metric of every photograph and model, a row a photograph."""
    file = io.StringIO()
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(["image", *(f"{model.label} {metric}" for model in models for metric in METRICS)])
    for row, id in enumerate(table.ids):
        values = [table.scores[metric][row, column] for column in range(len(models)) for metric in METRICS]
        rows.writerow([id, *("" if np.isnan(value) else f"{value:.6f}" for value in values)])
    return file.getvalue()
