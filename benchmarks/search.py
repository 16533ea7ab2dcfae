"""The search for the recipe `best`: candidates as runs in the queue, each on the same five folds, and tables of what they reach.

    python -m benchmarks.search folds --data DIR --output FOLDS
    python -m benchmarks.search run --folds FOLDS --common "image_size=128 epochs=12" "baseline" "unet: decoder=unet" …
    python -m benchmarks.search table
    python -m benchmarks.search masks "unet"

A candidate is a name, and the settings in which it differs from the recipe. Each trains once on every fold, as ordinary runs that
wait their turn and show in Monitor; what was trained before is not trained again. `table` says what they reach, `masks` what can
be done to the masks of one afterwards: test-time augmentation, other thresholds, fewer specks and holes. Both print Markdown.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from benchmarks.links import link
from seg_core import metrics
from seg_core.checkpoint import Checkpoint, load_checkpoint
from seg_core.config import Config
from seg_core.data.dataset import open_dataset
from seg_core.data.folders import Pair
from seg_core.evaluation import Evaluation, evaluate
from seg_core.image import read_mask
from seg_core.runs.run import Run
from seg_core.runs.store import RunStore
from seg_core.runs.supervisor import Supervisor

FOLDS = 5
TAG = "search"
THRESHOLDS = (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6)


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description="Search for a recipe.")
    commands = parser.add_subparsers(dest="command", required=True)
    folds = commands.add_parser("folds", help="make five datasets of links, which each validate with another fifth")
    folds.add_argument("--data", required=True)
    folds.add_argument("--output", type=Path, required=True)
    run = commands.add_parser("run", help="train candidates on the folds")
    run.add_argument("--folds", type=Path, required=True)
    run.add_argument("--only", type=int, default=FOLDS, help="on how many of the folds")
    run.add_argument("--common", default="", help="settings of all of them")
    run.add_argument("--seeds", default="0", help="seeds, joined by commas")
    run.add_argument("candidates", nargs="+", metavar="NAME[: SETTINGS]")
    commands.add_parser("table", help="print what was reached")
    masks = commands.add_parser("masks", help="print what can be done to the masks of a candidate")
    masks.add_argument("name")
    options = parser.parse_args()
    store = RunStore()
    if options.command == "folds":
        make_folds(options.data, options.output)
    elif options.command == "run":
        folders = sorted(options.folds.iterdir())[: options.only]
        for candidate in options.candidates:
            enqueue(candidate, options.common, folders, [int(seed) for seed in options.seeds.split(",")], store)
        work_off(store)
    elif options.command == "table":
        print(table(store))
    else:
        print(afterwards([run for run in finished(store) if candidate_of(run) == options.name]))


def make_folds(data: str, output: Path) -> None:
    """Write ``fold-0`` and so on, with a validation part of their own; the test part is left out, for nothing is chosen on it."""
    pairs = sorted((pair for pair in open_dataset(data).unique_pairs if pair.part != "test"), key=lambda pair: pair.id)
    random.Random(0).shuffle(pairs)
    for fold in range(FOLDS):
        link(output / f"fold-{fold}", {"val": pairs[fold::FOLDS], "train": [p for k, p in enumerate(pairs) if k % FOLDS != fold]})


def enqueue(candidate: str, common: str, folds: Sequence[Path], seeds: Sequence[int], store: RunStore) -> None:
    """Put one candidate in line, on every fold by every seed, but for what has been."""
    name, _, own = candidate.partition(":")
    settings: dict[str, Any] = {key: _value(text) for key, text in (each.split("=") for each in f"{common} {own}".split())}
    known = [(run.config, list(run.sources)) for run in store.list_runs() if run.status in ("queued", "running", "finished")]
    for seed in seeds:
        config = Config.of(**settings, seed=seed)
        for fold in folds:
            sources = [str(fold.resolve())]
            if (config, sources) not in known:
                store.add_run(f"{name.strip()} · {fold.name}", config, sources[0], tags=[TAG])


def work_off(store: RunStore) -> None:
    """Have the queue trained, as the app does."""
    supervisor = Supervisor(store)
    supervisor.start()
    while any(run.status in ("queued", "running", "stopping") for run in store.list_runs()):
        time.sleep(2)
    supervisor.stop()


def finished(store: RunStore) -> Iterator[Run]:
    """The runs of the search that are done, the first one first."""
    return (run for run in reversed(store.list_runs()) if TAG in run.tags and run.status == "finished")


def candidate_of(run: Run) -> str:
    """The name of the candidate that a run trained."""
    return run.name.split(" · ")[0]


def table(store: RunStore) -> str:
    """Candidates with the mean validation IoU and Dice of their best epochs, at network resolution.

    Behind ± stands the standard deviation over seeds of the mean over folds, where there are several.
    """
    runs: dict[tuple[str, str], list[Run]] = {}
    for run in finished(store):
        settings = run.config.model_dump(exclude={"seed"}, exclude_defaults=True)
        text = ", ".join(f"{name} {value}" for name, value in settings.items()) or "none"
        runs.setdefault((candidate_of(run), text), []).append(run)
    lines = ["| candidate | settings | runs | IoU | IoU by fold | Dice | seconds |", "|" + " --- |" * 7]
    for (name, text), of_it in runs.items():
        best = [_best(run, store) for run in of_it]
        iou, dice = ([values[metric] for values in best] for metric in ("iou", "dice"))
        by_fold = " ".join(f"{value:.4f}" for value in _means(iou, [Path(run.sources[0]).name for run in of_it]))
        by_seed = _means(iou, [run.config.seed for run in of_it])
        spread = f" ± {np.std(by_seed, ddof=1):.4f}" if len(by_seed) > 1 else ""
        seconds = np.mean([run.elapsed for run in of_it])
        cells = [name, text, str(len(of_it)), f"{np.mean(iou):.4f}{spread}", by_fold, f"{np.mean(dice):.4f}", f"{seconds:.0f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _means(values: Sequence[float], groups: Sequence[Any]) -> list[float]:
    """The mean of each group, the groups in their order."""
    return [float(np.mean([v for v, g in zip(values, groups, strict=True) if g == group])) for group in sorted(set(groups))]


def _best(run: Run, store: RunStore) -> dict[str, float]:
    points = [point for point in store.metrics(run.id) if point.epoch == run.best_epoch and point.split == "val"]
    return {point.name: point.value for point in points}


def afterwards(runs: Sequence[Run]) -> str:
    """What the masks of some runs score on their validation parts at stored resolution, treated in several ways."""
    scores: dict[str, list[float]] = {}
    for run in runs:
        (source,) = run.sources
        pairs = open_dataset(source).split(*run.config.drawing).val
        for tta in (False, True):
            model = load_checkpoint(RunStore().folder(run.id) / "best.safetensors", tta=tta)
            evaluation, kept = _evaluated(model, pairs)
            how = "with test-time augmentation" if tta else "as they are"
            for threshold in THRESHOLDS:
                scores.setdefault(f"{how}, threshold {threshold:g}", []).append(evaluation.means_at(threshold)["iou"])
            truths = [read_mask(pair.mask)[0] for pair in pairs]
            for what, change in (("the largest region alone", largest_region), ("holes filled", ndimage.binary_fill_holes)):
                values = [float(metrics.iou(change(mask), truth)) for mask, truth in zip(kept, truths, strict=True)]
                scores.setdefault(f"{how}, {what}", []).append(float(np.mean(values)))
    rows = [f"| {how} | {np.mean(values):.4f} | {len(values)} |" for how, values in scores.items()]
    return "\n".join(["| masks | IoU | runs |", "| --- | --- | --- |", *rows])


def _evaluated(model: Checkpoint, pairs: Sequence[Pair]) -> tuple[Evaluation, list[np.ndarray]]:
    kept: list[np.ndarray] = []
    return evaluate(model, pairs, on_prediction=lambda _, prediction: kept.append(prediction.mask())), kept


def largest_region(mask: np.ndarray) -> np.ndarray:
    """A mask (H, W) without all but its largest connected region."""
    labels, count = ndimage.label(mask)
    largest: np.ndarray = labels == 1 + np.argmax(np.bincount(labels.ravel())[1:]) if count else mask
    return largest


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


if __name__ == "__main__":
    main()
