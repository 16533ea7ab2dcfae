"""Calibrated models: copies of a checkpoint that predict with another threshold, each with a card beside it."""

from __future__ import annotations

import math
from pathlib import Path

from seg_core.common.atomic_file import atomic_file
from seg_core.data.dataset import Dataset
from seg_core.errors import InputError
from seg_core.evaluation.calibration import Calibration
from seg_core.prediction.checkpoint_file import copy_checkpoint, read_metadata
from seg_core.prediction.licences import licence_of
from seg_core.prediction.metadata import (
    MOST_IDS,
    CalibrationValues,
    CheckpointMetadata,
    ExpectedIouValues,
    Published,
    checkpoint_label,
)
from seg_core.report.templates import load_template

LONGEST_NAME = 120
"""Characters of the name of a calibrated model."""


def calibrated_name(model: CheckpointMetadata, dataset: Dataset) -> str:
    """Return the name that a calibrated copy of a model has unless another one is given."""
    calibration = model.get("calibration")
    return f"{calibration['of'] if calibration else checkpoint_label(model)}, calibrated on {dataset.name}"[:LONGEST_NAME]


def save_calibrated(
    source: Path,
    found: Calibration,
    dataset: Dataset,
    target: Path,
    name: str,
    expected_iou: ExpectedIouValues | None = None,
) -> CheckpointMetadata:
    """Write a copy of a checkpoint with the threshold that was found, and its card as ``.md`` beside it; return its metadata.

    The weights stay the same bit for bit. Scores of the published model are left out: they are at its own threshold. So is the
    IoU to expect of its masks, but for ``expected_iou``, learnt at the new threshold (`seg_core.evaluation.trust`).

    Raises:
        InputError: if the name is too long, the checkpoint cannot be read, or the copy not be written.
    """
    if len(name) > LONGEST_NAME:
        raise InputError(f"The name has {len(name):,} characters; take {LONGEST_NAME} at most.")
    if target.resolve() == source.resolve():
        raise InputError(f"{target} is the checkpoint itself; choose another file.")
    metadata = read_metadata(source)
    measured = Published.__annotations__.keys() - {"licences"}
    kept = {key: value for key, value in metadata.items() if key not in measured}
    values: CalibrationValues = {
        "of": checkpoint_label(metadata),
        "dataset": dataset.name,
        "fingerprint": dataset.fingerprint,
        "photographs": len(found.ids),
        "ids": list(found.ids) if len(found.ids) <= MOST_IDS else None,
        "before": found.before,
        "threshold": found.threshold,
        "gain": [None if math.isnan(value) else float(value) for value in found.gain.interval],
        "worth_it": found.is_worth_it,
    }
    learnt = {"expected_iou": expected_iou} if expected_iou else {}
    copy_checkpoint(source, target, {**kept, **learnt, "name": name, "calibration": values})
    written = read_metadata(target)
    card = load_template("calibrated_card.md.jinja").render(
        metadata=written,
        calibration=values,
        sentence=found.sentence,
        without_lesion=found.without_lesion,
        licence=licence_of(metadata),
    )
    with atomic_file(target.with_suffix(".md")) as partial:
        partial.write_text(card, encoding="utf-8")
    return written
