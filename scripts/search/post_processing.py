"""What could be done with a candidate's masks after they are predicted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from seg_core import metrics
from seg_core.data.dataset import open_dataset
from seg_core.data.folders import Pair
from seg_core.data.truth import read_truth
from seg_core.evaluation.evaluate import evaluate
from seg_core.evaluation.result import Evaluation
from seg_core.prediction.checkpoint import Checkpoint, load_checkpoint
from seg_core.runs.run import Run
from seg_core.runs.store import RunStore

THRESHOLDS = (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6)


def masks_table(runs: Sequence[Run], store: RunStore) -> str:
    """Mean IoU of masks on the validation splits, at stored resolution, post-processed in several ways, as Markdown."""
    scores: dict[str, list[float]] = {}
    for run in runs:
        pairs = open_dataset(run.sources).split(run.config.split_spec).val
        for tta in (False, True):
            model = load_checkpoint(store.folder(run.id) / "last.safetensors", tta=tta)
            evaluation, masks = _evaluated(model, pairs)
            treatment = "with test-time augmentation" if tta else "as they are"
            for threshold in THRESHOLDS:
                scores.setdefault(f"{treatment}, threshold {threshold:g}", []).append(evaluation.means_at(threshold)["iou"])
            truths = [read_truth(pair).mask for pair in pairs]
            for what, change in (("the largest region alone", largest_region), ("holes filled", ndimage.binary_fill_holes)):
                values = [float(metrics.iou(change(mask), truth)) for mask, truth in zip(masks, truths, strict=True)]
                scores.setdefault(f"{treatment}, {what}", []).append(float(np.mean(values)))
    rows = [f"| {treatment} | {np.mean(values):.4f} | {len(values)} |" for treatment, values in scores.items()]
    return "\n".join(["| masks | IoU | runs |", "| --- | --- | --- |", *rows])


def _evaluated(model: Checkpoint, pairs: Sequence[Pair]) -> tuple[Evaluation, list[np.ndarray]]:
    masks: list[np.ndarray] = []
    return evaluate(model, pairs, on_prediction=lambda _, prediction: masks.append(prediction.mask())), masks


def largest_region(mask: np.ndarray) -> np.ndarray:
    """Return a mask (H, W) bool that keeps only its largest connected region."""
    labels, count = ndimage.label(mask)
    largest: np.ndarray = labels == 1 + np.argmax(np.bincount(labels.ravel())[1:]) if count else mask
    return largest
