"""Scores of models on the images that all of them were scored on: a row of the table for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from seg_core.evaluation.bootstrap import Interval, mean_intervals, mean_of_known
from seg_core.evaluation.clusters import Clusters
from seg_core.evaluation.columns import ALL_COLUMNS, Column
from seg_core.evaluation.confidence import models_margin, widened
from seg_core.evaluation.group import GroupEvaluation, Scored
from seg_core.evaluation.result import IN_PIXELS
from seg_core.evaluation.verdict import reaches
from seg_core.prediction.cost import Cost


@dataclass(frozen=True)
class Spread:
    """Variation of a group's IoU between its models and between images."""

    means: tuple[float, ...]
    """Mean IoU of each model."""
    between_images: float
    """Standard deviation between images; NaN for a single one."""
    same_images: bool
    """True if all models were scored on the same images, so that only the models make their means differ."""

    @property
    def between_models(self) -> float:
        """Standard deviation of the models' means; NaN where they were scored on different images."""
        return float(np.std(self.means, ddof=1)) if self.same_images else np.nan

    @property
    def sentence(self) -> str:
        """The means and the standard deviations in words."""
        each = ", ".join(f"{mean:.4f}" for mean in self.means)
        where = "" if self.same_images else ", on photographs of its own,"
        deviations = {"models": self.between_models, "photographs": self.between_images}
        known = [f"between {what} {value:.4f}" for what, value in deviations.items() if not np.isnan(value)]
        return f"mean IoU of each model{where} {each}" + (f"; standard deviation {', '.join(known)}" if known else "")


@dataclass(frozen=True)
class Row:
    """A row of the table of scores: of one model or group, over the images ``ids``."""

    label: str
    ids: frozenset[str]
    scores: dict[str, Interval]
    """Mean of each metric with its 95 % interval."""
    cost: Cost | None
    """None for masks from another program."""
    spread: Spread | None = None
    """For groups only."""
    both_empty: int = 0
    """Images where neither the truth nor the mask has a pixel; each counts 1 in the means."""
    defined: Mapping[str, int] = field(default_factory=dict)
    """Number of images that a mean is over, by metric: fewer than ``images`` where it is undefined for some."""

    @property
    def notes(self) -> list[str]:
        """Sentences without which the means would mislead."""
        notes = [f"{self.label}: {self.spread.sentence}."] if self.spread else []
        if self.both_empty:
            which = f"{self.both_empty:,} of the {self.images:,} photographs there is no lesion and {self.label} marks none"
            notes.append(f"In {which}: each counts as 1 in its means.")
        return notes

    def answer(self, split: str) -> str:
        """The means in a sentence; ``split`` is the name of the split in words, or empty for a whole dataset."""
        photographs = f"{self.images:,} {split} photograph{'' if self.images == 1 else 's'}".replace("  ", " ")
        return reaches(self.label, self.scores["iou"], self.scores["dice"], photographs)

    @property
    def images(self) -> int:
        """Number of scored images."""
        return len(self.ids)


def on_shared_images(evaluations: Mapping[str, Scored]) -> dict[str, Scored]:
    """Return the evaluations on the images that all of them have; as they are where they share none.

    Means over different images cannot be compared: a folder of masks may have none for the difficult photographs.
    """
    if not evaluations:
        return {}
    shared = frozenset.intersection(*(frozenset(evaluation.ids) for evaluation in evaluations.values()))
    return {label: _only(evaluation, shared) for label, evaluation in evaluations.items()} if shared else dict(evaluations)


@lru_cache(maxsize=64)  # the same object each time, so that results cached for it are found
def _only(evaluation: Scored, ids: frozenset[str]) -> Scored:
    return evaluation if len(ids) == len(evaluation.ids) else evaluation.only(ids)


def scored_on(evaluations: Mapping[str, Scored]) -> str:
    """Return a sentence on the images that `on_shared_images` leaves; empty where every evaluation has all of them."""
    images = [frozenset(evaluation.ids) for evaluation in evaluations.values()]
    everything, shared = frozenset().union(*images), frozenset.intersection(*images) if images else frozenset()
    if len(shared) == len(everything):
        return ""
    if not shared:
        return "No photograph is scored for all of these, so their means are of different photographs and cannot be compared."
    some = "the one photograph" if len(shared) == 1 else f"the {len(shared):,} photographs"
    return f"Scored on {some} that all have, of {len(everything):,}."


def score_rows(
    evaluations: Mapping[str, Scored],
    costs: Mapping[str, Cost | None],
    threshold: float | None = None,
    columns: Sequence[Column] = ALL_COLUMNS,
    clusters: Clusters | None = None,
) -> list[Row]:
    """Return a row for each model or group, by label, over the images that all have (`on_shared_images`).

    Args:
        evaluations: by label.
        costs: by label.
        threshold: of all; if None, each one's own.
        columns: the scores that the rows have, of those that are known at that threshold.
        clusters: of images that are not independent, of which intervals draw whole ones.
    """
    shared = on_shared_images(evaluations)
    intervals = score_intervals(tuple(shared.values()), threshold, tuple(dict.fromkeys(columns)), clusters)
    return [
        Row(
            label,
            frozenset(evaluation.ids),
            of_scores,
            costs.get(label),
            _spread(evaluation, threshold),
            int(evaluation.both_empty(threshold).sum()),
            _defined(evaluation, threshold),
        )
        for (label, evaluation), of_scores in zip(shared.items(), intervals, strict=True)
    ]


@lru_cache(maxsize=64)  # a page is redrawn at every click
def score_intervals(
    evaluations: tuple[Scored, ...], threshold: float | None, columns: tuple[Column, ...], clusters: Clusters | None = None
) -> list[dict[str, Interval]]:
    """Return the mean of scores with its 95 % interval, for each of some models or groups.

    Args:
        evaluations: of models or groups.
        threshold: of all; if None, each one's own.
        columns: the scores; those that are not known at that threshold are left out.
        clusters: of images that are not independent, of which intervals draw whole ones.
    """
    wanted = {column.name for column in columns}
    alike: dict[bytes | int, list[tuple[int, str, np.ndarray]]] = {}  # scores of which as many images are drawn: all at once
    rows: dict[bytes | int, np.ndarray | None] = {}
    for place, evaluation in enumerate(evaluations):
        of_clusters = clusters.rows_of(evaluation.ids) if clusters else None
        key = len(evaluation.ids) if of_clusters is None else of_clusters.tobytes()
        rows[key] = of_clusters
        scores = evaluation.known_scores(threshold)
        alike.setdefault(key, []).extend((place, name, values) for name, values in scores.items() if name in wanted)
    found: list[dict[str, Interval]] = [{} for _ in evaluations]
    for key, some in alike.items():
        intervals = mean_intervals(np.column_stack([values for *_, values in some]), clusters=rows[key]) if some else []
        for (place, name, _), interval in zip(some, intervals, strict=True):
            found[place][name] = interval
    return [_widened(evaluation, own, threshold) for evaluation, own in zip(evaluations, found, strict=True)]


def _widened(evaluation: Scored, intervals: dict[str, Interval], threshold: float | None) -> dict[str, Interval]:
    """Widen the intervals of a group whose models were all scored on every image by the variation between them."""
    if not isinstance(evaluation, GroupEvaluation) or not evaluation.is_crossed:
        return intervals
    tables = evaluation.tables(threshold)
    return {
        name: widened(interval, models_margin([mean_of_known(tables[name])]), most=np.inf if name in IN_PIXELS else 1)
        for name, interval in intervals.items()
    }


@lru_cache(maxsize=64)
def _defined(evaluation: Scored, threshold: float | None) -> Mapping[str, int]:
    return {name: int((~np.isnan(values)).sum()) for name, values in evaluation.known_scores(threshold).items()}


def _spread(evaluation: Scored, threshold: float | None) -> Spread | None:
    if not isinstance(evaluation, GroupEvaluation):
        return None
    means, iou = evaluation.means_of_members("iou", threshold), evaluation.scores(threshold)["iou"]
    between_images = float(np.std(iou, ddof=1)) if len(iou) > 1 else np.nan
    return Spread(tuple(means.tolist()), between_images, evaluation.is_crossed)
