"""How a candidate scores on sources that it was not trained on, and whether it is better than another.

A recipe that is chosen on the folds of one source fits that source. So the mean IoU of a candidate is that over sources: its own
folds count as one, each further source as one. Differences are paired by photograph.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from seg_core.common.home import home
from seg_core.data.dataset import open_dataset
from seg_core.data.folders import Pair
from seg_core.data.groups import joined, listed_groups
from seg_core.errors import InputError
from seg_core.evaluation.bootstrap import Interval, mean_interval
from seg_core.evaluation.evaluate import evaluate
from seg_core.evaluation.key import evaluation_key
from seg_core.evaluation.result import Evaluation
from seg_core.prediction.checkpoint import load_checkpoint
from seg_core.prediction.checkpoint_file import checkpoint_digest
from seg_core.runs.run import Run
from seg_core.runs.store import RunStore

OWN = "own folds"
MOST = 600
"""Photographs of a further source that are scored: more would make the intervals little narrower."""


@dataclass(frozen=True)
class Source:
    """Photographs that no candidate trains on."""

    name: str
    pairs: tuple[Pair, ...]

    @classmethod
    def of(cls, text: str, most: int = MOST) -> Source:
        """Choose photographs of ``DIR`` or ``DIR=FILE.csv:COLUMN``, spread evenly; of each value of the column the first one.

        Raises:
            InputError: if the folder or the file cannot be used.
        """
        folder, _, groups = text.partition("=")
        dataset = open_dataset(folder)
        pairs = list(dataset.unique_pairs)
        units = joined(pairs, listed_groups(groups, dataset.sources, pairs) if groups else [])
        chosen = np.linspace(0, len(units) - 1, min(most, len(units))).round().astype(int)
        return cls(dataset.name, tuple(units[place][0] for place in chosen))


Scores = Mapping[str, float]
"""IoU by photograph, each a mean over the models that were scored on it."""


@dataclass(frozen=True)
class Candidate:
    """A candidate's scores: the last epochs of all its runs, at stored resolution."""

    own: Sequence[Evaluation]
    """Of each run, on its validation split."""
    further: Mapping[str, Sequence[Evaluation]]
    """Of each run, on every further source."""

    @classmethod
    def of(cls, runs: Sequence[Run], sources: Sequence[Source], store: RunStore) -> Candidate:
        """Score the models of ``runs``; what was scored before is read again."""
        own = [_evaluated(run, open_dataset(run.sources).split(run.config.split_spec).val, store) for run in runs]
        return cls(own, {source.name: [_evaluated(run, source.pairs, store) for run in runs] for source in sources})

    @cached_property
    def iou(self) -> dict[str, Scores]:
        """Scores by source, own folds first."""
        return {name: _by_photograph(evaluations) for name, evaluations in {OWN: self.own, **self.further}.items()}

    @property
    def means(self) -> dict[str, float]:
        """Mean IoU by source, own folds first."""
        return {name: float(np.mean(list(scores.values()))) for name, scores in self.iou.items()}


def gain(ours: Mapping[str, Scores], theirs: Mapping[str, Scores]) -> Interval:
    """Return the mean difference over sources, each counting the same, with its 95 % interval over photographs.

    In each source the photographs that both have are compared. Sources are independent, so the widths of their intervals add as
    squares. What another seed would change is not in it.

    Raises:
        InputError: if the two share no photographs of a source.
    """
    intervals = []
    for name, scores in ours.items():
        shared = scores.keys() & theirs.get(name, {}).keys()
        if not shared:
            raise InputError(f"The two candidates share no photographs of {name}; train them on the same folds.")
        intervals.append(mean_interval([scores[id] - theirs[name][id] for id in sorted(shared)]))
    mean, low, high = (np.array(each) for each in zip(*intervals, strict=True))
    centre, down, up = mean.mean(), np.hypot.reduce(mean - low), np.hypot.reduce(high - mean)
    return Interval(float(centre), float(centre - down / len(mean)), float(centre + up / len(mean)))


def _by_photograph(evaluations: Sequence[Evaluation]) -> Scores:
    scores: dict[str, list[float]] = {}
    for evaluation in evaluations:
        for id, value in zip(evaluation.ids, evaluation.all_scores["iou"].tolist(), strict=True):
            scores.setdefault(id, []).append(value)
    return {id: float(np.mean(values)) for id, values in scores.items()}


def _evaluated(run: Run, pairs: Sequence[Pair], store: RunStore) -> Evaluation:
    model = store.folder(run.id) / "last.safetensors"
    kept = home() / "cache" / "search" / f"{evaluation_key(checkpoint_digest(model), pairs)}.npz"
    if kept.exists():
        return Evaluation.load(kept)
    kept.parent.mkdir(parents=True, exist_ok=True)
    evaluation = evaluate(load_checkpoint(model), pairs)
    evaluation.save(kept)
    return evaluation
