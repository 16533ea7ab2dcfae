"""Segmentation metrics per image, by the rules of the ISIC challenge.

Every function takes boolean masks of shape (..., H, W), NumPy arrays or torch tensors, and returns one value per image, shape
(...), in [0, 1]. The caller averages over images; pixels of several images are never pooled.

A ratio of 0/0, such as with no lesion in the truth and none predicted, scores 1, as in the challenge's own scoring code
(isic-challenge-scoring, ``metrics.py``).
"""

from __future__ import annotations

from typing import Any, NamedTuple

Masks = Any  # numpy.ndarray or torch.Tensor of dtype bool; both know sum(axis=…), &, ~ and arithmetic

THRESHOLDED_IOU_FROM = 0.65
"""Below this IoU an image counts as failed (ISIC 2018 Task 1 rules)."""

MEANINGS = {
    "iou": "Intersection over union: pixels in both the mask and the truth, as a share of those in either. 1 is a perfect match.",
    "dice": "Twice the pixels in both the mask and the truth, divided by the sum of their areas; never lower than IoU.",
    "thresholded_iou": "IoU, where a photograph below 0.65 counts as 0: the score of the ISIC challenge of 2018.",
    "accuracy": "Share of all pixels that are right; high even for a poor mask where the lesion is small.",
    "sensitivity": "Share of the lesion that is marked.",
    "specificity": "Share of the other skin that is left unmarked.",
    "boundary_iou": "IoU of two narrow bands along the outlines of mask and truth: how well the edges agree.",
    "hausdorff_95": "95th percentile of the distance between the outlines of mask and truth (Hausdorff), as a share of the "
    "photograph's diagonal. Lower is better.",
    "area_similarity": "1 less the difference of the two areas as a share of their sum: whether as much is marked as there is, "
    "wherever it lies. 1 is the same area.",
    "surface_dice": "Share of both outlines that lies within 1 % of the photograph's diagonal of the other (normalised surface "
    "Dice). 1 where no part is farther apart.",
    "hausdorff_px": "Largest distance between the outlines of mask and truth (Hausdorff), in pixels of the photograph. Lower is "
    "better; one stray pixel decides it.",
    "hausdorff_95_px": "HD95 in pixels of the photograph. Lower is better.",
    "lesion_f1": "F1 score of whole lesions: one is found where a marked region overlaps it with an IoU above 0.5. It falls with "
    "each lesion that is missed and each region marked elsewhere.",
    "auroc": "Chance that a pixel of the lesion gets a higher probability than one of other skin (area under the ROC curve). It "
    "needs no threshold, and is undefined where a photograph shows no lesion or nothing else.",
    "average_precision": "Precision of the marked pixels, averaged over all thresholds by the share of the lesion that each adds "
    "(area under the precision-recall curve). Undefined where a photograph shows no lesion or nothing else.",
    "parameters": "Numbers that the model consists of, in millions.",
    "multiply_adds": "Billions of multiplications with additions that one photograph takes.",
    "milliseconds": "Time that one photograph takes on this machine, on all cores.",
}
"""What scores and costs mean, for tooltips."""


class Counts(NamedTuple):
    """Pixels of each image by outcome, each of shape (...)."""

    true_positive: Masks
    false_positive: Masks
    false_negative: Masks
    true_negative: Masks


def counts(prediction: Masks, truth: Masks) -> Counts:
    """Count the pixels of each image by outcome, from boolean masks (..., H, W).

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
    """Share of pixels that are classified correctly."""
    return _accuracy(counts(prediction, truth))


def iou(prediction: Masks, truth: Masks) -> Masks:
    """Intersection over union: the Jaccard index."""
    return _iou(counts(prediction, truth))


def dice(prediction: Masks, truth: Masks) -> Masks:
    """Dice coefficient: the F1 score of lesion pixels."""
    return _dice(counts(prediction, truth))


def sensitivity(prediction: Masks, truth: Masks) -> Masks:
    """Share of lesion pixels that are predicted as lesion: the recall."""
    return _sensitivity(counts(prediction, truth))


def specificity(prediction: Masks, truth: Masks) -> Masks:
    """Share of pixels outside the lesion that are predicted as such."""
    return _specificity(counts(prediction, truth))


def thresholded_iou(prediction: Masks, truth: Masks) -> Masks:
    """IoU, with 0 for an image below 0.65 (ISIC 2018 Task 1)."""
    return _thresholded(iou(prediction, truth))


def area_similarity(prediction: Masks, truth: Masks) -> Masks:
    """1 − |A − B| / (A + B) for the areas of both masks: the volume similarity of Taha & Hanbury (2015), wherever they lie."""
    return area_similarity_from_counts(counts(prediction, truth))


def area_similarity_from_counts(c: Counts) -> Masks:
    """As `area_similarity`, from counts of any shape, as values of that shape."""
    areas = 2 * c.true_positive + c.false_positive + c.false_negative
    return _ratio(areas - abs(c.false_positive - c.false_negative), areas)


def all_metrics(prediction: Masks, truth: Masks) -> dict[str, Masks]:
    """Return the six metrics of an evaluation by name, as one value per image; pixels are counted once."""
    return from_counts(counts(prediction, truth))


def from_counts(outcome: Counts) -> dict[str, Masks]:
    """Return the six metrics of an evaluation by name, from counts of any shape, as values of that shape."""
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
    """IoU as computed in the student report: per pixel column, where an empty column scores 1, then averaged over columns.

    Only for comparison with the figures of the student report: an empty prediction scores the share of columns without lesion.
    """
    both, either, _ = _columns(prediction, truth)
    return _ratio(both, either).mean(axis=-1)


def report_dice(prediction: Masks, truth: Masks) -> Masks:
    """Dice as computed in the student report, column by column as in `report_iou`."""
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
