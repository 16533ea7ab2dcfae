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
    """One minus the IoU as a function of the errors of probabilities (Lovász extension, Berman et al., 2018), mean over images.

    In the order of their errors |p - truth|, the largest first, each pixel is weighted by what it takes off the IoU when it is
    wrong beside all before it. On probabilities of 0 and 1 it is one minus the IoU itself; an image without lesion counts its
    largest probability.
    """
    errors, order = (masks - logits.sigmoid()).abs().flatten(1).sort(dim=1, descending=True)
    truth = masks.flatten(1).gather(1, order)
    lesion, found = truth.sum(dim=1, keepdim=True), truth.cumsum(dim=1)
    lost = 1 - (lesion - found) / (lesion + (1 - truth).cumsum(dim=1))
    return (errors * lost.diff(dim=1, prepend=lost.new_zeros(len(lost), 1))).sum(dim=1).mean()


def bce_lovasz(logits: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """The sum of `bce`, and of `lovasz` on every other pixel of every other row: sorting all would cost a tenth of a step."""
    return bce(logits, masks) + lovasz(logits[..., ::2, ::2], masks[..., ::2, ::2])


LOSSES: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "bce": bce,
    "bce-dice": bce_dice,
    "bce-lovasz": bce_lovasz,
}
