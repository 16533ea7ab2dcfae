"""How well a model's own estimate of the IoU puts its masks in order: the doubtful ones first.

python -m benchmarks.doubt CHECKPOINT --data DIR [--split all]
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.stats import spearmanr

from seg_core.data.dataset import open_dataset
from seg_core.evaluation.evaluate import evaluate
from seg_core.prediction.checkpoint import load_checkpoint

BAD = 0.5
"""A mask of a lower IoU is bad."""


def main() -> None:
    """Print the rank correlation of expected and true IoU, and how many bad masks are in the most doubtful quarter."""
    parser = argparse.ArgumentParser(description="Measure how well the expected IoU puts masks in order.")
    parser.add_argument("checkpoint")
    parser.add_argument("--data", required=True, help="a dataset folder")
    parser.add_argument("--split", default="all")
    options = parser.parse_args()
    model, dataset = load_checkpoint(options.checkpoint), open_dataset(options.data)
    pairs = dataset.pairs_of(options.split, model.config.split_spec)
    evaluation = evaluate(model, pairs)
    iou, expected = evaluation.scores()["iou"], evaluation.soft_iou()
    first = np.argsort(expected)[: round(len(pairs) / 4)]
    others = np.setdiff1d(np.arange(len(pairs)), first)
    rank = spearmanr(expected, iou).statistic
    print(
        f"{model.label} on {len(pairs):,} photographs of {dataset.name}: rank correlation {rank:.2f}; "
        f"IoU {iou[first].mean():.3f} in the most doubtful quarter, {iou[others].mean():.3f} in the others; "
        f"of {(iou < BAD).sum()} masks below {BAD}, {(iou[first] < BAD).sum()} are in that quarter"
    )


if __name__ == "__main__":
    main()
