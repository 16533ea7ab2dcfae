"""Metadata that a training writes into its checkpoints."""

from __future__ import annotations

import time
from pathlib import PurePath
from typing import Any

import torch

from seg_core.common.versions import versions
from seg_core.config import Config
from seg_core.data.image import MEAN, STD
from seg_core.network import Segmenter, count_parameters
from seg_core.prediction.metadata import FORMAT_VERSION, CheckpointMetadata, DatasetSummary
from seg_core.training.device import choose_precision
from seg_core.training.history import History


def checkpoint_metadata(
    config: Config,
    network: Segmenter,
    dataset: DatasetSummary,
    history: History,
    *,
    name: str,
    device: torch.device,
    stopped_in: int | None = None,
) -> CheckpointMetadata:
    """Describe the weights after the last epoch of ``history`` or, with ``stopped_in``, within that epoch."""
    epochs = history.epochs
    return {
        "format": FORMAT_VERSION,
        "name": name,
        "label": f"{config.label} ({config.recipe})",
        "config": shared_settings(config),
        "parameters": count_parameters(network),
        "normalisation": {"mean": list(MEAN), "std": list(STD)},
        "dataset": dataset,
        "epoch": stopped_in or len(epochs),
        "epoch_is_whole": stopped_in is None,
        "metrics": {"train": epochs[-1].train, "val": epochs[-1].val} if stopped_in is None else {},
        "history": history.to_json(),
        "seconds": round(sum(epoch.seconds for epoch in epochs), 1),
        "device": str(device),
        "precision": choose_precision(config),
        "threads": torch.get_num_threads(),
        "versions": versions(),
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def shared_settings(config: Config) -> dict[str, Any]:
    """Return the settings as they leave this machine: without its folders."""
    return config.model_dump() | {each: _without_folders(getattr(config, each)) for each in ("groups", "begin_from")}


def _without_folders(file: str) -> str:
    """Return a file's name without a path that is private to this machine; one within the dataset stays."""
    return PurePath(file).name if PurePath(file).is_absolute() else file
