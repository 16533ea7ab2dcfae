"""Search for the recipe `best`: cross-validate candidates on the same five folds, and print their scores.

    python -m scripts.search run --data DIR --common "image_size=128 epochs=12" "baseline" "unet: decoder=unet" …
    python -m scripts.search table
    python -m scripts.search masks "unet"

A candidate has a name, and settings that differ from the recipe. `run` trains each as a group of runs in the queue, which Monitor
shows; a run that exists already is not trained again. `table` evaluates all candidates and prints their scores. `masks` prints
the scores of one candidate's masks with test-time augmentation, other thresholds, or post-processing (largest region, holes
filled). Both print Markdown. docs/recipe.md has the protocol and the results.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from scipy import ndimage

from seg_core import metrics
from seg_core.config import Config
from seg_core.data.dataset import open_dataset
from seg_core.data.folders import Pair
from seg_core.data.truth import read_truth
from seg_core.evaluation.evaluate import evaluate
from seg_core.evaluation.result import Evaluation
from seg_core.jobs.supervisor import Supervisor
from seg_core.prediction.checkpoint import Checkpoint, load_checkpoint
from seg_core.runs.run import Run
from seg_core.runs.store import RunStore

FOLDS = 5
TAG = "search"
TRAINED = ("queued", "running", "finished")
"""Statuses of runs that need not be trained again."""
THRESHOLDS = (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6)


def main() -> None:
    """Run a command."""
    parser = argparse.ArgumentParser(description="Search for the recipe `best`.")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="train candidates on the folds")
    run.add_argument("--data", required=True, help="the dataset; its test split is not used")
    run.add_argument("--only", type=int, default=FOLDS, help=f"train on this many of the {FOLDS} folds")
    run.add_argument("--common", default="", help="settings of all candidates, such as epochs=12")
    run.add_argument("--seeds", default="0", help="seeds, joined by commas")
    run.add_argument("candidates", nargs="+", metavar="NAME[: SETTINGS]")
    commands.add_parser("table", help="print the scores of all candidates")
    masks = commands.add_parser("masks", help="print the scores of a candidate's masks, post-processed in several ways")
    masks.add_argument("name")
    options = parser.parse_args()
    store = RunStore()
    if options.command == "run":
        for candidate in options.candidates:
            for seed in options.seeds.split(","):
                enqueue(candidate, f"{options.common} seed={seed}", options.data, options.only, store)
        train_queue(store)
    elif options.command == "table":
        print(table(store))
    else:
        runs = [run for run in finished(store) if run.name == options.name]
        if len({differences(run) for run in runs}) != 1:
            raise SystemExit(
                f"No single candidate is called {options.name!r}; name one of `table` whose runs share their settings."
            )
        print(masks_table(runs))


def enqueue(candidate: str, common: str, data: str, folds: int, store: RunStore) -> None:
    """Queue a candidate, ``NAME: KEY=VALUE …``, on the first ``folds`` folds, leaving out those that it is trained on."""
    name, _, differing = candidate.partition(":")
    settings: dict[str, Any] = {key: _value(text) for key, text in (each.split("=") for each in f"{common} {differing}".split())}
    sources = open_dataset(data).sources
    known = [run.config for run in store.list_runs() if run.status in TRAINED and run.sources == sources]
    wanted = Config.of(**settings).repeated(folds=FOLDS)[:folds]
    if new := [config for config in wanted if config not in known]:
        store.queue.add_group(name, new, sources, tags=[TAG])


def train_queue(store: RunStore) -> None:
    """Train all queued runs, as the app does, and wait for them."""
    supervisor = Supervisor(store)
    supervisor.start()
    while any(run.is_active for run in store.list_runs()):
        time.sleep(2)
    supervisor.stop()


def finished(store: RunStore) -> Iterator[Run]:
    """Finished runs of the search, oldest first."""
    return (run for run in reversed(store.list_runs()) if TAG in run.tags and run.status == "finished")


def table(store: RunStore) -> str:
    """Mean scores of each candidate's last epochs on the validation splits, at stored resolution, as Markdown.

    ± is the standard deviation over seeds of the mean over folds, where there are several seeds.
    """
    runs: dict[tuple[str, str], list[Run]] = {}
    for run in finished(store):
        runs.setdefault((run.name, differences(run)), []).append(run)
    lines = ["| candidate | settings | runs | IoU | IoU by fold | Dice | boundary IoU | seconds |", "|" + " --- |" * 8]
    lines += [_row(name, text, candidate, store) for (name, text), candidate in runs.items()]
    return "\n".join(lines)


def _row(name: str, settings: str, runs: Sequence[Run], store: RunStore) -> str:
    scored = [evaluate(load_checkpoint(store.folder(run.id) / "last.safetensors"), _validation(run)) for run in runs]
    iou, dice, boundary = (
        [float(evaluation.all_scores[metric].mean()) for evaluation in scored] for metric in ("iou", "dice", "boundary_iou")
    )
    by_fold = " ".join(f"{value:.4f}" for value in _means(iou, [run.config.fold for run in runs]))
    by_seed = _means(iou, [run.config.seed for run in runs])
    spread = f" ± {np.std(by_seed, ddof=1):.4f}" if len(by_seed) > 1 else ""
    seconds = np.mean([run.elapsed for run in runs])
    scores = [f"{np.mean(iou):.4f}{spread}", by_fold, f"{np.mean(dice):.4f}", f"{np.mean(boundary):.4f}", f"{seconds:.0f}"]
    return f"| {' | '.join([name, settings, str(len(runs)), *scores])} |"


def differences(run: Run) -> str:
    """Settings, other than seed and fold, in which a run differs from the recipe as it is now."""
    best, settings = Config.of("best").model_dump(), run.config.model_dump(exclude={"seed", "folds", "fold"})
    return ", ".join(f"{name} {value}" for name, value in settings.items() if value != best[name]) or "none"


def _validation(run: Run) -> list[Pair]:
    return open_dataset(run.sources).split(run.config.split_spec).val


def _means(values: Sequence[float], groups: Sequence[Any]) -> list[float]:
    """Mean of each group, in the order of the groups."""
    return [float(np.mean([v for v, g in zip(values, groups, strict=True) if g == group])) for group in sorted(set(groups))]


def masks_table(runs: Sequence[Run]) -> str:
    """Mean IoU of masks on the validation splits, at stored resolution, post-processed in several ways, as Markdown."""
    scores: dict[str, list[float]] = {}
    for run in runs:
        pairs = _validation(run)
        for tta in (False, True):
            model = load_checkpoint(RunStore().folder(run.id) / "last.safetensors", tta=tta)
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


def _value(text: str) -> Any:
    """Return a number or a boolean where the text is one, else the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


if __name__ == "__main__":
    main()
