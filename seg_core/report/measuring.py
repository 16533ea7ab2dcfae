"""All that a card says of a published model, measured: its scores by split and by source, calibration and robustness."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from seg_core.data.folders import Pair
from seg_core.evaluation.bootstrap import mean_interval
from seg_core.evaluation.evaluate import evaluate
from seg_core.evaluation.lesion_size import iou_by_size
from seg_core.evaluation.result import Evaluation
from seg_core.evaluation.robustness import robustness
from seg_core.evaluation.trust import bound_held, learn_expected_iou
from seg_core.prediction.checkpoint import Checkpoint, load_checkpoint
from seg_core.prediction.metadata import ExpectedIouValues, Published, SourceScores, SplitScores
from seg_core.report.by_source import SourcePart

Advance = Callable[[int, int], None]
"""Called with (done, total) photographs of a step."""


def measure(
    path: Path,
    splits: dict[str, list[Pair]],
    parts: Sequence[SourcePart],
    other: Checkpoint | None,
    on_progress: Advance | None = None,
) -> Published:
    """Measure a published model.

    Args:
        path: its checkpoint.
        splits: pairs to score it on, by the names that the metadata gives them.
        parts: photographs by source.
        other: a model to compare it with, if there is one.
        on_progress: called with (done, total) photographs of each step.
    """
    published, tta = load_checkpoint(path), load_checkpoint(path, tta=True)
    evaluations = {name: evaluate(published, pairs, on_progress) for name, pairs in splits.items()}
    learnt = learn_expected_iou(evaluations["validation"], published.metadata["dataset"]["name"])
    measured: Published = {
        "evaluation": {name: _summary(evaluation) for name, evaluation in evaluations.items()},
        "evaluation_tta": {name: _summary(evaluate(tta, pairs, on_progress)) for name, pairs in splits.items()},
        "reliability": _for_json(asdict(evaluations["validation"].reliability())),
        "robustness": {name: _for_json(asdict(robustness(published, pairs, on_progress))) for name, pairs in splits.items()},
        "by_source": [_of_part(part, published, evaluations, learnt, on_progress) for part in parts],
    }
    if learnt:
        measured["expected_iou"] = learnt
    if other:
        gains = {name: _gains(evaluations[name], evaluate(other, pairs, on_progress)) for name, pairs in splits.items()}
        measured["beside"] = {"label": other.label} | gains
    return measured


def _of_part(
    part: SourcePart,
    model: Checkpoint,
    known: dict[str, Evaluation],
    learnt: ExpectedIouValues | None,
    on_progress: Advance | None = None,
) -> SourceScores:
    """Return the scores on photographs of a source; those of the model's own splits are ``known``."""
    evaluation = (
        known[part.split].only({pair.id for pair in part.pairs}) if part.is_own else evaluate(model, part.pairs, on_progress)
    )
    sizes, held = iou_by_size(evaluation), bound_held(evaluation, learnt)
    has_taught = part.is_own and part.split == "validation"
    return {
        **_summary(evaluation),
        "source": part.source,
        "split": part.split,
        "is_own": part.is_own,
        "left_out": part.left_out,
        "sizes": {name: {"n": count, "iou": _for_json(list(iou))} for name, (count, iou) in sizes.items()},
        "bound_held": held.share if held and not has_taught else None,
    }


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
