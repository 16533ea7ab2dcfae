"""What corrections gain on photographs of another source: those of the most doubtful masks against as many at random.

python -m benchmarks.correcting_loop CHECKPOINT --data DIR --kept FILE.jsonl

A person's corrections are simulated by the true masks. Lesions of the source are held out, and never corrected. For each seed a
person has POOL other photographs at hand and corrects some: the first ones by doubt, or by chance. The model is trained further
with them, or anew, and scored on what is held out. Each result is a line of FILE.jsonl, so the command goes on where it stopped;
it ends with a table of all lines there.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np

from seg_core.data.dataset import open_dataset
from seg_core.data.folders import Pair
from seg_core.data.links import link_pairs
from seg_core.evaluation.confidence import paired_difference
from seg_core.evaluation.evaluate import evaluate
from seg_core.prediction.checkpoint import load_checkpoint
from seg_core.prediction.checkpoint_file import checkpoint_digest
from seg_core.prediction.expected_iou import soft_iou
from seg_core.runs.retraining import VALIDATION
from seg_core.training.beginning import settings_of

ORDERS = ("doubt", "random")


@dataclass(frozen=True)
class Trial:
    """One retraining: how many masks are corrected, in which order, and how the model is trained; the first model at 0."""

    corrections: int
    order: str
    seed: int
    how: str


Results = dict[Trial, list[float]]
"""IoU of every photograph that is held out, in one order."""


def main() -> None:
    """Do the trials that are not kept yet, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument(
        "--data", required=True, help="a dataset of another source; lesions.csv:lesion_id there joins photographs"
    )
    parser.add_argument("--kept", type=Path, required=True, metavar="FILE", help="where results are kept, as JSON lines")
    parser.add_argument("--with", dest="more", action="append", default=[], help="a dataset that trains too; may be repeated")
    parser.add_argument("--corrections", type=int, nargs="+", default=[25, 50, 100, 200])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--held-out", type=int, default=150, help="lesions that judge")
    parser.add_argument("--pool", type=int, default=1000, help="photographs that a person has at hand")
    parser.add_argument("--epochs", type=int, help="by default as `retrain` has it")
    parser.add_argument("--anew", action="store_true", help="train anew too, and not only further")
    options = parser.parse_args()
    dataset = open_dataset(options.data)
    lesions = dataset.lesions()
    parts = lesions[: options.held_out], lesions[options.held_out :]
    held_out, others = ([pair for lesion in part for pair in lesion] for part in parts)
    print(f"{dataset.name}: {len(held_out):,} photographs of {options.held_out} lesions are held out, {len(others):,} are not.")
    about = {name: getattr(options, name) for name in ("more", "held_out", "pool", "epochs")}
    results = _kept(options.kept, {"checkpoint": checkpoint_digest(options.checkpoint), "data": dataset.fingerprint, **about})
    for trial in _trials(options):
        if trial not in results:
            results[trial] = _iou(trial, options, held_out, others)
            with options.kept.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(trial) | {"iou": results[trial]}) + "\n")
            print(f"{trial}: mean IoU {np.mean(results[trial]):.4f}", flush=True)
    print(table(results))


def _kept(file: Path, about: dict[str, object]) -> Results:
    """Read the results so far; the first line says what they are about, so that others are not mixed with them."""
    if not file.exists():
        file.write_text(json.dumps(about) + "\n", encoding="utf-8")
    first, *lines = (json.loads(line) for line in file.read_text(encoding="utf-8").splitlines())
    if first != about:
        raise SystemExit(f"{file} holds results of another checkpoint, other data or other settings; name another file.")
    return {Trial(**{name: line[name] for name in Trial.__annotations__}): line["iou"] for line in lines}


def _trials(options: argparse.Namespace) -> Iterator[Trial]:
    yield Trial(0, "", 0, "before")
    for seed in options.seeds:
        for corrections in options.corrections:
            for order in ORDERS:
                for how in ("further", "anew") if options.anew else ("further",):
                    yield Trial(corrections, order, seed, how)


def _iou(trial: Trial, options: argparse.Namespace, held_out: Sequence[Pair], others: Sequence[Pair]) -> list[float]:
    if not trial.corrections:
        return _scores(options.checkpoint, held_out)
    from seg_core.training.loop import train  # which loads torch

    anew, epochs = trial.how == "anew", options.epochs
    config = settings_of(options.checkpoint, anew=anew, seed=trial.seed, epochs=epochs, val_fraction=VALIDATION)
    with tempfile.TemporaryDirectory() as folder:
        chosen = _ordered(trial, options, others)[: trial.corrections]
        source = link_pairs(Path(folder, "corrections"), {"train": chosen, "test": held_out})
        found = train(config, open_dataset([source, *options.more]), folder=Path(folder, "run"))
        return _scores(found.checkpoint, held_out)


def _ordered(trial: Trial, options: argparse.Namespace, others: Sequence[Pair]) -> list[Pair]:
    """The photographs at hand by seed, in the order in which they are corrected."""
    shuffled = random.Random(trial.seed).sample(list(others), min(options.pool, len(others)))
    return shuffled if trial.order == "random" else _by_doubt(options.checkpoint, tuple(shuffled))


@cache  # every number of corrections of a seed has the same order
def _by_doubt(checkpoint: Path, pairs: tuple[Pair, ...]) -> list[Pair]:
    model = load_checkpoint(checkpoint)

    def expected(pair: Pair) -> float:
        return soft_iou(model.predict_pair(pair).probabilities, model.threshold)

    return sorted(pairs, key=expected)


def _scores(checkpoint: Path, held_out: Sequence[Pair]) -> list[float]:
    return [float(iou) for iou in evaluate(load_checkpoint(checkpoint), held_out).scores()["iou"]]


def table(results: Results) -> str:
    """Return the mean IoU by number of corrections, over seeds from the lowest to the highest, and what doubt gains over chance.

    The gain is the mean over seeds on each photograph, with its 95 % bootstrap interval over photographs.
    """
    lines = ["| corrections | | in order of doubt | at random | doubt gains |", "| --- | --- | --- | --- | --- |"]
    lines += [
        f"| 0 | before | {np.mean(iou):.3f} | {np.mean(iou):.3f} | |" for trial, iou in results.items() if not trial.corrections
    ]
    for corrections, how in sorted({(trial.corrections, trial.how) for trial in results if trial.corrections}):
        seeds = {order: _by_seed(results, corrections, how, order) for order in ORDERS}
        cells = [_range([float(np.mean(iou)) for iou in found.values()]) for found in seeds.values()]
        both = [seed for seed in seeds["doubt"] if seed in seeds["random"]]
        gain = ""
        if both:
            means = [np.mean([seeds[order][seed] for seed in both], axis=0) for order in ORDERS]
            mean, low, high = paired_difference(*means).interval
            gain = f"{mean:+.3f} ({low:+.3f} to {high:+.3f})"
        lines.append(f"| {corrections} | {how} | {' | '.join(cells)} | {gain} |")
    return "\n".join(lines)


def _by_seed(results: Results, corrections: int, how: str, order: str) -> dict[int, list[float]]:
    return {
        trial.seed: iou
        for trial, iou in results.items()
        if (trial.corrections, trial.how, trial.order) == (corrections, how, order)
    }


def _range(means: Sequence[float]) -> str:
    return f"{np.mean(means):.3f} ({min(means):.3f} to {max(means):.3f})" if means else ""


if __name__ == "__main__":
    main()
