"""What a checkpoint's file says of its model: a JSON object in the header of the safetensors file, under `METADATA_KEY`."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

METADATA_KEY = "lesionlab"
FORMAT_VERSION = 1


class DatasetSummary(TypedDict):
    """What it was trained on; no paths, they are the machine's own."""

    name: str
    fingerprint: str
    """As `seg_core.data.fingerprint.dataset_fingerprint`."""
    train: int
    """Photographs that trained; ``val`` and ``test`` likewise."""
    val: int
    test: int
    val_is_own: bool
    """Whether the dataset has a validation split of its own, so that none was drawn."""
    train_ids: NotRequired[list[str] | None]
    """Which photographs trained; None where they are too many."""


class PartScores(TypedDict):
    """What a published model scores on one part, at stored resolution."""

    n: int
    scores: dict[str, list[Any]]
    """By metric the mean over photographs and the bounds of its 95 % interval, which are None where it has none."""
    calibration_error: float


class Published(TypedDict, total=False):
    """What `seg_core.report.publishing.publish` adds."""

    evaluation: dict[str, PartScores]
    """By part."""
    evaluation_tta: dict[str, PartScores]
    """With test-time augmentation."""
    reliability: dict[str, list[Any]]
    """As `seg_core.evaluation.result.Reliability`, of the validation split; None for NaN."""
    robustness: dict[str, Any]
    """By part, as `seg_core.evaluation.robustness.Robustness`."""
    beside: dict[str, Any]
    """By how much its scores are higher than another model's: that one's ``label``, and by part and metric as in ``scores``."""


class CheckpointMetadata(Published):
    """All that is needed to rebuild a model and to judge it."""

    format: int
    name: str
    """What its run is called; may be empty."""
    label: str
    """Its variant and recipe in words."""
    config: dict[str, Any]
    """As `seg_core.config.Config` takes it."""
    parameters: int
    normalisation: dict[str, list[float]]
    """``mean`` and ``std`` by channel, of photographs in [0, 1]."""
    dataset: DatasetSummary
    epoch: int
    """After which, or within which, it was written; from 1."""
    epoch_is_whole: bool
    metrics: dict[str, dict[str, float]]
    """Of that epoch, ``train`` and ``val``, at network resolution; empty if the training was stopped within it."""
    history: list[dict[str, Any]]
    """As `seg_core.training.history.History.of` takes it."""
    seconds: float
    """That the training took."""
    device: str
    precision: str
    threads: int
    versions: dict[str, str]
    created: str
    """In UTC, as ISO 8601."""
