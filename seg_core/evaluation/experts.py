"""Models beside several experts: how far each agrees with each, and whether a model agrees as well as they do themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import Literal

import numpy as np

from seg_core.data.folders import Pair
from seg_core.data.pair import STAPLE
from seg_core.data.source import MAJORITY
from seg_core.errors import InputError
from seg_core.evaluation.bootstrap import Interval, mean_intervals
from seg_core.evaluation.clusters import Clusters
from seg_core.evaluation.columns import IOU, MARGIN, Column
from seg_core.evaluation.comparison import Row
from seg_core.evaluation.confidence import holm, models_margin, widened
from seg_core.evaluation.evaluate import evaluate_each
from seg_core.evaluation.group import GroupEvaluation, Scored
from seg_core.evaluation.pairing import ImageScores, Pairing, paired
from seg_core.evaluation.result import IN_PIXELS, Evaluation
from seg_core.prediction.expert_masks import ExpertMasks
from seg_core.prediction.predictor import Predictor

CEILING = "Experts among each other"
"""The name of what a model can be expected to reach at most: the mean over all pairs of experts."""
FEWEST_FOR_OTHERS = 3
"""Experts from which each is compared with the consensus of the others: that of one other is the other."""

ONE_WAY = ("sensitivity", "specificity", "auroc", "average_precision")
"""Scores that depend on which of two masks is the truth; between experts, none is."""


@dataclass(frozen=True, eq=False)
class Agreements:
    """The evaluations of experts' masks beside each other's."""

    names: tuple[str, ...]
    of_two: Mapping[tuple[str, str], Evaluation]
    """By the names of two experts, in their order, the first's masks beside the second's; of two who share photographs."""
    of_others: Mapping[str, Evaluation] = field(default_factory=dict)
    """By the name of one, the masks beside the consensus of the others; empty with fewer than `FEWEST_FOR_OTHERS`."""


def among_experts(
    pairs: Sequence[Pair], names: Sequence[str], on_progress: Callable[[int, int], None] | None = None
) -> Agreements:
    """Evaluate the masks of every expert beside those of each other.

    Args:
        pairs: photographs that several experts outlined.
        names: of the experts.
        on_progress: gets (done, total) of masks.

    Raises:
        InputError: if no two of them outlined one photograph, or a file cannot be read.
    """
    of_two: dict[tuple[str, str], Evaluation] = {}
    of_others: dict[str, Evaluation] = {}
    neutral = [pair if pair.truth == STAPLE else replace(pair, truth=MAJORITY) for pair in pairs]  # if one of them is the truth
    drawn = {name: [pair for pair in neutral if pair.by([name])] for name in names}
    done, total = 0, sum(map(len, drawn.values()))
    for place, name in enumerate(names):
        truths = {other: [other] for other in names[place + 1 :]}
        if len(names) >= FEWEST_FOR_OTHERS:
            truths[""] = [other for other in names if other != name]
        if truths and drawn[name]:
            advance = partial(_advance, on_progress, done, total) if on_progress else None
            found = evaluate_each(ExpertMasks(name), drawn[name], truths, advance)
            of_others |= {name: found.pop("")} if "" in found else {}
            of_two |= {(name, other): evaluation for other, evaluation in found.items()}
        done += len(drawn[name])
    if not of_two:
        raise InputError("No two experts outlined the same photograph here, so they cannot be compared.")
    return Agreements(tuple(names), of_two, of_others)


def _advance(on_progress: Callable[[int, int], None], before: int, total: int, done: int, _: int) -> None:
    on_progress(before + done, total)


def against_experts(
    predictor: Predictor,
    pairs: Sequence[Pair],
    names: Sequence[str],
    on_progress: Callable[[int, int], None] | None = None,
) -> dict[str, Evaluation]:
    """Evaluate a model beside each expert, by name, on the photographs that the expert outlined; each is predicted once.

    Raises:
        InputError: as `seg_core.evaluation.evaluate.evaluate`.
    """
    return evaluate_each(predictor, pairs, {name: [name] for name in names}, on_progress, allow_missing=True)


def by_expert(members: Sequence[Mapping[str, Evaluation]]) -> dict[str, Scored]:
    """Return the evaluations of a model beside each expert, by name; of a group, from those of its models."""
    found: dict[str, list[Evaluation]] = {}
    for member in members:
        for name, evaluation in member.items():
            found.setdefault(name, []).append(evaluation)
    return {name: GroupEvaluation(tuple(each)) if len(members) > 1 else each[0] for name, each in found.items()}


def mean_scores(evaluations: Sequence[Scored], column: Column, threshold: float | None = None) -> ImageScores:
    """Return the mean of a score of each image over the evaluations that have it: a model's beside each expert, for example."""
    each = [ImageScores.of(evaluation, column, threshold) for evaluation in evaluations]
    if len({len(one.table) for one in each}) > 1:  # of a group whose models were not all scored beside each expert
        each = [replace(one, table=one.means[None]) for one in each]
    ids = tuple(dict.fromkeys(id for one in each for id in one.ids))
    place = {id: number for number, id in enumerate(ids)}
    models = len(each[0].table) if each else 1
    total, count = np.zeros((models, len(ids))), np.zeros(len(ids))
    for one in each:
        rows = [place[id] for id in one.ids]
        total[:, rows] += one.table
        count[rows] += 1
    return ImageScores(ids, total / count)


@dataclass(frozen=True)
class ExpertRow:
    """Agreement of a model or an expert with the experts: means over photographs with their 95 % intervals."""

    label: str
    is_model: bool
    by_expert: Mapping[str, Interval]
    """By the other's name."""
    mean: Interval
    """Of the mean over the experts on each photograph; of an expert, over the others."""
    images: int
    """Photographs that ``mean`` is over."""
    truth: Interval | None = None
    """With the truth of the dataset, of a model; of an expert, with what the others agree on."""


@dataclass(frozen=True)
class Agreement:
    """Whether a model agrees with the experts as well as they agree with each other, on the same photographs."""

    label: str
    model: float
    """Mean over photographs of its mean over the experts."""
    experts: float
    """Mean over photographs of the mean over pairs of experts."""
    pairing: Pairing
    """Of the model and `CEILING`."""

    @property
    def finding(self) -> Literal["as well", "better", "less well", "not settled"]:
        """What was found. As well: neither is worse by the margin."""
        if self.pairing.is_as_good:
            return "as well"
        if not self.pairing.is_better:
            return "not settled"
        return "better" if self.pairing.first == self.label else "less well"

    @property
    def difference(self) -> Interval:
        """Of the model's mean from the experts', in units of the score."""
        of_model = self.pairing if self.pairing.first == self.label else self.pairing.reversed
        mean, low, high = of_model.difference.interval
        return Interval(mean, low, high) if of_model.column.sign > 0 else Interval(-mean, -high, -low)


@dataclass(frozen=True)
class BesideExperts:
    """Models beside experts in one score."""

    names: tuple[str, ...]
    column: Column
    rows: tuple[ExpertRow, ...]
    """Of the models, then of the experts."""
    ceiling: Interval
    """The mean over all pairs of experts on each photograph that two outlined."""
    images: int
    """Photographs that the ceiling is over."""
    agreements: Mapping[str, Agreement]
    """By the label of each model that shares photographs with two experts."""


def symmetric(column: Column) -> Column:
    """Return the score if it is the same whichever of two masks is the truth, else IoU."""
    return IOU if column.name in ONE_WAY else column


def beside_experts(
    models: Mapping[str, Mapping[str, Scored]],
    agreements: Agreements,
    consensus: Mapping[str, Scored],
    *,
    column: Column = IOU,
    margin: float = MARGIN,
    threshold: float | None = None,
    clusters: Clusters | None = None,
) -> BesideExperts:
    """Compare models with experts, and with how far these agree among each other, on the photographs that all models have.

    Args:
        models: by label, and then by the expert's name, the evaluations beside each.
        agreements: those of the experts, on the same photographs.
        consensus: by label, the models' evaluations beside what the experts agree on.
        column: the score; one of `ONE_WAY` is replaced by IoU.
        margin: difference that counts as none, in units of the score.
        threshold: of all models; None for each one's own.
        clusters: of photographs that are not independent.
    """
    of_models = tuple((label, tuple(each.items())) for label, each in models.items() if each)
    truths = tuple(consensus[label] for label, _ in of_models)
    used = symmetric(column)
    return _beside(of_models, agreements, truths, used, margin if used == column else used.margin, threshold, clusters)


@lru_cache(maxsize=32)  # a page is redrawn at every click
def _beside(
    models: tuple[tuple[str, tuple[tuple[str, Scored], ...]], ...],
    agreements: Agreements,
    truths: tuple[Scored, ...],
    column: Column,
    margin: float,
    threshold: float | None,
    clusters: Clusters | None,
) -> BesideExperts:
    images = [frozenset(truth.ids) for truth in truths]
    everywhere = frozenset.intersection(*images) if images else frozenset()

    def scores(*evaluations: Scored, threshold: float | None = threshold) -> ImageScores:
        shared = [each.only(everywhere) for each in evaluations] if everywhere else list(evaluations)
        return mean_scores([each for each in shared if each.ids], column, threshold)

    def interval(found: ImageScores) -> Interval:
        return _interval(found, column, clusters)

    human = scores(*agreements.of_two.values(), threshold=None)
    rows: list[ExpertRow] = []
    found: dict[str, Agreement] = {}
    for (label, of_model), truth in zip(models, truths, strict=True):
        of_experts = dict(of_model)
        own = scores(*of_experts.values())
        if shared := own.shared_with(human):
            own, theirs = own.on(shared), human.on(shared)
            (pairing,) = paired({label: own, CEILING: theirs}, column, margin, clusters)
            found[label] = Agreement(label, _mean(own, column), _mean(theirs, column), pairing)
        each = {name: interval(scores(evaluation)) for name, evaluation in of_experts.items()}
        rows.append(ExpertRow(label, True, each, interval(own), len(own.ids), interval(scores(truth))))
    for name in agreements.names:
        if beside := {two[two[0] == name]: each for two, each in agreements.of_two.items() if name in two}:
            own = scores(*beside.values(), threshold=None)
            each = {other: interval(scores(evaluation, threshold=None)) for other, evaluation in beside.items()}
            others = agreements.of_others.get(name)
            consensus = interval(scores(others, threshold=None)) if others else None
            rows.append(ExpertRow(name, False, each, interval(own), len(own.ids), consensus))
    return BesideExperts(agreements.names, column, tuple(rows), interval(human), len(human.ids), _corrected(found))


def _mean(scores: ImageScores, column: Column) -> float:
    return column.sign * float(scores.means.mean())


@lru_cache(maxsize=32)
def ceiling_row(agreements: Agreements, columns: tuple[Column, ...], images: frozenset[str], clusters: Clusters | None) -> Row:
    """Return the mean over pairs of experts in every score that is `symmetric`, as a row of a table of scores.

    Args:
        agreements: of the experts.
        columns: the scores.
        images: those that count; all if it is empty.
        clusters: of photographs that are not independent.
    """
    shared = [each.only(images) if images else each for each in agreements.of_two.values()]
    known = [each for each in shared if each.ids]
    found = {column.name: mean_scores(known, column) for column in columns if symmetric(column) == column}
    ids = frozenset(id for each in known for id in each.ids)
    return Row(
        CEILING,
        ids,
        {column.name: _interval(found[column.name], column, clusters) for column in columns if column.name in found},
        None,
    )


def _corrected(found: Mapping[str, Agreement]) -> dict[str, Agreement]:
    """Correct the p-values by Holm's method over the models."""
    names = ("p", "p_first", "p_second")
    values = (holm([getattr(each.pairing, name) for each in found.values()]) for name in names)
    return {
        label: replace(each, pairing=replace(each.pairing, **dict(zip(names, of_model, strict=True))))
        for (label, each), of_model in zip(found.items(), zip(*values, strict=True), strict=True)
    }


def _interval(scores: ImageScores, column: Column, clusters: Clusters | None) -> Interval:
    if not scores.ids:
        return Interval(np.nan, np.nan, np.nan)
    values = column.sign * scores.table
    (found,) = mean_intervals(values.mean(axis=0)[:, None], clusters=clusters.rows_of(scores.ids) if clusters else None)
    most = np.inf if column.name in IN_PIXELS else 1
    return widened(found, models_margin([values.mean(axis=1)]), most=most) if len(values) > 1 else found
