"""Ranks of any number of models by a score, with ties, and how sure each rank is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

import numpy as np

from seg_core.errors import some_of
from seg_core.evaluation.bootstrap import TIE, Interval, mean_of_known, resampled_means
from seg_core.evaluation.clusters import Clusters
from seg_core.evaluation.columns import COLUMNS, IOU, MARGIN, Column
from seg_core.evaluation.comparison import on_shared_images, score_intervals
from seg_core.evaluation.group import Scored
from seg_core.evaluation.pairing import ImageScores, Pairing, pairings

RESAMPLES = 1999
"""Draws of the photographs for the stability of ranks."""
MOST_IN_SENTENCES = 3
"""Models up to which the verdict has a sentence for each."""
MOST_NAMED = 6
"""Models that a sentence names; of more it gives the number."""


@dataclass(frozen=True)
class Place:
    """The place of one model or group in a leaderboard."""

    label: str
    score: Interval
    """Mean over images, with its 95 % interval."""
    rank: int
    """One more than the number of models that are shown to be better by the margin or more: models may share a rank."""
    best: int
    """Best place by mean in the middle 95 % of the resamples of the images; 1 is the first."""
    worst: int
    """Worst place in these."""
    shares: tuple[float, ...]
    """Share of the resamples in which it is first, second, and so on, by mean."""
    finding: str
    """What was found of it beside the first, in a few words; empty for the first."""
    by_score: Mapping[str, int]
    """Place by the mean of each score, by the score's name; of equal means both have the better place."""

    @property
    def places(self) -> str:
        """Best and worst place in words: ``1`` or ``2–4``."""
        return str(self.best) if self.best == self.worst else f"{self.best}–{self.worst}"


@dataclass(frozen=True)
class Leaderboard:
    """Models or groups in the order of their mean score, on the same images."""

    column: Column
    margin: float
    images: int
    places: tuple[Place, ...]
    pairings: tuple[Pairing, ...]
    """Every two of them."""

    @property
    def sentences(self) -> list[str]:
        """The verdict: who leads, who is as good within the margin, who is worse, and what is open, the names in short lists."""
        leader, *others = self.places
        first, title = leader.shares[0], self.column.title
        score = f"{title} {leader.score.mean:.3f} ({leader.score.low:.3f} to {leader.score.high:.3f})"
        found = [f"{leader.label} leads: {score}; first in {100 * first:.0f} % of resamples."]
        for what in dict.fromkeys(place.finding for place in others):
            names = some_of([place.label for place in others if place.finding == what], MOST_NAMED)
            found.append(f"{what[0].upper()}{what[1:]}: {names}.")
        return found


def leaderboard(
    evaluations: Mapping[str, Scored],
    threshold: float | None = None,
    column: Column = IOU,
    margin: float = MARGIN,
    clusters: Clusters | None = None,
) -> Leaderboard | None:
    """Rank models or groups by the mean of a score, on the images that all of them have; None if there are none.

    Args:
        evaluations: by label.
        threshold: of all; if None, each one's own.
        column: the score; one that is known at that threshold.
        margin: difference that counts as none, in units of the score.
        clusters: of images that are not independent, which count together.
    """
    shared = on_shared_images(evaluations)
    return _leaderboard(tuple(shared), tuple(shared.values()), threshold, column, margin, clusters)


@lru_cache(maxsize=32)  # a page is redrawn at every click
def _leaderboard(
    labels: tuple[str, ...],
    evaluations: tuple[Scored, ...],
    threshold: float | None,
    column: Column,
    margin: float,
    clusters: Clusters | None,
) -> Leaderboard | None:
    scores = [ImageScores.of(evaluation, column, threshold) for evaluation in evaluations]
    known = set.intersection(*(set(one.ids) for one in scores)) if scores else set()
    if not known:
        return None
    ids = [id for id in scores[0].ids if id in known]
    values = np.column_stack([one.on(ids).means for one in scores])
    intervals = score_intervals(evaluations, threshold, (column,), clusters)
    pairs = pairings(dict(zip(labels, evaluations, strict=True)), threshold, column, margin, clusters)
    stability = _stability(values, clusters.rows_of(ids) if clusters else None)
    by_score = _by_score(evaluations, threshold)
    findings = {pair.second: pair for pair in pairs if pair.first == pairs[0].first}
    beaten = Counter(pair.second for pair in pairs if pair.is_better and not pair.is_as_good)
    places = [
        Place(
            label,
            intervals[place][column.name],
            1 + beaten[label],
            *_middle(stability[place]),
            tuple(stability[place].tolist()),
            _finding(findings.get(label)),
            {name: ranks[place] for name, ranks in by_score.items()},
        )
        for place, label in sorted(enumerate(labels), key=lambda each: -values[:, each[0]].mean())
    ]
    return Leaderboard(column, margin, len(ids), tuple(places), tuple(pairs))


def _finding(pair: Pairing | None) -> str:
    """Return what was found of a model beside the first; empty for the first."""
    if pair is None:
        return ""
    if pair.is_better:
        return f"worse by less than {pair.margin:g}" if pair.is_as_good else "worse"
    return f"as good within {pair.margin:g}" if pair.is_as_good else "not settled"


def _stability(values: np.ndarray, clusters: np.ndarray | None) -> np.ndarray:
    """Return how often each of M models has each place by mean, (M, M), when the images of values (N, M) are drawn again."""
    means = resampled_means(values, RESAMPLES, clusters)
    places = np.array([places_by(-row) for row in means]) - 1
    models = means.shape[1]
    return np.array([np.bincount(places[:, model], minlength=models) / RESAMPLES for model in range(models)])


def places_by(means: np.ndarray) -> np.ndarray:
    """Return the place of each mean (M,), from 1, the lowest first; of equal ones all have the better place."""
    ordered = np.sort(means)
    return 1 + np.searchsorted(ordered, means - TIE)


def _middle(shares: np.ndarray) -> tuple[int, int]:
    """Return the best and the worst place of the middle 95 % of the resamples."""
    reached = shares.cumsum()
    return 1 + int(np.searchsorted(reached, 0.025, side="right")), 1 + int(np.searchsorted(reached, 0.975 - TIE))


def _by_score(evaluations: Sequence[Scored], threshold: float | None) -> dict[str, list[int]]:
    """Return the places of models by the mean of each score that is known at a threshold."""
    scores = [evaluation.known_scores(threshold) for evaluation in evaluations]
    return {
        column.name: places_by(-column.sign * np.array([mean_of_known(own[column.name][None])[0] for own in scores])).tolist()
        for column in COLUMNS
        if all(column.name in own for own in scores)
    }


def answers(found: Sequence[Pairing], board: Leaderboard | None) -> list[str]:
    """Return the verdict of a comparison in sentences: of many models the ranks, of a few what was found of the best and each.

    Of what is open they say what would settle it; of many models, of the first that is not settled beside the best.

    Args:
        found: every two of the models.
        board: their ranks, if they have images in common.
    """
    beside_the_best = [pairing for pairing in found if pairing.first == found[0].first]
    if board and len(board.places) > MOST_IN_SENTENCES:
        outlooks = (pairing.outlook for pairing in beside_the_best if not pairing.is_settled)
        return [*board.sentences, *filter(None, islice(outlooks, 1))]
    return [f"{pairing.sentence} {pairing.outlook}".rstrip() for pairing in beside_the_best]
