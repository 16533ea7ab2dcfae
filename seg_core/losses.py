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


LOSSES: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {"bce": bce, "bce-dice": bce_dice}
