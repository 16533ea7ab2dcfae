"""Models set beside each other on the same images: what each scores, how sure that is, and which one is better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np

from seg_core.evaluation.confidence import (
    Difference,
    Interval,
    holm,
    mean_intervals,
    models_margin,
    paired_difference,
    verdict,
    widened,
)
from seg_core.evaluation.group import GroupEvaluation, Scored
from seg_core.prediction.cost import Cost


@dataclass(frozen=True)
class Spread:
    """How the IoU of a group varies: the mean of each model, and the standard deviation between images, of one image NaN."""

    means: tuple[float, ...]
    between_images: float
    same_images: bool
    """Whether all models were scored on the same images, so that their means differ by the models alone."""

    @property
    def between_models(self) -> float:
        """The standard deviation of the models' means; NaN where they were scored on different images."""
        return float(np.std(self.means, ddof=1)) if self.same_images else np.nan

    @property
    def sentence(self) -> str:
        """Both, in words."""
        each = ", ".join(f"{mean:.4f}" for mean in self.means)
        where = "" if self.same_images else ", on photographs of its own,"
        deviations = {"models": self.between_models, "photographs": self.between_images}
        known = [f"between {what} {value:.4f}" for what, value in deviations.items() if not np.isnan(value)]
        return f"mean IoU of each model{where} {each}" + (f"; standard deviation {', '.join(known)}" if known else "")


@dataclass(frozen=True)
class Row:
    """What a model scores: the mean of each column with its 95 % interval over the images ``ids``, and what it costs."""

    label: str
    ids: frozenset[str]
    scores: dict[str, Interval]
    cost: Cost | None
    """None for masks of another program."""
    spread: Spread | None = None
    """Of a group, how its IoU varies."""

    @property
    def images(self) -> int:
        """How many images it is scored on."""
        return len(self.ids)


@dataclass(frozen=True)
class Pairing:
    """Two models on the images that both have masks for; positive differences speak for the first."""

    first: str
    second: str
    images: int
    difference: Difference
    p: float
    """Holm's correction over all pairings of the comparison."""

    @property
    def sentence(self) -> str:
        """What it means."""
        return verdict(self.first, self.second, self.difference, self.p)


def score_rows(evaluations: Mapping[str, Scored], costs: Mapping[str, Cost | None], threshold: float | None = None) -> list[Row]:
    """A row for each model or group, by its label, at a threshold or, None, at its own."""
    return [
        Row(label, frozenset(evaluation.ids), _intervals(evaluation, threshold), costs.get(label), _spread(evaluation, threshold))
        for label, evaluation in evaluations.items()
    ]


@lru_cache(maxsize=32)  # a page is drawn anew for every click
def _intervals(evaluation: Scored, threshold: float | None) -> dict[str, Interval]:
    scores = evaluation.own_scores if threshold is None else evaluation.scores(threshold)
    intervals = dict(zip(scores, mean_intervals(np.column_stack(list(scores.values()))), strict=True))
    if isinstance(evaluation, GroupEvaluation) and evaluation.is_crossed:
        tables = evaluation.tables(threshold)
        return {name: widened(interval, models_margin([tables[name].mean(axis=1)])) for name, interval in intervals.items()}
    return intervals


def _spread(evaluation: Scored, threshold: float | None) -> Spread | None:
    if not isinstance(evaluation, GroupEvaluation):
        return None
    means, iou = evaluation.means_of_members("iou", threshold), evaluation.scores(threshold)["iou"]
    between_images = float(np.std(iou, ddof=1)) if len(iou) > 1 else np.nan
    return Spread(tuple(means.tolist()), between_images, evaluation.is_crossed)


def pairings(evaluations: Mapping[str, Scored], threshold: float | None = None) -> list[Pairing]:
    """Every two models or groups by their IoU, each on the images that both have; none where they share no image.

    A group's score of an image is the mean of its models. Where every model of a group was scored on every image, the interval of
    the difference counts what these models vary too.
    """
    found = []
    for first, second in combinations(evaluations, 2):
        ids, difference = _difference(evaluations[first], evaluations[second], threshold)
        if difference:
            found.append((first, second, ids, difference))
    corrected = holm([difference.p for *_, difference in found])
    return [Pairing(*each, p) for each, p in zip(found, corrected, strict=True)]


@lru_cache(maxsize=32)  # a page is drawn anew for every click
def _difference(first: Scored, second: Scored, threshold: float | None) -> tuple[int, Difference | None]:
    """How many images both have, and what the first scores above the second there; None where that is none."""
    theirs = set(second.ids)
    shared = [id for id in first.ids if id in theirs]
    if not shared:
        return 0, None
    tables = [_table(one, threshold, shared) for one in (first, second)]
    difference = paired_difference(*(table.mean(axis=0) for table in tables))
    margin = models_margin([table.mean(axis=1) for table in tables])
    return len(shared), difference._replace(interval=widened(difference.interval, margin, -1, 1))


def _table(evaluation: Scored, threshold: float | None, ids: Sequence[str]) -> np.ndarray:
    """(R, N) the IoU of some images by each model of a group, or in one row where there is one or not all have them."""
    if isinstance(evaluation, GroupEvaluation) and evaluation.is_crossed:
        scores = evaluation.tables(threshold)["iou"]
    else:
        scores = evaluation.scores(threshold)["iou"][None]
    row = {id: place for place, id in enumerate(evaluation.ids)}
    return scores[:, [row[id] for id in ids]]
