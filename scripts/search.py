"""The search for the recipe `best`: candidates as groups in the queue, each on the same five folds, and what they reach.

    python -m scripts.search run --data DIR --common "image_size=128 epochs=12" "baseline" "unet: decoder=unet" …
    python -m scripts.search table
    python -m scripts.search masks "unet"

A candidate is a name, and the settings in which it differs from the recipe. Each is cross-validated by runs that wait their turn
and show in Monitor; what was trained before is not trained again. `table` says what they reach, which it measures anew each time,
and `masks` what can be done to the masks of one afterwards: test-time augmentation, other thresholds, fewer specks and holes.
Both print Markdown.
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
from seg_core.data.image import read_mask
from seg_core.evaluation.evaluate import evaluate
from seg_core.evaluation.result import Evaluation
from seg_core.jobs.supervisor import Supervisor
from seg_core.prediction.checkpoint import Checkpoint, load_checkpoint
from seg_core.runs.run import Run
from seg_core.runs.store import RunStore

FOLDS = 5
TAG = "search"
_TRAINED = ("queued", "running", "finished")
THRESHOLDS = (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6)


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description="Search for a recipe.")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="train candidates on the folds")
    run.add_argument("--data", required=True, help="the dataset; its test split is left alone")
    run.add_argument("--only", type=int, default=FOLDS, help=f"on how many of the {FOLDS} folds")
    run.add_argument("--common", default="", help="settings of all of them")
    run.add_argument("--seeds", default="0", help="seeds, joined by commas")
    run.add_argument("candidates", nargs="+", metavar="NAME[: SETTINGS]")
    commands.add_parser("table", help="print what was reached")
    masks = commands.add_parser("masks", help="print what can be done to the masks of a candidate")
    masks.add_argument("name")
    options = parser.parse_args()
    store = RunStore()
    if options.command == "run":
        for candidate in options.candidates:
            for seed in options.seeds.split(","):
                enqueue(candidate, f"{options.common} seed={seed}", options.data, options.only, store)
        work_off(store)
    elif options.command == "table":
        print(table(store))
    else:
        runs = [run for run in finished(store) if run.name == options.name]
        if len({differences(run) for run in runs}) != 1:
            raise SystemExit(f"The runs called {options.name!r} are none, or of several settings: name one candidate of `table`.")
        print(afterwards(runs))


def enqueue(candidate: str, common: str, data: str, folds: int, store: RunStore) -> None:
    """Put one candidate in line, on some of the folds, but for those that it was trained on before."""
    name, _, own = candidate.partition(":")
    settings: dict[str, Any] = {key: _value(text) for key, text in (each.split("=") for each in f"{common} {own}".split())}
    sources = open_dataset(data).sources
    known = [run.config for run in store.list_runs() if run.status in _TRAINED and run.sources == sources]
    wanted = Config.of(**settings).repeated(folds=FOLDS)[:folds]
    if new := [config for config in wanted if config not in known]:
        store.add_group(name, new, sources, tags=[TAG])


def work_off(store: RunStore) -> None:
    """Have the queue trained, as the app does."""
    supervisor = Supervisor(store)
    supervisor.start()
    while any(run.is_active for run in store.list_runs()):
        time.sleep(2)
    supervisor.stop()


def finished(store: RunStore) -> Iterator[Run]:
    """The runs of the search that are done, the first one first."""
    return (run for run in reversed(store.list_runs()) if TAG in run.tags and run.status == "finished")


def table(store: RunStore) -> str:
    """Candidates with the means of what the last epochs of their runs score on the validation splits, at stored resolution.

    Behind ± stands the standard deviation over seeds of the mean over folds, where there are several.
    """
    runs: dict[tuple[str, str], list[Run]] = {}
    for run in finished(store):
        runs.setdefault((run.name, differences(run)), []).append(run)
    lines = ["| candidate | settings | runs | IoU | IoU by fold | Dice | boundary IoU | seconds |", "|" + " --- |" * 8]
    for (name, text), of_it in runs.items():
        scored = [evaluate(load_checkpoint(store.folder(run.id) / "last.safetensors"), _validation(run)) for run in of_it]
        iou, dice, boundary = (
            [float(evaluation.all_scores[metric].mean()) for evaluation in scored] for metric in ("iou", "dice", "boundary_iou")
        )
        by_fold = " ".join(f"{value:.4f}" for value in _means(iou, [run.config.fold for run in of_it]))
        by_seed = _means(iou, [run.config.seed for run in of_it])
        spread = f" ± {np.std(by_seed, ddof=1):.4f}" if len(by_seed) > 1 else ""
        seconds = np.mean([run.elapsed for run in of_it])
        scores = [f"{np.mean(iou):.4f}{spread}", by_fold, f"{np.mean(dice):.4f}", f"{np.mean(boundary):.4f}", f"{seconds:.0f}"]
        lines.append(f"| {' | '.join([name, text, str(len(of_it)), *scores])} |")
    return "\n".join(lines)


def differences(run: Run) -> str:
    """The settings in which a run differs from the recipe as it is now, but for its seed and fold."""
    best, settings = Config.of("best").model_dump(), run.config.model_dump(exclude={"seed", "folds", "fold"})
    return ", ".join(f"{name} {value}" for name, value in settings.items() if value != best[name]) or "none"


def _validation(run: Run) -> list[Pair]:
    return open_dataset(run.sources).split(run.config.split_spec).val


def _means(values: Sequence[float], groups: Sequence[Any]) -> list[float]:
    """The mean of each group, the groups in their order."""
    return [float(np.mean([v for v, g in zip(values, groups, strict=True) if g == group])) for group in sorted(set(groups))]


def afterwards(runs: Sequence[Run]) -> str:
    """What the masks of some runs score on their validation splits at stored resolution, treated in several ways."""
    scores: dict[str, list[float]] = {}
    for run in runs:
        pairs = _validation(run)
        for tta in (False, True):
            model = load_checkpoint(RunStore().folder(run.id) / "last.safetensors", tta=tta)
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
