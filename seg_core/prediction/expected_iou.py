"""The IoU that a mask may be expected to have, and a bound that most masks reach: learnt where the truth is known.

A model's probabilities alone say which masks are doubtful (`soft_iou`), but not how good they are: most models are surer than
they should be. On photographs that did not train the model, `fit` learns what IoU goes with which soft IoU.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from seg_core.metrics import THRESHOLDED_IOU_FROM

if TYPE_CHECKING:
    from seg_core.prediction.metadata import ExpectedIouValues

STEPS = 51
"""Soft IoU, from 0 to 1 in equal steps, for which a model keeps the expected IoU."""
COVERAGE = 0.9
"""Share of the photographs whose IoU reaches the bound."""
LEAST = 20
"""Photographs that a fit needs."""
LOOK_BELOW = THRESHOLDED_IOU_FROM
"""Masks whose bound is lower are to be looked at, unless somebody says otherwise."""
_FOLDS = 10
_LEAST_WIDTH = 0.02
"""So that a few perfect masks do not promise that all others like them are."""
_GRID = np.linspace(0, 1, STEPS)


class ExpectedIou(NamedTuple):
    """The expected IoU of a mask, 0 to 1, and the bound that 90 % of such masks reach."""

    mean: float
    low: float
    unlike: bool = False
    """True if the photograph is unlike those that trained the model, so that neither may hold."""

    @property
    def at_least(self) -> str:
        """The bound with two digits, rounded down, so that it is not said to be higher than it is."""
        return f"{math.floor(100 * self.low + 1e-6) / 100:.2f}"

    def words(self, look_below: float = LOOK_BELOW) -> str:
        """Say both, and what is doubtful: ``expected IoU 0.84, at least 0.61: look at this one``."""
        doubt = ": look at this one" if self.is_doubtful(look_below) else ""
        why = ", since the photograph is unlike those that trained the model" if self.unlike else ""
        return f"expected IoU {self.mean:.2f}, at least {self.at_least}{doubt}{why}"

    def is_doubtful(self, look_below: float = LOOK_BELOW) -> bool:
        """True if somebody should look at the mask: its IoU may be below a limit, or the photograph is an unlike one."""
        return self.low < look_below or self.unlike


def soft_iou(probabilities: np.ndarray, threshold: float) -> float:
    """Return the IoU, 0 to 1, that a mask would be expected to have if the probabilities were right.

    It is the Soft Dice Confidence as IoU: the Dice of the mask with the probabilities instead of a truth (Borges et al., 2024,
    arXiv:2402.10665).

    Args:
        probabilities: (h, w) float32 in [0, 1].
        threshold: the mask is where they are at least this much. An empty mask has a soft IoU of 0.
    """
    mask = probabilities >= threshold
    both = float(probabilities.sum(dtype=float, where=mask))
    either = float(probabilities.sum(dtype=float)) + int(mask.sum()) - both
    return both / either if either else 0.0


def expected_iou(values: ExpectedIouValues, soft: float) -> ExpectedIou:
    """Look up what is expected of a mask with a soft IoU."""
    return ExpectedIou(float(np.interp(soft, _GRID, values["mean"])), float(np.interp(soft, _GRID, values["low"])))


def reached(values: ExpectedIouValues, soft: np.ndarray, iou: np.ndarray) -> np.ndarray:
    """Return for which masks, with soft IoU (N,) and IoU (N,), the bound holds: (N,) bool."""
    held: np.ndarray = iou >= np.interp(soft, _GRID, values["low"])
    return held


def fit(soft: np.ndarray, iou: np.ndarray, dataset: str) -> ExpectedIouValues | None:
    """Learn which IoU goes with which soft IoU; return None for fewer than `LEAST` photographs.

    The expected IoU is a rising curve (isotonic regression), which falls to 0 below the lowest soft IoU that was seen. The bound
    lies below it, by more where the IoU varies more, so far that 90 % of the photographs reach it, each judged by a curve that
    was fitted to others: cross-conformal prediction (Vovk, 2015) with residuals divided by their usual size (Lei et al., 2018).
    It holds for photographs like these.

    Args:
        soft, iou: (N,) of masks of photographs that did not train the model.
        dataset: name of the dataset that they are of.
    """
    count = len(soft)
    if count < LEAST:
        return None
    fold = np.argsort(np.argsort(soft, kind="stable")) % _FOLDS  # each has masks of every soft IoU
    held_out = np.empty(count)
    for left_out in (fold == each for each in range(_FOLDS)):
        held_out[left_out] = _expected(soft[~left_out], iou[~left_out], soft[left_out])
    short = held_out - iou
    width, width_of = (_LEAST_WIDTH - _curve(soft, -np.abs(short), at) for at in (soft, _GRID))
    far = np.sort(short / width)[math.ceil(COVERAGE * (count + 1)) - 1]
    mean = _expected(soft, iou, _GRID)
    low = np.clip(mean - far * width_of, 0, mean)
    return {"dataset": dataset, "photographs": count, "mean": mean.round(4).tolist(), "low": low.round(4).tolist()}


def _expected(soft: np.ndarray, iou: np.ndarray, at: np.ndarray) -> np.ndarray:
    lowest = soft.min()
    expected: np.ndarray = _curve(soft, iou, at) * (np.minimum(at / lowest, 1) if lowest else 1)
    return expected


def _curve(x: np.ndarray, y: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Return the rising curve that is nearest to points, at some places: straight between the middles of its steps."""
    from scipy.optimize import isotonic_regression

    order = np.argsort(x, kind="stable")
    found = isotonic_regression(y[order])
    starts = found.blocks[:-1]
    middles = np.add.reduceat(x[order], starts) / np.diff(found.blocks)
    curve: np.ndarray = np.interp(at, middles, found.x[starts])
    return curve
