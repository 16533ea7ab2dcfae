"""Publishing a trained model: its checkpoint in fp16, scored, and its card beside it."""

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
from seg_core.evaluation.evaluate import Evaluation, evaluate
from seg_core.evaluation.robustness import robustness
from seg_core.prediction.checkpoint import Checkpoint, load_checkpoint, load_model
from seg_core.prediction.checkpoint_file import read_metadata, save_checkpoint
from seg_core.prediction.metadata import CheckpointMetadata, Published, SplitScores
from seg_core.report.model_card import ORIGINALS, model_card

Advance = Callable[[int, int], None]


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
    test-time augmentation, and its robustness is measured on each.

    Args:
        source: the checkpoint of a run.
        dataset: what it was trained on.
        folder: where both files go.
        on_progress: gets how many photographs of a step are done, and how many there are.
        suffix: set behind the recipe in the files' names and in the label, for a further model of the same recipe.
        originals: the photographs of the validation split at their original size, to be scored on too.
        beside: another published model, whose scores on the same photographs are set beside.

    Returns:
        The new checkpoint's path, and its metadata.

    Raises:
        InputError: if a checkpoint cannot be read, was trained on other data, lacks an original, or has no place in ``folder``.
    """
    trained = load_checkpoint(source)
    if trained.metadata["dataset"]["fingerprint"] != dataset.fingerprint:
        raise InputError(f"{source} was trained on other data than {dataset.name}; name the data it was trained on.")
    if not trained.metadata["epoch_is_whole"]:
        raise InputError(f"{source} was stopped within an epoch and has no scores; publish the best.safetensors of its run.")
    config = trained.config
    recipe = f"{config.recipe}-{suffix}" if suffix else config.recipe
    parts = _parts(dataset, config, originals)
    target = folder / f"{config.variant}-{recipe}.safetensors"
    metadata: CheckpointMetadata = {
        **trained.metadata,
        "name": "",
        "label": f"{config.label} ({recipe})",
        "history": _whole_history(source, trained),
    }
    other = load_checkpoint(beside) if beside else None
    model = load_model(source)
    with tempfile.TemporaryDirectory() as made:  # what was published before stays until all is measured
        published = Path(made, target.name)
        save_checkpoint(published, model, metadata, half=True)
        metadata = {**metadata, **_measured(published, parts, other, on_progress)}
    try:
        save_checkpoint(target, model, metadata, half=True)
        with atomic_file(target.with_suffix(".md")) as card:
            card.write_text(model_card(config, metadata, recipe), encoding="utf-8")
    except OSError as error:
        raise InputError(f"{target} cannot be written ({error.strerror}); choose another folder.") from None
    return target, metadata


def _parts(dataset: Dataset, config: Config, originals: Dataset | None) -> dict[str, list[Pair]]:
    """What a model is scored on, by name."""
    split = dataset.split(config.split_spec)
    parts = {"validation": split.val, "test": split.test}
    if originals:
        parts[ORIGINALS] = _originals(split.val, originals)
    return {name: pairs for name, pairs in parts.items() if pairs}


def _measured(path: Path, parts: dict[str, list[Pair]], other: Checkpoint | None, on_progress: Advance | None) -> Published:
    """What the card says of a model as published; with another one, what it gains on that."""
    published, tta = load_checkpoint(path), load_checkpoint(path, tta=True)
    evaluations = {name: evaluate(published, pairs, on_progress) for name, pairs in parts.items()}
    measured: Published = {
        "evaluation": {name: _summary(evaluation) for name, evaluation in evaluations.items()},
        "evaluation_tta": {name: _summary(evaluate(tta, pairs, on_progress)) for name, pairs in parts.items()},
        "reliability": _known(asdict(evaluations["validation"].reliability())),
        "robustness": {name: _known(asdict(robustness(published, pairs, on_progress))) for name, pairs in parts.items()},
    }
    if other:
        gains = {name: _gain(evaluations[name], evaluate(other, pairs, on_progress)) for name, pairs in parts.items()}
        measured["beside"] = {"label": other.label} | gains
    return measured


def _originals(pairs: Sequence[Pair], originals: Dataset) -> list[Pair]:
    there = {pair.id: pair for pair in originals.unique_pairs}
    if missing := [pair.id for pair in pairs if pair.id not in there]:
        raise InputError(f"{originals.name} lacks photographs of the validation split: {some_of(missing)}; name another folder.")
    return [there[pair.id] for pair in pairs]


def _summary(evaluation: Evaluation) -> SplitScores:
    """Of every metric the mean and its 95 % interval, and how far probabilities are from what they say."""
    scores = {name: _known(list(mean_interval(values))) for name, values in evaluation.own_scores.items()}
    return {"n": len(evaluation.ids), "scores": scores, "calibration_error": evaluation.reliability().calibration_error}


def _gain(ours: Evaluation, other: Evaluation) -> dict[str, list[float]]:
    """By how much each metric is higher than another model's on the same photographs, with the interval of that."""
    theirs = other.own_scores
    return {name: _known(list(mean_interval(values - theirs[name]))) for name, values in ours.own_scores.items()}


def _known(value: Any) -> Any:
    """A value as JSON takes it: lists for arrays, None for NaN."""
    if isinstance(value, dict):
        return {name: _known(inner) for name, inner in value.items()}
    if isinstance(value, list | np.ndarray):
        return [_known(inner) for inner in value]
    return None if isinstance(value, float) and math.isnan(value) else float(value) if isinstance(value, np.floating) else value


def _whole_history(source: Path, trained: Checkpoint) -> list[dict[str, Any]]:
    """The epochs of the whole run, those after the best one included, where its last checkpoint lies beside."""
    last = source.with_name("last.safetensors")
    history: list[dict[str, Any]] = (read_metadata(last) if last.exists() else trained.metadata)["history"]
    return history
