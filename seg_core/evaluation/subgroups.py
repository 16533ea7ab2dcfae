"""For whom a model fails: its IoU on parts of the photographs, each compared with all others, within one model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from seg_core.common.text import counted
from seg_core.data.partition import Part, Partition, divided
from seg_core.evaluation.bootstrap import TIE, Interval, cluster_means, mean_intervals
from seg_core.evaluation.clusters import Clusters
from seg_core.evaluation.confidence import SIGNIFICANCE_LEVEL, holm, models_margin, widened
from seg_core.evaluation.group import GroupEvaluation, Scored
from seg_core.evaluation.lesion_size import LARGE, LESION_SIZES, RESAMPLES, SMALL

LEAST = 20
"""Photographs, or clusters of them, that a part and its rest need to be tested.

Of fewer, one failure moves the mean by up to a twentieth and more.
"""
LEAST_FOR_INTERVAL = 5
"""Photographs that an interval needs: a bootstrap of fewer draws the same few means again and again."""
LESION_SIZE = "Lesion size"


@dataclass(frozen=True)
class PartScore:
    """IoU of one model on a part of the photographs, and how it differs from that on the other parts."""

    part: Part
    photographs: int
    others: int
    counted: int
    """Photographs of the part, or clusters of them, that count; ``others_counted`` likewise of the others."""
    others_counted: int
    iou: Interval
    """Mean over the part with its 95 % bootstrap interval; the bounds are NaN for fewer than `LEAST_FOR_INTERVAL` photographs."""
    difference: Interval
    """Mean of the part less that of the others, with its 95 % interval; NaN where they are too few to be tested."""
    p: float
    """Two-sided, of the Mann-Whitney U test; NaN where they are too few."""
    effect: float
    """Rank-biserial correlation, -1 to 1: negative where photographs of the part rank below the others."""

    @property
    def is_tested(self) -> bool:
        """True if part and others have `LEAST` photographs each, or clusters of them."""
        return min(self.counted, self.others_counted) >= LEAST

    @property
    def is_significant(self) -> bool:
        """True if test and interval find a difference in the same direction, as in `confidence.Difference.is_significant`."""
        mean, low, high = self.difference
        return self.p < SIGNIFICANCE_LEVEL and low * high > 0 and mean * self.effect > 0

    @property
    def is_worse(self) -> bool:
        """True if the part is served worse than the others, statistically significant."""
        return self.is_significant and self.difference.mean < 0


def by_lesion_size(evaluations: Iterable[Scored]) -> Partition:
    """Return the partition by the true lesion's share of the frame, as `LESION_SIZES`; of no lesion, it is in none."""
    return _by_lesion_size(tuple(evaluations))


@lru_cache(maxsize=16)  # the same object each time, so that scores cached for it are found
def _by_lesion_size(evaluations: tuple[Scored, ...]) -> Partition:
    share = {
        id: float(lesion / pixels)
        for evaluation in evaluations
        for id, lesion, pixels in zip(evaluation.ids, evaluation.lesion, evaluation.pixels, strict=True)
    }
    values = np.array(list(share.values()), float)
    values[values == 0] = np.nan
    parts = [Part(name, f"lesions {name} of the frame") for name in LESION_SIZES]
    note = "Share of the frame that the true lesion takes up; photographs without a lesion are left out."
    return divided(LESION_SIZE, parts, list(share), values, (SMALL, np.nextafter(LARGE, 1)), note)


def scores_of_parts(
    iou: Sequence[np.ndarray], rows: np.ndarray, parts: Sequence[Part], clusters: np.ndarray | None = None
) -> list[list[PartScore]]:
    """Return the scores of each part that has photographs, for each of some models; p-values are not corrected.

    The interval of a difference joins those of both means, whose widths add as squares (Zou & Donner, 2008,
    doi:10.1002/sim.3095): the bootstrap's of the part, and Student's t of the others.

    Args:
        iou: for each model (1, N) of N photographs, for each group (R, N) by each of its R models.
        rows: (N,) position of each photograph's part, -1 for none.
        parts: by position.
        clusters: (N,) as `seg_core.evaluation.bootstrap.mean_intervals`: clusters are drawn, and tests count each once.
    """
    found: list[list[PartScore]] = [[] for _ in iou]
    for place, part in enumerate(parts):
        of_part, of_others = rows == place, (rows != place) & (rows >= 0)
        if not of_part.any():
            continue
        ours, theirs = (_Side(iou, some, clusters) for some in (of_part, of_others))
        for of_model, score in zip(found, _of_part(part, ours, theirs), strict=True):
            of_model.append(score)
    return found


class _Side:
    """The photographs of a part, or all others: ``some`` (N,) of those of the tables."""

    def __init__(self, tables: Sequence[np.ndarray], some: np.ndarray, clusters: np.ndarray | None) -> None:
        self.tables = [table[:, some] for table in tables]
        self.clusters = None if clusters is None else clusters[some]
        self.photographs = int(some.sum())
        self.iou = np.column_stack([table.mean(axis=0) for table in self.tables])
        self.counted = cluster_means(self.iou, self.clusters)
        """(K, M) of each cluster, or photograph, by each of M models."""


def _of_part(part: Part, ours: _Side, theirs: _Side) -> list[PartScore]:
    over_photographs = mean_intervals(ours.iou, RESAMPLES, ours.clusters)
    if len(ours.counted) < LEAST_FOR_INTERVAL:
        over_photographs = [Interval(interval.mean, np.nan, np.nan) for interval in over_photographs]
    unknown = Interval(np.nan, np.nan, np.nan)
    counts = ours.photographs, theirs.photographs, len(ours.counted), len(theirs.counted)
    scores = [
        PartScore(part, *counts, widened(interval, models_margin([table.mean(axis=1)])), unknown, np.nan, np.nan)
        for interval, table in zip(over_photographs, ours.tables, strict=True)
    ]
    return _tested(scores, over_photographs, ours, theirs) if scores[0].is_tested else scores


def _tested(scores: Sequence[PartScore], over_photographs: Sequence[Interval], ours: _Side, theirs: _Side) -> list[PartScore]:
    from scipy.stats import mannwhitneyu

    one, other = ours.counted, theirs.counted
    p, effect = np.ones(len(scores)), np.zeros(len(scores))
    varying = np.ptp(np.concatenate([one, other]), axis=0) >= TIE
    if varying.any():
        test = mannwhitneyu(one[:, varying], other[:, varying])
        p[varying], effect[varying] = test.pvalue, 2 * test.statistic / (len(one) * len(other)) - 1
    tested = []
    for model, (score, interval) in enumerate(zip(scores, over_photographs, strict=True)):
        shifted = Interval(*(bound - float(theirs.iou[:, model].mean()) for bound in interval))
        of_others = models_margin([other[:, model]])  # a mean over photographs has the same t interval as one over models
        of_models = models_margin([ours.tables[model].mean(axis=1) - theirs.tables[model].mean(axis=1)])
        difference = widened(shifted, float(np.hypot(of_others, of_models)), -1, 1) if varying[model] else Interval(0.0, 0.0, 0.0)
        tested.append(replace(score, difference=difference, p=float(p[model]), effect=float(effect[model])))
    return tested


def compare_parts(
    evaluations: Mapping[str, Scored],
    partition: Partition,
    threshold: float | None = None,
    clusters: Clusters | None = None,
) -> dict[str, list[PartScore]]:
    """Return the scores of each part by each model, by label; p-values are corrected by Holm's method over all of them.

    Args:
        evaluations: by label, on the photographs that all have.
        partition: of these photographs.
        threshold: of all; if None, each one's own.
        clusters: of photographs that are not independent, which count together.
    """
    found = dict(zip(evaluations, _scores(tuple(evaluations.values()), partition, threshold, clusters), strict=True))
    tested = [score.p for scores in found.values() for score in scores if score.is_tested]
    corrected = iter(holm(tested))
    return {
        label: [replace(score, p=next(corrected)) if score.is_tested else score for score in scores]
        for label, scores in found.items()
    }


@lru_cache(maxsize=64)  # a page is redrawn at every click
def _scores(
    evaluations: tuple[Scored, ...], partition: Partition, threshold: float | None, clusters: Clusters | None
) -> list[list[PartScore]]:
    alike: dict[tuple[str, ...], list[int]] = {}  # models of the same photographs: all at once
    for place, evaluation in enumerate(evaluations):
        alike.setdefault(evaluation.ids, []).append(place)
    found: list[list[PartScore]] = [[] for _ in evaluations]
    for ids, places in alike.items():
        tables = [_iou(evaluations[place], threshold) for place in places]
        scores = scores_of_parts(tables, partition.rows_of(ids), partition.parts, clusters.rows_of(ids) if clusters else None)
        for place, own in zip(places, scores, strict=True):
            found[place] = own
    return found


def _iou(evaluation: Scored, threshold: float | None) -> np.ndarray:
    """Return the IoU (R, N) of N photographs by each of the R models of a group; of one model R is 1."""
    if isinstance(evaluation, GroupEvaluation) and evaluation.is_crossed:
        return evaluation.tables(threshold)["iou"]
    return evaluation.scores(threshold)["iou"][None]


def worst_parts(found: Mapping[str, Sequence[PartScore]]) -> list[str]:
    """As `served_worse`, or a sentence that none is."""
    return served_worse(found) or ["No group is shown to be served worse."]


def served_worse(found: Mapping[str, Sequence[PartScore]]) -> list[str]:
    """Name the part that each model serves worst, in a sentence each, where that is statistically significant.

    Args:
        found: as `compare_parts` returns it.
    """
    sentences = []
    for label, scores in found.items():
        if worse := [score for score in scores if score.is_worse]:
            worst = min(worse, key=lambda score: score.iou.mean)
            mean, low, high = worst.iou
            reached = f"IoU {mean:.2f} ({low:.2f} to {high:.2f}, {counted(worst.photographs, 'photograph')})"
            below = f"{-worst.difference.mean:.2f}" if worst.difference.mean < -0.005 else "less than 0.01"
            sentences.append(f"{label} is worst on {worst.part.phrase}: {reached}, {below} below the others.")
    return sentences


def too_small(found: Mapping[str, Sequence[PartScore]]) -> str:
    """Return a warning of the parts that are too small to be tested, and why; empty where none is."""
    untested = {score.part.name: score for scores in found.values() for score in scores if not score.is_tested}
    small = [f"{name} ({score.photographs})" for name, score in untested.items() if score.photographs < LEAST]
    few_others = [name for name, score in untested.items() if score.photographs >= LEAST]
    sentences = []
    if small:
        sentences.append(
            f"Too small to say anything: {', '.join(small)}. Among fewer than {LEAST} photographs a single failure moves the "
            "mean by 0.05 or more, so these groups are not tested."
        )
    if few_others:
        sentences.append(f"There are fewer than {LEAST} other photographs to compare {', '.join(few_others)} with.")
    return " ".join(sentences)
