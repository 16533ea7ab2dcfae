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
from seg_core.training.ranks import Ranks

SAMPLES = 4
"""Validation photographs whose masks are reported after every epoch."""


class MeanMetrics:
    """Means over images of the loss and of the per-image metrics. Sums stay on the device until `values` reads them.

    Args:
        threshold: lowest probability at which a pixel counts as lesion.
        ranks: the processes whose images count.
    """

    _NAMES = ("loss", "accuracy", "iou", "dice", "report_iou", "report_dice")

    def __init__(self, threshold: float, ranks: Ranks) -> None:
        self.threshold, self._ranks = threshold, ranks
        self._images = 0
        self._sums: list[torch.Tensor] = []

    def add(self, loss: torch.Tensor, logits: torch.Tensor, masks: torch.Tensor) -> None:
        """Add a batch: its mean loss, the logits and the masks of 0 and 1, both (B, 1, S, S)."""
        prediction, truth = logits.sigmoid() >= self.threshold, masks > 0.5
        usual = metrics.all_metrics(prediction, truth)
        measured = [usual[name] for name in ("accuracy", "iou", "dice")]
        measured += [metrics.report_iou(prediction, truth), metrics.report_dice(prediction, truth)]
        self._images += len(prediction)
        self._sums.append(torch.stack([loss * len(prediction), *(values.sum() for values in measured)]))

    def values(self) -> dict[str, float]:
        """Return the means by name."""
        sums = torch.zeros(1 + len(self._NAMES), dtype=torch.float64)
        sums[0] = self._images
        if self._sums:
            sums[1:] = torch.stack(self._sums).cpu().double().sum(dim=0)
        images, *of_names = self._ranks.sum(sums).tolist()
        return {name: value / images for name, value in zip(self._NAMES, of_names, strict=True)}


@dataclass(frozen=True, eq=False)
class Validation:
    """What a validation measured on N photographs."""

    metrics: dict[str, float]
    """The means of `MeanMetrics`."""
    soft_iou: np.ndarray
    """(M,) of those where the mask or the truth marks anything; see `seg_core.prediction.expected_iou`."""
    iou: np.ndarray
    """(M,) likewise."""

    @property
    def iou_margin(self) -> float:
        """Half the width of the 95 % interval of the mean IoU, from two photographs on."""
        return float(1.96 * self.iou.std(ddof=1) / np.sqrt(len(self.iou)))


Model = Callable[[torch.Tensor], torch.Tensor]
"""From normalised photographs (B, 3, S, S) to logits (B, 1, S, S), in evaluation mode."""


@torch.no_grad()
def validate(model: Model, batches: Iterable[Batch], loss: Loss, threshold: float, ranks: Ranks) -> Validation:
    """Measure a model on the ``batches`` of the validation pairs, of which every process has its parts."""
    means, each = MeanMetrics(threshold, ranks), []
    for images, masks, _, _, part in batches:
        logits = model(images).float()
        if part.weight:
            means.add(loss(logits, masks), logits, masks)
        each.append(_each(logits.sigmoid(), masks > 0.5, threshold)[:, : len(masks) if part.weight else 0])
    parts_of_batches = zip(*ranks.gather([values.cpu() for values in each]), strict=True)
    in_order = [torch.cat(parts, dim=1) for parts in parts_of_batches]
    soft, iou, marked = torch.cat(in_order, dim=1).double().numpy()
    return Validation(means.values(), soft[marked > 0], iou[marked > 0])


def sample_indices(count: int) -> list[int]:
    """Return which of ``count`` validation pairs are reported: up to `SAMPLES`, evenly spread."""
    return sorted({*np.linspace(0, count - 1, min(SAMPLES, count)).round().astype(int).tolist()})


@torch.no_grad()
def predict_samples(model: Model, batches: Iterable[Batch], pairs: CachedPairs) -> list[Sample]:
    """Predict the samples, whose ``batches`` are whole."""
    return [
        _sample(pairs, index, logits)
        for batch in batches
        for index, logits in zip(batch.indices, model(batch.images).float()[:, 0], strict=True)
    ]


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
