"""Loss functions on logits and masks (B, 1, H, W); masks hold 0 and 1.

To add a loss, write its function here, add it to `LOSSES`, and add its name to ``Config.loss``.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional as F

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def bce(logits: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy, averaged over all pixels."""
    return F.binary_cross_entropy_with_logits(logits, masks)


def soft_dice(logits: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """One minus the Dice coefficient of probabilities, per image, then averaged (Milletari et al., 2016, but with plain sums)."""
    probabilities = logits.sigmoid()
    intersection = (probabilities * masks).sum(dim=(1, 2, 3))
    total = probabilities.sum(dim=(1, 2, 3)) + masks.sum(dim=(1, 2, 3))
    return (1 - (2 * intersection + 1) / (total + 1)).mean()


def bce_dice(logits: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """Sum of `bce` and `soft_dice`."""
    return bce(logits, masks) + soft_dice(logits, masks)


def lovasz(logits: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """Lovász extension of one minus the IoU, on probabilities, per image, then averaged (Berman et al., 2018).

    Pixels are sorted by their error |probability - truth|, largest first. Each is weighted by the IoU that is lost when it is
    wrong in addition to all before it. For probabilities of 0 and 1 the result is one minus the IoU itself; for an image without
    lesion it is the largest probability.
    """
    errors, order = (masks - logits.sigmoid()).abs().flatten(1).sort(dim=1, descending=True)
    truth = masks.flatten(1).gather(1, order)
    lesion, missed = truth.sum(dim=1, keepdim=True), truth.cumsum(dim=1)
    jaccard_loss = 1 - (lesion - missed) / (lesion + (1 - truth).cumsum(dim=1))
    weights = jaccard_loss.diff(dim=1, prepend=jaccard_loss.new_zeros(len(jaccard_loss), 1))
    return (errors * weights).sum(dim=1).mean()


def bce_lovasz(logits: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """Sum of `bce`, and of `lovasz` on every other pixel of every other row: sorting all would cost a tenth of a step."""
    return bce(logits, masks) + lovasz(logits[..., ::2, ::2], masks[..., ::2, ::2])


LOSSES: dict[str, Loss] = {
    "bce": bce,
    "bce-dice": bce_dice,
    "bce-lovasz": bce_lovasz,
}
"""The loss of each name that ``Config.loss`` takes."""
