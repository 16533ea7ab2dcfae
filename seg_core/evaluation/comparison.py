"""Compare models on the images that all of them were scored on: each one's scores, and the paired difference of every two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import combinations

import numpy as np

from seg_core.evaluation.confidence import (
    Difference,
    Interval,
    holm,
    mean_intervals,
    mean_of_known,
    models_margin,
    paired_difference,
    widened,
)
from seg_core.evaluation.group import GroupEvaluation, Scored
from seg_core.evaluation.lesion_size import SizeScore, iou_by_size
from seg_core.evaluation.result import IN_PIXELS
from seg_core.evaluation.verdict import reaches, verdict
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
    by_size: Mapping[str, SizeScore] = field(default_factory=dict)
    """IoU by lesion size, as `seg_core.evaluation.lesion_size.iou_by_size`."""
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


@dataclass(frozen=True)
class Pairing:
    """Paired difference in IoU between two models or groups, on the same images; the better one is first."""

    first: str
    second: str
    images: int
    difference: Difference
    """Of the first from the second: the mean is never negative."""
    p: float
    """Corrected by Holm's method over all pairings of the comparison."""

    @property
    def sentence(self) -> str:
        """As `seg_core.evaluation.verdict.verdict`."""
        return verdict(self.first, self.second, self.difference, self.p)


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


def score_rows(evaluations: Mapping[str, Scored], costs: Mapping[str, Cost | None], threshold: float | None = None) -> list[Row]:
    """Return a row for each model or group, by label, over the images that all have (`on_shared_images`).

    Args:
        evaluations: by label.
        costs: by label.
        threshold: of all; if None, each one's own.
    """
    return [
        Row(
            label,
            frozenset(evaluation.ids),
            _intervals(evaluation, threshold),
            costs.get(label),
            _spread(evaluation, threshold),
            int(evaluation.both_empty(threshold).sum()),
            _by_size(evaluation, threshold),
            _defined(evaluation, threshold),
        )
        for label, evaluation in on_shared_images(evaluations).items()
    ]


@lru_cache(maxsize=64)  # a page is redrawn at every click
def _intervals(evaluation: Scored, threshold: float | None) -> dict[str, Interval]:
    scores = evaluation.known_scores(threshold)
    intervals = dict(zip(scores, mean_intervals(np.column_stack(list(scores.values()))), strict=True))
    if isinstance(evaluation, GroupEvaluation) and evaluation.is_crossed:
        tables = evaluation.tables(threshold)
        return {
            name: widened(interval, models_margin([mean_of_known(tables[name])]), most=np.inf if name in IN_PIXELS else 1)
            for name, interval in intervals.items()
        }
    return intervals


@lru_cache(maxsize=64)
def _defined(evaluation: Scored, threshold: float | None) -> Mapping[str, int]:
    return {name: int((~np.isnan(values)).sum()) for name, values in evaluation.known_scores(threshold).items()}


@lru_cache(maxsize=64)
def _by_size(evaluation: Scored, threshold: float | None) -> Mapping[str, SizeScore]:
    return iou_by_size(evaluation, threshold)


def _spread(evaluation: Scored, threshold: float | None) -> Spread | None:
    if not isinstance(evaluation, GroupEvaluation):
        return None
    means, iou = evaluation.means_of_members("iou", threshold), evaluation.scores(threshold)["iou"]
    between_images = float(np.std(iou, ddof=1)) if len(iou) > 1 else np.nan
    return Spread(tuple(means.tolist()), between_images, evaluation.is_crossed)


def pairings(evaluations: Mapping[str, Scored], threshold: float | None = None) -> list[Pairing]:
    """Compare every two models or groups by their IoU, those of the best one first, on the images that all have.

    Where no image has scores of all, every two are compared on those that both have; those that share none are left out. A
    group's score of an image is the mean of its models'. Where every model of a group was scored on every image, the interval of
    the difference includes variation between models.
    """
    shared = on_shared_images(evaluations)
    ranked = sorted(shared, key=lambda label: -shared[label].scores(threshold)["iou"].mean())
    compared = []
    for first, second in combinations(ranked, 2):
        images, difference = _difference(shared[first], shared[second], threshold)
        if difference and difference.interval.mean < 0:  # the ranks are by other images
            compared.append((second, first, images, difference.reversed))
        elif difference:
            compared.append((first, second, images, difference))
    corrected = holm([difference.p for *_, difference in compared])
    return [Pairing(*each, p) for each, p in zip(compared, corrected, strict=True)]


def verdicts(found: Sequence[Pairing]) -> list[str]:
    """Return what was found of the best model, in a sentence for each other one; all other pairings are in the table."""
    return [pairing.sentence for pairing in found if pairing.first == found[0].first]


@lru_cache(maxsize=256)  # a page is redrawn at every click; twelve models have 66 pairs
def _difference(first: Scored, second: Scored, threshold: float | None) -> tuple[int, Difference | None]:
    """Return the number of images that both share, and the difference there; None where they share none."""
    theirs = set(second.ids)
    shared = [id for id in first.ids if id in theirs]
    if not shared:
        return 0, None
    tables = [_table(one, threshold, shared) for one in (first, second)]
    difference = paired_difference(*(table.mean(axis=0) for table in tables))
    margin = models_margin([table.mean(axis=1) for table in tables])
    return len(shared), difference._replace(interval=widened(difference.interval, margin, -1, 1))


def _table(evaluation: Scored, threshold: float | None, ids: Sequence[str]) -> np.ndarray:
    """Return the IoU (R, N) of some images by each of R models; R is 1 for a model and for a group that is not crossed."""
    if isinstance(evaluation, GroupEvaluation) and evaluation.is_crossed:
        scores = evaluation.tables(threshold)["iou"]
    else:
        scores = evaluation.scores(threshold)["iou"][None]
    row = {id: place for place, id in enumerate(evaluation.ids)}
    return scores[:, [row[id] for id in ids]]
