"""Whether a model that was trained again is better than before, no worse within a margin, or neither was shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from seg_core.errors import InputError
from seg_core.evaluation.columns import IOU, Column
from seg_core.evaluation.confidence import SIGNIFICANCE_LEVEL, Difference, no_worse, paired_difference
from seg_core.evaluation.result import Evaluation
from seg_core.evaluation.verdict import improvement_verdict

Outcome = Literal["better", "no worse", "worse", "not shown"]


@dataclass(frozen=True)
class Improvement:
    """The IoU of a model after a training against that before, on the same photographs."""

    before: float
    """Mean IoU; ``after`` likewise."""
    after: float
    difference: Difference
    """Of after from before."""
    margin: float
    """The loss in IoU that a person calls none."""
    is_no_worse: bool
    """True if more than the margin was not lost: by the interval and by the test (non-inferiority)."""

    @property
    def outcome(self) -> Outcome:
        """The verdict in a word. A significant loss that is within the margin is no worse."""
        is_significant = self.difference.is_significant(self.difference.p)
        if is_significant and self.difference.interval.mean > 0:
            return "better"
        if self.is_no_worse:
            return "no worse"
        return "worse" if is_significant else "not shown"

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        return improvement_verdict(self.outcome, self.before, self.after, self.difference, self.margin)

    def to_json(self) -> dict[str, Any]:
        """Return plain values; the bounds are None for a single photograph."""
        bounds = [None if np.isnan(value) else float(value) for value in self.difference.interval]
        wins, ties, losses = self.difference.wins, self.difference.ties, self.difference.losses
        return {
            "outcome": self.outcome,
            "verdict": self.sentence,
            "before": self.before,
            "after": self.after,
            "difference": dict(zip(("mean", "low", "high"), bounds, strict=True)),
            "p": self.difference.p,
            "margin": self.margin,
            "n": wins + ties + losses,
            "better": wins,
            "worse": losses,
        }


def checked_margin(margin: float, column: Column = IOU) -> float:
    """Return a margin in a score.

    Raises:
        InputError: if it cannot be one.
    """
    if not 0 < margin <= column.largest_margin:
        bounds = f"above 0 and up to {column.largest_margin:g}, such as {column.margin:g}"
        raise InputError(f"The margin cannot be {margin:g}; give a loss in {column.title} {bounds}.")
    return float(margin)


def improvement(before: Evaluation, after: Evaluation, margin: float) -> Improvement:
    """Compare two evaluations on the same photographs, each model at its own threshold.

    Raises:
        ValueError: if they are of different photographs.
    """
    if before.ids != after.ids:
        raise ValueError("before and after were scored on different photographs")
    return improvement_of(before.scores()["iou"], after.scores()["iou"], margin)


def improvement_of(before: Sequence[float] | np.ndarray, after: Sequence[float] | np.ndarray, margin: float) -> Improvement:
    """Compare the IoU (N,) before and after, of the same photographs in the same order.

    No worse within the margin is as `seg_core.evaluation.confidence.no_worse`.
    """
    scores = np.asarray(after, np.float64)
    difference = paired_difference(scores, before)
    (p,) = no_worse((scores - before)[:, None], [difference.interval], margin)
    return Improvement(float(np.mean(before)), float(scores.mean()), difference, margin, p < SIGNIFICANCE_LEVEL)
