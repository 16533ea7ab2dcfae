"""Loss functions on logits and masks (B, 1, H, W), masks of 0 and 1."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional as F


def bce(logits: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy, averaged over all pixels."""
    return F.binary_cross_entropy_with_logits(logits, masks)


def soft_dice(logits: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """One minus the Dice coefficient on probabilities, per image, then averaged (Milletari et al., 2016, but with plain sums)."""
    probabilities = logits.sigmoid()
    both = (probabilities * masks).sum(dim=(1, 2, 3))
    total = probabilities.sum(dim=(1, 2, 3)) + masks.sum(dim=(1, 2, 3))
    return (1 - (2 * both + 1) / (total + 1)).mean()


def bce_dice(logits: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """The sum of `bce` and `soft_dice`."""
    return bce(logits, masks) + soft_dice(logits, masks)


def lovasz(logits: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """The Lovász extension of one minus the IoU, per image, then averaged (Berman et al., 2018).

    Its errors are those of the probabilities, |p - truth|: pixels in the order of their errors, the largest first, each weighted
    by what it takes off the IoU when it is got wrong beside all those before it.
    """
    return _lovasz((masks - logits.sigmoid()).abs(), masks)


def lovasz_hinge(logits: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """As `lovasz`, with hinge errors of the logits."""
    return _lovasz((1 - logits * (2 * masks - 1)).relu(), masks)


def _lovasz(errors: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    errors, order = errors.flatten(1).sort(dim=1, descending=True)
    truth = masks.flatten(1).gather(1, order)
    lesion, seen = truth.sum(dim=1, keepdim=True), truth.cumsum(dim=1)
    jaccard = 1 - (lesion - seen) / (lesion + (1 - truth).cumsum(dim=1))
    return (errors * jaccard.diff(dim=1, prepend=jaccard.new_zeros(len(jaccard), 1))).sum(dim=1).mean()


def bce_lovasz(logits: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """The sum of `bce` and `lovasz`."""
    return bce(logits, masks) + lovasz(logits, masks)


def bce_hinge(logits: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """The sum of `bce` and `lovasz_hinge`."""
    return bce(logits, masks) + lovasz_hinge(logits, masks)


LOSSES: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "bce": bce,
    "bce-dice": bce_dice,
    "bce-lovasz": bce_lovasz,
    "bce-lovasz-hinge": bce_hinge,
}
