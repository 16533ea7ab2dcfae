"""Paired differences of every two models in one score: which is better, which are as good as each other, and what is open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from itertools import combinations, groupby
from operator import itemgetter
from typing import Literal

import numpy as np

from seg_core.evaluation.bootstrap import cluster_means
from seg_core.evaluation.clusters import ALONE, Clusters
from seg_core.evaluation.columns import IOU, MARGIN, Column
from seg_core.evaluation.comparison import on_shared_images
from seg_core.evaluation.confidence import (
    SIGNIFICANCE_LEVEL,
    Difference,
    holm,
    models_margin,
    no_worse,
    paired_differences,
    widened,
)
from seg_core.evaluation.group import GroupEvaluation, Scored
from seg_core.evaluation.power import models_to_settle, photographs_to_settle
from seg_core.evaluation.verdict import verdict

FEWEST_FOR_OUTLOOK = 20
"""Photographs from which their variation says how many would be enough."""


@dataclass(frozen=True)
class Pairing:
    """Paired difference in a score between two models or groups, on the same images; the better one is first."""

    first: str
    second: str
    images: int
    difference: Difference
    """By how much the first is better: the mean is never negative, whichever way the score is better."""
    p: float
    """Corrected by Holm's method over all pairings of the comparison, as are the two below."""
    column: Column = IOU
    margin: float = MARGIN
    """Difference that counts as none, in units of the score."""
    p_first: float = 1.0
    """p-value of the first being no worse than the second by the margin (`seg_core.evaluation.confidence.no_worse`)."""
    p_second: float = 1.0
    """p-value of the second being no worse than the first by the margin."""
    gains: np.ndarray = field(default_factory=lambda: np.empty(0), compare=False, repr=False)
    """(K,) what the first scores above the second on each image, or on the mean of each cluster of images."""
    of_models: tuple[np.ndarray, ...] = field(default=(), compare=False, repr=False)
    """For each of the two that is a group, the mean scores (R,) of its models."""
    counted: str = ALONE
    """What each of the ``gains`` is of, in the plural: photographs, or lesions, patients."""

    @property
    def reversed(self) -> Pairing:
        """The same of the second and the first: where their ranks are by other images, the second may be better on these."""
        return replace(
            self,
            first=self.second,
            second=self.first,
            difference=self.difference.reversed,
            p_first=self.p_second,
            p_second=self.p_first,
            gains=-self.gains,
        )

    @property
    def is_better(self) -> bool:
        """True if the difference is statistically significant: the first is better."""
        return self.difference.is_significant(self.p)

    @property
    def first_no_worse(self) -> bool:
        """True if the first is no worse than the second by the margin: what is not below it on average may be."""
        return self.p_first < SIGNIFICANCE_LEVEL

    @property
    def second_no_worse(self) -> bool:
        """True if the second is no worse than the first by the margin."""
        return self.p_second < SIGNIFICANCE_LEVEL

    @property
    def is_as_good(self) -> bool:
        """True if the two are equivalent: neither is worse than the other by the margin."""
        return self.first_no_worse and self.second_no_worse

    @property
    def finding(self) -> str:
        """What was found, in a few words."""
        if self.is_better:
            return f"better by less than {self.margin:g}" if self.is_as_good else "better"
        return f"as good within {self.margin:g}" if self.is_as_good else "not settled"

    @property
    def is_settled(self) -> bool:
        """True if one is better, or they are as good as each other."""
        return self.is_better or self.is_as_good

    @cached_property
    def outlook(self) -> str:
        """How many photographs, or models in a group, would settle what is open; empty where nothing is, or too few are known."""
        now, counted = len(self.gains), self.counted
        if self.is_settled or now < FEWEST_FOR_OUTLOOK:
            return ""
        between = f"Between {self.first} and {self.second},"
        if enough := photographs_to_settle(self.gains, self.margin, self.of_models):
            return f"{between} about {enough:,} {counted} like these would settle it (now {now:,}; power 80 %)."
        if times := models_to_settle(self.gains, self.margin, self.of_models):
            return f"{between} {times} times as many models in each group would settle it on these {counted} (power 80 %)."
        return f"{between} ten times as many {counted} would not settle it (power below 80 %)."

    @property
    def sentence(self) -> str:
        """As `seg_core.evaluation.verdict.verdict`."""
        as_good = self.margin if self.is_as_good else None
        return verdict(self.first, self.second, self.difference, self.p, self.column, as_good)


@dataclass(frozen=True, eq=False)
class ImageScores:
    """One score of N images by each of R models, more of which are better; R is 1 for a model, and for a group not crossed."""

    ids: tuple[str, ...]
    table: np.ndarray
    """(R, N), negative where lower is better."""

    @classmethod
    def of(cls, evaluation: Scored, column: Column, threshold: float | None) -> ImageScores:
        """Take a score from an evaluation, at a threshold or the models' own; images for which it is undefined are left out."""
        if isinstance(evaluation, GroupEvaluation) and evaluation.is_crossed:
            table = evaluation.tables(threshold)[column.name]
        else:
            table = evaluation.known_scores(threshold)[column.name][None]
        known = ~np.isnan(table).any(axis=0)
        ids = tuple(id for id, is_known in zip(evaluation.ids, known.tolist(), strict=True) if is_known)
        return cls(ids, column.sign * table[:, known])

    @cached_property
    def means(self) -> np.ndarray:
        """(N,) mean over the models."""
        mean: np.ndarray = self.table.mean(axis=0)
        return mean

    def shared_with(self, other: ImageScores) -> tuple[str, ...]:
        """Return the ids of the images that both have."""
        if self.ids == other.ids:
            return self.ids
        theirs = set(other.ids)
        return tuple(id for id in self.ids if id in theirs)

    def on(self, ids: Sequence[str]) -> ImageScores:
        """Return the scores of some images, in their order."""
        if tuple(ids) == self.ids:
            return self
        row = {id: place for place, id in enumerate(self.ids)}
        return ImageScores(tuple(ids), self.table[:, [row[id] for id in ids]])


def pairings(
    evaluations: Mapping[str, Scored],
    threshold: float | None = None,
    column: Column = IOU,
    margin: float = MARGIN,
    clusters: Clusters | None = None,
) -> list[Pairing]:
    """Compare every two models or groups by a score, those of the best one first, on the images that all of them have.

    Where no image has scores of all, every two are compared on those that both have; those that share none are left out. A
    group's score of an image is the mean of its models'. Where every model of a group was scored on every image, the interval of
    the difference includes variation between models.

    Args:
        evaluations: by label.
        threshold: of all; if None, each one's own.
        column: the score; one that is known at that threshold.
        margin: difference that counts as none, in units of the score.
        clusters: of images that are not independent, which count together.
    """
    shared = on_shared_images(evaluations)
    return list(_pairings(tuple(shared), tuple(shared.values()), threshold, column, margin, clusters))


def score_pairings(
    scores: Mapping[str, Sequence[float] | np.ndarray],
    *,
    lower_is_better: bool = False,
    margin: float = MARGIN,
    patients: Sequence[object] | None = None,
) -> list[Pairing]:
    """As `pairings`, of plain scores: for each model, by label, those (N,) of the same images in the same order.

    ``patients`` names the patient of each image (N,), or the lesion: images of one are not independent, and count together.

    Raises:
        ValueError: if the models have different numbers of scores, or none, or there is another number of patients.
    """
    column = Column("score", "score", lower_is_better)
    tables = {label: column.sign * np.asarray(values, np.float64)[None] for label, values in scores.items()}
    if len({table.shape for table in tables.values()}) > 1 or not all(table.size for table in tables.values()):
        raise ValueError("every model needs the scores of the same images")
    images = tuple(map(str, range(next((table.shape[1] for table in tables.values()), 0))))
    clusters = None
    if patients is not None:
        numbers = {patient: number for number, patient in enumerate(dict.fromkeys(patients))}
        clusters = Clusters("patient", {id: numbers[patient] for id, patient in zip(images, patients, strict=True)})
    return paired({label: ImageScores(images, table) for label, table in tables.items()}, column, margin, clusters)


@lru_cache(maxsize=32)  # a page is redrawn at every click
def _pairings(
    labels: tuple[str, ...],
    evaluations: tuple[Scored, ...],
    threshold: float | None,
    column: Column,
    margin: float,
    clusters: Clusters | None,
) -> tuple[Pairing, ...]:
    each = (ImageScores.of(evaluation, column, threshold) for evaluation in evaluations)
    return tuple(paired(dict(zip(labels, each, strict=True)), column, margin, clusters))


def paired(scores: Mapping[str, ImageScores], column: Column, margin: float, clusters: Clusters | None = None) -> list[Pairing]:
    """As `pairings`, of scores that are there already."""
    known = {label: one for label, one in scores.items() if one.ids}
    ranked = sorted(known, key=lambda label: -known[label].means.mean())
    pairs = [(known[first].shared_with(known[second]), first, second) for first, second in combinations(ranked, 2)]
    found: list[Pairing] = []
    for ids, some in groupby(pairs, key=itemgetter(0)):  # most often all of them are on the same images
        if ids:
            found += _on_images(ids, [pair[1:] for pair in some], known, column, margin, clusters)
    corrected = [holm([getattr(each, name) for each in found]) for name in ("p", "p_first", "p_second")]
    return [
        replace(each, p=p, p_first=p_first, p_second=p_second)
        for each, p, p_first, p_second in zip(found, *corrected, strict=True)
    ]


def _on_images(
    ids: tuple[str, ...],
    pairs: Sequence[tuple[str, str]],
    scores: Mapping[str, ImageScores],
    column: Column,
    margin: float,
    clusters: Clusters | None,
) -> list[Pairing]:
    """Compare pairs of models on some images; p-values are not corrected."""
    on_these = {label: scores[label].on(ids) for label in dict.fromkeys(label for pair in pairs for label in pair)}
    place, means = (
        {label: number for number, label in enumerate(on_these)},
        np.column_stack([one.means for one in on_these.values()]),
    )
    places, rows = [(place[first], place[second]) for first, second in pairs], clusters.rows_of(ids) if clusters else None
    of_models = [_means_of_models(on_these, pair) for pair in pairs]
    differences = [
        difference._replace(interval=widened(difference.interval, models_margin(means), -np.inf, np.inf))
        for difference, means in zip(paired_differences(means, places, rows), of_models, strict=True)
    ]
    first, second = np.array(places).T
    gains = cluster_means(means[:, first] - means[:, second], rows)  # as many as are counted
    p_first = no_worse(gains, [each.interval for each in differences], margin)
    p_second = no_worse(-gains, [each.reversed.interval for each in differences], margin)
    counted = clusters.many if clusters else ALONE
    found = [
        Pairing(*labels, len(ids), difference, difference.p, column, margin, *p_values, gain, means, counted)
        for labels, difference, p_values, gain, means in zip(
            pairs, differences, zip(p_first, p_second, strict=True), gains.T, of_models, strict=True
        )
    ]
    return [pairing if pairing.difference.interval.mean >= 0 else pairing.reversed for pairing in found]


def _means_of_models(scores: Mapping[str, ImageScores], labels: Sequence[str]) -> tuple[np.ndarray, ...]:
    return tuple(scores[label].table.mean(axis=1) for label in labels if len(scores[label].table) > 1)


def standing(found: Sequence[Pairing], label: str) -> Literal["better or as good", "worse", "not settled"]:
    """Return how one model stands beside all others: as a check of a new model against those before it.

    Better or as good: significantly better than each, or no worse by the margin. Worse: significantly worse than one, and not
    within the margin.
    """
    of_it = [
        pairing if pairing.first == label else pairing.reversed for pairing in found if label in (pairing.first, pairing.second)
    ]
    if all(pairing.first_no_worse or (pairing.is_better and pairing.difference.interval.mean > 0) for pairing in of_it):
        return "better or as good"
    is_worse = any(pairing.is_better and pairing.difference.interval.mean < 0 for pairing in of_it if not pairing.first_no_worse)
    return "worse" if is_worse else "not settled"
