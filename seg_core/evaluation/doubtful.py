"""True masks that may be wrong: how far each disagrees with a model that did not train on it, and in what, in words.

The order is by the IoU that the model expects of its mask, less the IoU that the truth has with it. It needs no look at the
pixels, and finds as many planted errors as what does: docs/data.md compares it with the log-loss of the pixels and with the label
quality of cleanlab (Lad & Mueller, 2023, arXiv:2307.05080).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from seg_core.evaluation.result import Evaluation

Kind = Literal["nothing", "another place", "missed region", "further region", "cut", "wide", "narrow", "outline"]

_SURE = 0.8
"""Probability from which a model is sure of a pixel."""
_REGION = 0.1
"""Least share of a mask that is a region of its own."""
_APART = 0.05
"""Most of a region that the other mask may share."""
_OTHER_SIZE = 1.4
"""Factor in area, beyond what is usual in a dataset, from which a mask is much wider or narrower."""
_WITHIN = 0.9
"""Share of the smaller mask that lies within the larger one where only their widths differ."""
_DEEP = 0.2
"""Depth within the model's mask from which an end of a true mask is no matter of where the outline runs, in radii of a disk."""
_STRAIGHT = 0.03
"""Most that a straight edge deviates from a line, as a share of its length."""


@dataclass(frozen=True)
class Doubt:
    """How far a true mask disagrees with the mask of a model that did not see it.

    Attributes:
        expected: the IoU that the model expects of its mask (`seg_core.prediction.expected_iou.soft_iou`).
        iou: the IoU of both.
        evaluation: position of the model's evaluation among those given.
        row: the photograph's position in that.
    """

    expected: float
    iou: float
    evaluation: int
    row: int

    @property
    def gap(self) -> float:
        """By how much the truth agrees less than expected: small where the model itself is unsure."""
        return self.expected - self.iou


def doubts(evaluations: Sequence[Evaluation]) -> list[Doubt]:
    """Rank true masks, those first that are most likely wrong, by evaluations of models on photographs that they did not see.

    A photograph that several scored counts by the first. Those where neither the truth nor the model marks anything agree.
    """
    found: dict[str, Doubt] = {}
    for place, evaluation in enumerate(evaluations):
        soft, iou, agree = evaluation.soft_iou(), evaluation.scores()["iou"], evaluation.both_empty()
        for row, id in enumerate(evaluation.ids):
            expected = 1.0 if agree[row] else float(soft[row])
            found.setdefault(id, Doubt(expected, float(iou[row]), place, row))
    return sorted(found.values(), key=lambda doubt: -doubt.gap)


def usual_size(evaluations: Sequence[Evaluation]) -> float:
    """Return the median area of a true mask as a multiple of the model's mask; 1 where there is none of both."""
    areas = [(each.lesion, _marked(each)) for each in evaluations]
    truth, mask = (np.concatenate(each) for each in zip(*areas, strict=True))
    both = (truth > 0) & (mask > 0)
    return float(np.median(truth[both] / mask[both])) if both.any() else 1.0


def _marked(evaluation: Evaluation) -> np.ndarray:
    """Pixels (N,) of the model's masks."""
    column = evaluation.index()
    marked: np.ndarray = evaluation.true_positive[:, column] + evaluation.false_positive[:, column]
    return marked


@dataclass(frozen=True)
class Reason:
    """In what a true mask disagrees with a model's mask: a kind, and a sentence with the size of it."""

    kind: Kind
    words: str


def reason(truth: np.ndarray, probability: np.ndarray, threshold: float, usual: float) -> Reason:
    """Say in what a true mask disagrees with a model.

    Args:
        truth: (H, W) bool.
        probability: (H, W) in [0, 1]; it reaches the threshold somewhere.
        threshold: the model's mask is where they are at least this much.
        usual: area of a true mask as a multiple of the model's mask, usual in the dataset: some outline wider than others.
    """
    mask = probability >= threshold
    own, models, both = int(truth.sum()), int(mask.sum()), int((truth & mask).sum())
    if not own:
        return Reason("nothing", f"Marks nothing, where the model's mask takes {mask.mean():.0%} of the photograph.")
    if both < min(own, models) / 2:
        return Reason("another place", f"Outlines another place: {both / own:.0%} of it lies within the model's mask.")
    if missed := _regions_apart(probability >= max(threshold, _SURE), truth, models):
        return Reason("missed region", f"Misses a region, {missed / models:.0%} of the model's mask, of which the model is sure.")
    if further := _regions_apart(truth, mask, own):
        return Reason("further region", f"Marks a further region, {further / own:.0%} of it, where the model sees none.")
    size = f"{own / models:.1f} times as large as the model's mask"
    if _is_cut(truth, mask):
        return Reason("cut", f"Ends at a straight edge within the lesion: {size}.")
    if own > _OTHER_SIZE * usual * models and both > _WITHIN * models:
        return Reason("wide", f"Much wider than its kind: {size}, where {usual:.1f} is usual.")
    if own * _OTHER_SIZE < usual * models and both > _WITHIN * own:
        return Reason("narrow", f"Much narrower than its kind: {size}, where {usual:.1f} is usual.")
    return Reason("outline", f"Disagrees along the outline: {size}.")


def _regions_apart(mask: np.ndarray, other: np.ndarray, whole: int) -> int:
    """Return the pixels of the connected regions of a mask that another mask leaves out, without small ones."""
    from scipy.ndimage import label

    regions, _ = label(mask)
    sizes, shared = np.bincount(regions.ravel()), np.bincount(regions[other], minlength=int(regions.max()) + 1)
    apart = (sizes >= _REGION * whole) & (shared <= _APART * sizes)
    return int(sizes[1:][apart[1:]].sum())


def _is_cut(truth: np.ndarray, mask: np.ndarray) -> bool:
    """True if a true mask (H, W) ends at a straight line deep within the model's mask (H, W), bool both."""
    from scipy.ndimage import binary_dilation, distance_transform_edt

    radius = (mask.sum() / np.pi) ** 0.5
    deep = distance_transform_edt(mask) > _DEEP * radius
    edge = np.argwhere(truth & deep & binary_dilation(mask & ~truth)).astype(float)
    if len(edge) < radius / 2:
        return False
    edge -= edge.mean(axis=0)
    along, across = (edge @ np.linalg.svd(edge, full_matrices=False)[2].T).T
    length = np.ptp(along)
    return bool(length >= radius / 2 and np.abs(across).max() <= max(1.0, _STRAIGHT * length))
