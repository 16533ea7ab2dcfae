"""The metadata of a checkpoint: a JSON object in the header of the safetensors file, under `METADATA_KEY`."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

METADATA_KEY = "lesionlab"
FORMAT_VERSION = 1


class DatasetSummary(TypedDict):
    """The dataset that a model was trained on; without paths, which are private to the machine."""

    name: str
    fingerprint: str
    """As `seg_core.data.fingerprint.dataset_fingerprint`."""
    train: int
    """Photographs that trained; ``val`` and ``test`` likewise."""
    val: int
    test: int
    val_is_own: bool
    """True if the dataset has a validation split of its own, so that none was drawn."""
    train_ids: NotRequired[list[str] | None]
    """Ids of the photographs that trained; None where they are too many."""


class SplitScores(TypedDict):
    """Scores of a published model on one split, at stored resolution."""

    n: int
    scores: dict[str, list[Any]]
    """By metric: the mean over photographs, and the bounds of its 95 % interval, or None where there is no interval."""
    calibration_error: float


class Published(TypedDict, total=False):
    """Metadata that `seg_core.report.publishing.publish` adds."""

    evaluation: dict[str, SplitScores]
    """By split."""
    evaluation_tta: dict[str, SplitScores]
    """With test-time augmentation."""
    reliability: dict[str, list[Any]]
    """As `seg_core.evaluation.result.Reliability`, of the validation split; None for NaN."""
    robustness: dict[str, Any]
    """By split, as `seg_core.evaluation.robustness.Robustness`."""
    beside: dict[str, Any]
    """Difference of its scores from another model's: that model's ``label``, and by split and metric as in ``scores``."""


class CheckpointMetadata(Published):
    """Everything needed to rebuild a model and to judge it."""

    format: int
    name: str
    """Name of its run; may be empty."""
    label: str
    """Its variant and recipe in words."""
    config: dict[str, Any]
    """As `seg_core.config.Config` takes it."""
    parameters: int
    normalisation: dict[str, list[float]]
    """``mean`` and ``std`` by channel, of photographs in [0, 1]."""
    dataset: DatasetSummary
    epoch: int
    """The epoch after which, or within which, it was written; from 1."""
    epoch_is_whole: bool
    metrics: dict[str, dict[str, float]]
    """Metrics of that epoch, ``train`` and ``val``, at network resolution; empty if the training was stopped within it."""
    history: list[dict[str, Any]]
    """As `seg_core.training.history.History.of` takes it."""
    seconds: float
    """Duration of the training."""
    device: str
    precision: str
    threads: int
    versions: dict[str, str]
    created: str
    """In UTC, as ISO 8601."""


def checkpoint_label(metadata: CheckpointMetadata) -> str:
    """Return the name of a checkpoint in the app: that of its run, or its variant and recipe."""
    return str(metadata.get("name") or metadata["label"])
