"""Publishing a trained model: its checkpoint in fp16, scored, with its card beside it."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from seg_core.common.atomic_file import atomic_file
from seg_core.config import Config
from seg_core.data.dataset import Dataset
from seg_core.data.folders import Pair
from seg_core.errors import InputError, some_of
from seg_core.evaluation.confidence import mean_interval
from seg_core.evaluation.evaluate import evaluate
from seg_core.evaluation.result import Evaluation
from seg_core.evaluation.robustness import robustness
from seg_core.prediction.checkpoint import Checkpoint, load_checkpoint, load_model
from seg_core.prediction.checkpoint_file import read_metadata, save_checkpoint
from seg_core.prediction.metadata import CheckpointMetadata, EpochValues, Published, SplitScores
from seg_core.report.model_card import EPOCH_TITLES, ORIGINALS, model_card

Advance = Callable[[int, int], None]
"""Called with (done, total) photographs of a step."""


def publish(
    source: Path,
    dataset: Dataset,
    folder: Path,
    on_progress: Advance | None = None,
    *,
    suffix: str = "",
    originals: Dataset | None = None,
    beside: Path | None = None,
) -> tuple[Path, CheckpointMetadata]:
    """Write ``VARIANT-RECIPE.safetensors`` in fp16 and ``VARIANT-RECIPE.md`` into ``folder``.

    The model is scored as published, at stored resolution, on the validation and the test split of ``dataset``, with and without
    test-time augmentation, and its robustness is measured on both.

    Args:
        source: the checkpoint of a run.
        dataset: what it was trained on.
        folder: where both files go.
        on_progress: called with (done, total) photographs of each step.
        suffix: added to the recipe in the files' names and in the label, for another model of the same recipe.
        originals: the photographs of the validation split at their original size, to score it on too.
        beside: another published model, to compare with on the same photographs.

    Returns:
        The new checkpoint's path, and its metadata.

    Raises:
        InputError: if a checkpoint cannot be read, was trained on other data, lacks an original, or cannot be written.
    """
    trained = _load_publishable(source, dataset)
    config = trained.config
    recipe = f"{config.recipe}-{suffix}" if suffix else config.recipe
    splits = _splits(dataset, config, originals)
    target = folder / f"{config.variant}-{recipe}.safetensors"
    label, history = f"{config.label} ({recipe})", _whole_history(source, trained)
    metadata: CheckpointMetadata = {**trained.metadata, "name": "", "label": label, "history": history}
    other = load_checkpoint(beside) if beside else None
    model = load_model(source)
    with tempfile.TemporaryDirectory() as made:  # an earlier publication stays until everything is measured
        published = Path(made, target.name)
        save_checkpoint(published, model, metadata, half=True)
        metadata = {**metadata, **_measure(published, splits, other, on_progress)}
    try:
        save_checkpoint(target, model, metadata, half=True)
        write_card(target, config, metadata, recipe)
    except OSError as error:
        raise InputError(f"{target} cannot be written ({error.strerror}); choose another folder.") from None
    return target, metadata


def write_card(checkpoint: Path, config: Config, metadata: CheckpointMetadata, recipe: str) -> None:
    """Write the card of a published model beside its checkpoint, whole or not at all; see `seg_core.report.model_card`."""
    with atomic_file(checkpoint.with_suffix(".md")) as card:
        card.write_text(model_card(config, metadata, recipe), encoding="utf-8")


def _load_publishable(source: Path, dataset: Dataset) -> Checkpoint:
    trained = load_checkpoint(source)
    if calibration := trained.metadata.get("calibration"):
        raise InputError(f"{source} is a calibrated copy of {calibration['of']}; publish that one, and calibrate it then.")
    if trained.metadata["dataset"]["fingerprint"] != dataset.fingerprint:
        raise InputError(f"{source} was trained on other data than {dataset.name}; name the data it was trained on.")
    if not trained.metadata["epoch_is_whole"]:
        raise InputError(f"{source} was stopped within an epoch and has no scores; publish the best.safetensors of its run.")
    shown = trained.metadata["history"][trained.metadata["epoch"] - 1 : trained.metadata["epoch"]]
    if not shown or EPOCH_TITLES.keys() - (shown[0]["train"].keys() & shown[0]["val"].keys()):
        raise InputError(f"{source} lacks the metrics of its epoch, which its card shows; publish one as a run wrote it.")
    return trained


def _splits(dataset: Dataset, config: Config, originals: Dataset | None) -> dict[str, list[Pair]]:
    """Return the pairs to score a model on, by the names that its metadata gives them."""
    split = dataset.split(config.split_spec)
    splits = {"validation": split.val, "test": split.test}
    if originals:
        splits[ORIGINALS] = _originals(split.val, originals)
    return {name: pairs for name, pairs in splits.items() if pairs}


def _originals(pairs: Sequence[Pair], originals: Dataset) -> list[Pair]:
    by_id = {pair.id: pair for pair in originals.unique_pairs}
    if missing := [pair.id for pair in pairs if pair.id not in by_id]:
        raise InputError(f"{originals.name} lacks photographs of the validation split: {some_of(missing)}; name another folder.")
    return [by_id[pair.id] for pair in pairs]


def _measure(path: Path, splits: dict[str, list[Pair]], other: Checkpoint | None, on_progress: Advance | None) -> Published:
    """Measure all that the card says of a published model and, if there is another one, the differences from it."""
    published, tta = load_checkpoint(path), load_checkpoint(path, tta=True)
    evaluations = {name: evaluate(published, pairs, on_progress) for name, pairs in splits.items()}
    measured: Published = {
        "evaluation": {name: _summary(evaluation) for name, evaluation in evaluations.items()},
        "evaluation_tta": {name: _summary(evaluate(tta, pairs, on_progress)) for name, pairs in splits.items()},
        "reliability": _for_json(asdict(evaluations["validation"].reliability())),
        "robustness": {name: _for_json(asdict(robustness(published, pairs, on_progress))) for name, pairs in splits.items()},
    }
    if other:
        gains = {name: _gains(evaluations[name], evaluate(other, pairs, on_progress)) for name, pairs in splits.items()}
        measured["beside"] = {"label": other.label} | gains
    return measured


def _summary(evaluation: Evaluation) -> SplitScores:
    """Return the mean of every metric with its 95 % interval, and the calibration error."""
    scores = {name: _for_json(list(mean_interval(values))) for name, values in evaluation.all_scores.items()}
    return {"n": len(evaluation.ids), "scores": scores, "calibration_error": evaluation.reliability().calibration_error}


def _gains(ours: Evaluation, other: Evaluation) -> dict[str, list[float]]:
    """Return the mean paired difference in every metric from another model, with its 95 % interval."""
    theirs = other.all_scores
    return {name: _for_json(list(mean_interval(values - theirs[name]))) for name, values in ours.all_scores.items()}


def _for_json(value: Any) -> Any:
    """Return a value as JSON takes it: lists for arrays, None for NaN."""
    if isinstance(value, dict):
        return {name: _for_json(inner) for name, inner in value.items()}
    if isinstance(value, list | np.ndarray):
        return [_for_json(inner) for inner in value]
    return None if isinstance(value, float) and math.isnan(value) else float(value) if isinstance(value, np.floating) else value


def _whole_history(source: Path, trained: Checkpoint) -> list[EpochValues]:
    """Return all epochs of the run, those after the best one too, where its last checkpoint lies beside it."""
    last = source.with_name("last.safetensors")
    return (read_metadata(last) if last.exists() else trained.metadata)["history"]
