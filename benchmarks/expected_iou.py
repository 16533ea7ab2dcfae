"""How well a model knows which of its masks are good: their order, and on how many photographs the bound of the IoU holds.

python -m benchmarks.expected_iou CHECKPOINT --data DIR [--data DIR …] [--split all]
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.stats import spearmanr

from seg_core.data.dataset import Dataset, open_dataset
from seg_core.evaluation.evaluate import evaluate
from seg_core.metrics import THRESHOLDED_IOU_FROM
from seg_core.prediction.checkpoint import Checkpoint, load_checkpoint
from seg_core.prediction.expected_iou import LOOK_BELOW, expected_iou, fit, reached

DRAWS = 50
"""Draws of the half of a source that the bound is learnt on."""

Masks = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Soft IoU, IoU, and whether the photograph is unlike those that trained the model, each (N,)."""


def main() -> None:
    """Print one line for each source, then a table of where a bound was learnt and where it held."""
    parser = argparse.ArgumentParser(description="Measure how well a model knows which of its masks are good.")
    parser.add_argument("checkpoint")
    parser.add_argument("--data", required=True, action="append", help="a dataset folder; may be repeated")
    parser.add_argument("--split", default="all")
    options = parser.parse_args()
    model = load_checkpoint(options.checkpoint)
    learnt = model.metadata["expected_iou"]
    sources = {dataset.name: masks_of(model, dataset, options.split) for dataset in map(open_dataset, options.data)}
    for name, masks in sources.items():
        print(f"{model.label} on {name}: {described(model, masks)}")
    print(f"\nThe bound held on, in percent; its own was learnt on {learnt['photographs']} photographs of {learnt['dataset']}:")
    print("learnt on".ljust(24), *(name.rjust(20) for name in sources))
    print("its own".ljust(24), *(f"{100 * reached(learnt, soft, iou).mean():20.1f}" for soft, iou, _ in sources.values()))
    for first in sources:
        print(first.ljust(24), *(f"{100 * np.mean(held(sources[first], sources[second])):20.1f}" for second in sources))


def masks_of(model: Checkpoint, dataset: Dataset, split: str) -> Masks:
    """Predict the photographs of a dataset that did not train the model."""
    known = set(model.metadata["dataset"].get("train_ids") or [])
    pairs = [pair for pair in dataset.pairs_of(split, model.config.split_spec) if pair.id not in known]
    unlike: list[bool] = []
    found = evaluate(
        model, pairs, on_prediction=lambda _, made: unlike.append(bool(made.expected_iou and made.expected_iou.unlike))
    )
    marked = ~found.both_empty()
    return found.soft_iou()[marked], found.scores()["iou"][marked], np.array(unlike)[marked]


def described(model: Checkpoint, masks: Masks) -> str:
    """Return what the model's own estimate is worth on a source, in a sentence."""
    soft, iou, unlike = masks
    low = np.array([expected_iou(model.metadata["expected_iou"], each).low for each in soft])
    looked, bad = (low < LOOK_BELOW) | unlike, iou < THRESHOLDED_IOU_FROM
    surest, rank = np.argsort(-soft)[: len(soft) * 3 // 4], spearmanr(soft, iou).statistic
    return (
        f"{len(soft):,} masks, mean IoU {iou.mean():.3f}, of the surest three quarters {iou[surest].mean():.3f}, "
        f"rank correlation {rank:.2f}; 'look at this one' of {looked.mean():.0%}, and of {looked[bad].mean():.0%} of the "
        f"{bad.sum()} below {THRESHOLDED_IOU_FROM}; {unlike.mean():.0%} are unlike those that trained it"
    )


def held(learnt_on: Masks, judged_on: Masks) -> list[float]:
    """Return on which share of a source a bound holds, by draws of the half of one that it is learnt on; of that, on the rest."""
    random = np.random.default_rng(0)
    shares: list[float] = []
    for _ in range(DRAWS):
        half, other = np.array_split(random.permutation(len(learnt_on[0])), 2)
        bound = fit(learnt_on[0][half], learnt_on[1][half], "half")
        rest = other if learnt_on is judged_on else slice(None)
        shares.append(float(np.mean(reached(bound, judged_on[0][rest], judged_on[1][rest]))) if bound else np.nan)
    return shares


if __name__ == "__main__":
    main()
