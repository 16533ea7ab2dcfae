"""Calibration of a model to one way of outlining: the threshold that fits some photographs, and what it gains on others.

Hospitals outline differently, some close to the dark part, some wide around it. A model trained on the masks of one often finds
the lesions of another and draws them too wide or too narrow; another threshold mends that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seg_core.errors import InputError
from seg_core.evaluation.confidence import Difference, paired_difference
from seg_core.evaluation.result import Evaluation
from seg_core.evaluation.verdict import calibration_verdict

LEAST = 10
"""Photographs with a lesion that a calibration needs."""
MOST_FOLDS = 50
"""Folds of the cross-validation: up to as many photographs, each one is left out by itself."""


@dataclass(frozen=True)
class Calibration:
    """The threshold that fits some photographs, and what choosing one so gains."""

    ids: tuple[str, ...]
    """The photographs that it was chosen on."""
    without_lesion: int
    """Photographs that were left out, since the truth has no lesion there: they say nothing of how one is outlined."""
    before: float
    """The model's own threshold."""
    threshold: float
    """The one that fits; the same where none gains on photographs that it was not chosen on."""
    gain: Difference
    """IoU on each photograph at the threshold chosen on the others, against that at the model's own."""

    @property
    def is_new(self) -> bool:
        """True if the threshold is another one."""
        return self.threshold != self.before

    @property
    def is_worth_it(self) -> bool:
        """True if another threshold was found and its gain is statistically significant."""
        return self.is_new and self.gain.is_significant(self.gain.p)

    @property
    def sentence(self) -> str:
        """What was found, in words."""
        return calibration_verdict(self.before, self.threshold, len(self.ids), self.gain)


def calibrate(evaluation: Evaluation) -> Calibration:
    """Choose the threshold by mean IoU, and measure its gain by cross-validation: chosen on the others, scored on those left out.

    Candidates are the thresholds that were counted: the hundredths, and the model's own, which stays where the gain is none.

    Raises:
        InputError: if fewer than `LEAST` photographs have a lesion.
    """
    outlined = evaluation.lesion > 0
    iou = evaluation.scores_by_threshold("iou")[outlined]
    count = len(iou)
    if count < LEAST:
        raise InputError(
            f"A calibration needs at least {LEAST} photographs whose mask has a lesion, and there are {count}; outline more."
        )
    before = evaluation.index()
    fold = np.arange(count) % min(count, MOST_FOLDS)
    held_out = np.empty(count)
    for left_out in (fold == each for each in range(fold.max() + 1)):
        held_out[left_out] = iou[left_out, _choose(iou[~left_out], before)]
    gain = paired_difference(held_out, iou[:, before])
    return Calibration(
        ids=tuple(id for id, has_lesion in zip(evaluation.ids, outlined, strict=True) if has_lesion),
        without_lesion=len(outlined) - count,
        before=evaluation.model_threshold,
        threshold=float(evaluation.thresholds[_choose(iou, before) if gain.interval.mean > 0 else before]),
        gain=gain,
    )


def _choose(iou: np.ndarray, before: int) -> int:
    """Return the column of the threshold for IoU (N, T): on the way from ``before`` to the best one, the first that is as good.

    As good is a mean that falls short of the best one by no more than the standard error of this difference, over photographs
    (the one-standard-error rule of Breiman et al., 1984). With few photographs the best threshold is mostly chance.
    """
    best = int(iou.mean(axis=0).argmax())
    short = iou[:, [best]] - iou
    as_good = short.mean(axis=0) <= short.std(axis=0, ddof=1) / np.sqrt(len(iou))
    step = 1 if best >= before else -1
    return next(column for column in range(before, best + step, step) if as_good[column])
