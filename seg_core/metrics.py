"""Segmentation metrics per image, by the rules of the ISIC challenge.

Every function takes boolean masks of shape (..., H, W), NumPy arrays or torch tensors alike, and returns one value per
image, shape (...), in [0, 1]. Averages over images are taken by the caller, never over pooled pixels.

Where a ratio is 0/0 (no lesion in the truth and none predicted, say) it scores 1, as in the challenge's own scoring code
(isic-challenge-scoring, ``metrics.py``).
"""

from __future__ import annotations

from typing import Any, NamedTuple

Masks = Any  # numpy.ndarray or torch.Tensor of dtype bool; both know sum(axis=…), &, ~ and arithmetic

THRESHOLDED_IOU_FROM = 0.65
"""Below this IoU an image counts as failed (ISIC 2018 Task 1 rules)."""


class Counts(NamedTuple):
    """Pixels of each image by outcome, each of shape (...)."""

    true_positive: Masks
    false_positive: Masks
    false_negative: Masks
    true_negative: Masks


def counts(prediction: Masks, truth: Masks) -> Counts:
    """Count the pixels of boolean masks (..., H, W) per image.

    Raises:
        ValueError: if the masks differ in shape.
    """
    _require_same_shape(prediction, truth)
    return Counts(
        *(
            pixels.sum(axis=(-2, -1))
            for pixels in (prediction & truth, prediction & ~truth, ~prediction & truth, ~prediction & ~truth)
        )
    )


def _require_same_shape(prediction: Masks, truth: Masks) -> None:
    if prediction.shape != truth.shape:
        raise ValueError(f"masks of different shape: prediction {tuple(prediction.shape)}, truth {tuple(truth.shape)}")


def _ratio(part: Masks, whole: Masks) -> Masks:
    empty = whole == 0
    return (part + empty) / (whole + empty)


def accuracy(prediction: Masks, truth: Masks) -> Masks:
    """Share of pixels that are right."""
    return _accuracy(counts(prediction, truth))


def iou(prediction: Masks, truth: Masks) -> Masks:
    """Intersection over union, the Jaccard index."""
    return _iou(counts(prediction, truth))


def dice(prediction: Masks, truth: Masks) -> Masks:
    """Dice coefficient, the F1 score of the lesion's pixels."""
    return _dice(counts(prediction, truth))


def sensitivity(prediction: Masks, truth: Masks) -> Masks:
    """Share of the lesion's pixels that are found."""
    return _sensitivity(counts(prediction, truth))


def specificity(prediction: Masks, truth: Masks) -> Masks:
    """Share of the pixels outside the lesion that are left out."""
    return _specificity(counts(prediction, truth))


def thresholded_iou(prediction: Masks, truth: Masks) -> Masks:
    """IoU, with 0 for an image below 0.65 (ISIC 2018 Task 1)."""
    return _thresholded(iou(prediction, truth))


def all_metrics(prediction: Masks, truth: Masks) -> dict[str, Masks]:
    """The six metrics of an evaluation, from one count of the pixels: name to values per image."""
    return from_counts(counts(prediction, truth))


def from_counts(outcome: Counts) -> dict[str, Masks]:
    """The six metrics of an evaluation from counted pixels of any shape: name to values of that shape."""
    overlap = _iou(outcome)
    return {
        "accuracy": _accuracy(outcome),
        "iou": overlap,
        "dice": _dice(outcome),
        "sensitivity": _sensitivity(outcome),
        "specificity": _specificity(outcome),
        "thresholded_iou": _thresholded(overlap),
    }


def report_iou(prediction: Masks, truth: Masks) -> Masks:
    """IoU on the scale of the student report: per pixel column, an empty column counting 1, then averaged over the columns.

    Only for setting a run beside the report's figures; it rates an empty prediction at the share of columns without lesion.
    """
    both, either, _ = _columns(prediction, truth)
    return _ratio(both, either).mean(axis=-1)


def report_dice(prediction: Masks, truth: Masks) -> Masks:
    """Dice on the scale of the student report, column by column as `report_iou`."""
    both, _, total = _columns(prediction, truth)
    return _ratio(2 * both, total).mean(axis=-1)


def _columns(prediction: Masks, truth: Masks) -> tuple[Masks, Masks, Masks]:
    _require_same_shape(prediction, truth)
    both, either = (prediction & truth).sum(axis=-2), (prediction | truth).sum(axis=-2)
    return both, either, both + either


def _accuracy(c: Counts) -> Masks:
    right = c.true_positive + c.true_negative
    return _ratio(right, right + c.false_positive + c.false_negative)


def _iou(c: Counts) -> Masks:
    return _ratio(c.true_positive, c.true_positive + c.false_positive + c.false_negative)


def _dice(c: Counts) -> Masks:
    return _ratio(2 * c.true_positive, 2 * c.true_positive + c.false_positive + c.false_negative)


def _sensitivity(c: Counts) -> Masks:
    return _ratio(c.true_positive, c.true_positive + c.false_negative)


def _specificity(c: Counts) -> Masks:
    return _ratio(c.true_negative, c.true_negative + c.false_positive)


def _thresholded(overlap: Masks) -> Masks:
    return overlap * (overlap >= THRESHOLDED_IOU_FROM)
