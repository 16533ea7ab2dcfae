"""Validation after an epoch: mean metrics over the validation split, and a few samples to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch

from seg_core import metrics
from seg_core.data.cache.cached_pairs import CachedPairs
from seg_core.training.batches import Batch
from seg_core.training.events import Sample
from seg_core.training.losses import Loss

SAMPLES = 4
"""Validation photographs whose masks are reported after every epoch."""


class MeanMetrics:
    """Means over images of the loss and of the per-image metrics. Sums stay on the device until `values` reads them."""

    _NAMES = ("loss", "accuracy", "iou", "dice", "report_iou", "report_dice")

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold
        self.images = 0
        self._sums: list[torch.Tensor] = []

    def add(self, loss: torch.Tensor, logits: torch.Tensor, masks: torch.Tensor) -> None:
        """Add a batch: its mean loss, the logits and the masks of 0 and 1, both (B, 1, S, S)."""
        prediction, truth = logits.sigmoid() >= self.threshold, masks > 0.5
        usual = metrics.all_metrics(prediction, truth)
        measured = [usual[name] for name in ("accuracy", "iou", "dice")]
        measured += [metrics.report_iou(prediction, truth), metrics.report_dice(prediction, truth)]
        self.images += len(prediction)
        self._sums.append(torch.stack([loss * len(prediction), *(values.sum() for values in measured)]))

    def values(self) -> dict[str, float]:
        """Return the means by name."""
        means = torch.stack(self._sums).cpu().double().sum(dim=0) / self.images
        return dict(zip(self._NAMES, means.tolist(), strict=True))


@dataclass(frozen=True, eq=False)
class Validation:
    """What a validation measured on N photographs."""

    metrics: dict[str, float]
    """The means of `MeanMetrics`."""
    samples: list[Sample]
    """Up to `SAMPLES` of them, evenly spread."""
    soft_iou: np.ndarray
    """(M,) of those where the mask or the truth marks anything; see `seg_core.prediction.expected_iou`."""
    iou: np.ndarray
    """(M,) likewise."""

    @property
    def iou_margin(self) -> float:
        """Half the width of the 95 % interval of the mean IoU, from two photographs on."""
        return float(1.96 * self.iou.std(ddof=1) / np.sqrt(len(self.iou)))


@torch.no_grad()
def validate(
    model: Callable[[torch.Tensor], torch.Tensor], batches: Iterable[Batch], pairs: CachedPairs, loss: Loss, threshold: float
) -> Validation:
    """Measure a model, which has to be in evaluation mode, on the ``batches`` of the validation ``pairs``."""
    means, samples, each = MeanMetrics(threshold), [], []
    chosen = set(np.linspace(0, len(pairs) - 1, min(SAMPLES, len(pairs))).round().astype(int).tolist())
    for images, masks, indices, _ in batches:
        logits = model(images).float()
        means.add(loss(logits, masks), logits, masks)
        each.append(_each(logits.sigmoid(), masks > 0.5, threshold))
        for position, index in enumerate(indices):
            if index in chosen:
                samples.append(_sample(pairs, index, logits[position, 0]))
    soft, iou, marked = torch.cat(each, dim=1).cpu().double().numpy()
    return Validation(means.values(), samples, soft[marked > 0], iou[marked > 0])


def _each(probabilities: torch.Tensor, truth: torch.Tensor, threshold: float) -> torch.Tensor:
    """Return (3, B) of a batch (B, 1, S, S): soft IoU, IoU, and how many pixels the mask or the truth marks."""
    mask, pixels = probabilities >= threshold, (1, 2, 3)
    both = (probabilities * mask).sum(pixels)
    either = probabilities.sum(pixels) + mask.sum(pixels) - both
    soft = both / either.clamp(min=1e-12)
    return torch.stack([soft, metrics.iou(mask, truth)[:, 0], (mask | truth).sum(pixels)])


def _sample(pairs: CachedPairs, index: int, logits: torch.Tensor) -> Sample:
    photo, truth = pairs[index]
    return Sample(pairs.pairs[index].id, np.array(photo), truth > 0, logits.sigmoid().cpu().numpy())
