"""What a calibration on few photographs gains on the others of the same source.

    python -m benchmarks.calibration CHECKPOINT --data DIR [--split all] [--groups lesions.csv:lesion_id]

Photographs are drawn by seed; the threshold is chosen on those, as `lesionlab calibrate` does, and scored on all others, without
those of a lesion that was drawn.
"""

from __future__ import annotations

import argparse

import numpy as np

from seg_core.data.dataset import open_dataset
from seg_core.data.groups import joined, listed_groups
from seg_core.evaluation.bootstrap import mean_interval
from seg_core.evaluation.calibration import Calibration, calibrate
from seg_core.evaluation.evaluate import evaluate
from seg_core.evaluation.result import Evaluation
from seg_core.prediction.checkpoint import load_checkpoint

SIZES = 10, 20, 50
DRAWS = 200
COLUMNS = (
    "photographs",
    "new threshold",
    "gain on the others",
    "worst draw",
    "lose more than their interval",
    "worth it",
    "gain of these",
    "worst of these",
)


def main() -> None:
    """Print one calibration on 20 photographs in full, and a table of many draws, in Markdown."""
    parser = argparse.ArgumentParser(description="Measure what a calibration on few photographs gains on others.")
    parser.add_argument("checkpoint")
    parser.add_argument("--data", required=True, help="a dataset folder")
    parser.add_argument("--split", default="all")
    parser.add_argument("--groups", default="", help="FILE.csv:COLUMN that tells photographs of one lesion")
    options = parser.parse_args()
    model, dataset = load_checkpoint(options.checkpoint), open_dataset(options.data)
    pairs = dataset.pairs_of(options.split, model.config.split_spec)
    groups = listed_groups(options.groups, dataset.sources, pairs) if options.groups else []
    lesions = {pair.id: number for number, unit in enumerate(joined(pairs, groups)) for pair in unit}
    evaluation = evaluate(model, pairs)
    print(f"{model.label} on {len(pairs):,} photographs of {dataset.name}: IoU {evaluation.means['iou']:.3f}\n", flush=True)
    found, gains = drawn(evaluation, lesions, 20, seed=0)
    mean, low, high = mean_interval(gains)
    print(f"20 photographs: {found.sentence}\nOn {len(gains):,} others: {mean:+.3f} ({low:+.3f} to {high:+.3f})\n", flush=True)
    print(f"| {' | '.join(COLUMNS)} |", "|" + " --- |" * len(COLUMNS), sep="\n")
    for size in SIZES:
        print(row(size, [drawn(evaluation, lesions, size, seed) for seed in range(DRAWS)]), flush=True)


def drawn(evaluation: Evaluation, lesions: dict[str, int], size: int, seed: int) -> tuple[Calibration, np.ndarray]:
    """Calibrate on a draw of ``size`` photographs; return what was found, and the gain in IoU on each of the others."""
    ids = np.random.default_rng(seed).permutation(evaluation.ids).tolist()
    chosen, seen = set(ids[:size]), {lesions[id] for id in ids[:size]}
    found = calibrate(evaluation.only(chosen))
    others = evaluation.only({id for id in ids if lesions[id] not in seen})
    return found, others.scores(found.threshold)["iou"] - others.scores()["iou"]


def row(size: int, draws: list[tuple[Calibration, np.ndarray]]) -> str:
    """Row of the table: how often there is a new threshold, what it gains and loses, and the gain of those called worth it."""
    gains = np.array([gain.mean() for _, gain in draws])
    new, worth = (np.array(flags) for flags in zip(*((found.is_new, found.is_worth_it) for found, _ in draws), strict=True))
    lost = np.mean([found.is_new and gain.mean() < min(found.gain.interval.low, 0) for found, gain in draws])
    cells = [str(size), f"{new.mean():.0%}", f"{gains.mean():+.4f}", f"{gains.min():+.4f}", f"{lost:.1%}", f"{worth.mean():.0%}"]
    of_these = [f"{gains[worth].mean():+.4f}", f"{gains[worth].min():+.4f}"] if worth.any() else ["–", "–"]
    return f"| {' | '.join([*cells, *of_these])} |"


if __name__ == "__main__":
    main()
