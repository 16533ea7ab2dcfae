"""Scoring a checkpoint on a split, each image at its stored resolution, as the ISIC challenge does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from seg_core import metrics
from seg_core.checkpoint import Checkpoint
from seg_core.data.folders import Pair
from seg_core.errors import InputError
from seg_core.image import read_mask

METRICS = ("accuracy", "iou", "dice", "sensitivity", "specificity", "thresholded_iou")


@dataclass(frozen=True)
class Evaluation:
    """Scores of one checkpoint: ``images`` by id, then by metric name, each in [0, 1]."""

    images: dict[str, dict[str, float]]

    @property
    def means(self) -> dict[str, float]:
        """The mean over images of every metric."""
        return {name: sum(image[name] for image in self.images.values()) / len(self.images) for name in METRICS}


def evaluate(checkpoint: Checkpoint, pairs: Sequence[Pair], on_progress: Callable[[int, int], None] | None = None) -> Evaluation:
    """Predict every photograph, scale the mask to the stored size of its truth, and score it there.

    Raises:
        InputError: if there are no pairs, a file cannot be read, or a mask differs in size from its photograph.
    """
    if not pairs:
        raise InputError("There are no photographs to evaluate on; choose another split or dataset.")
    images = {}
    for done, pair in enumerate(pairs, start=1):
        truth, _ = read_mask(pair.mask)
        prediction = checkpoint.predict(pair.image)
        if truth.shape[::-1] != prediction.size:
            raise InputError(f"{pair.image.name} and {pair.mask.name} differ in size; export the mask at the photograph's size.")
        images[pair.id] = {name: float(value) for name, value in metrics.all_metrics(prediction.mask(), truth).items()}
        if on_progress:
            on_progress(done, len(pairs))
    return Evaluation(images)
