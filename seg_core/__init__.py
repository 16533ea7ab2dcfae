"""LesionLab's core: models, data, metrics, training, checkpoints, prediction, runs. Usable as a library.

The names below are imported when they are first used, so that a program that only reads the run store never loads torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seg_core import metrics
    from seg_core.checkpoint import load_checkpoint
    from seg_core.config import Config
    from seg_core.data.dataset import open_dataset
    from seg_core.errors import InputError
    from seg_core.evaluation import evaluate
    from seg_core.model import build_model
    from seg_core.predicted_masks import open_predicted_masks
    from seg_core.training import train

_HOMES = {
    "Config": "config",
    "InputError": "errors",
    "build_model": "model",
    "evaluate": "evaluation",
    "load_checkpoint": "checkpoint",
    "open_dataset": "data.dataset",
    "open_predicted_masks": "predicted_masks",
    "train": "training",
}

__all__ = [
    "Config",
    "InputError",
    "build_model",
    "evaluate",
    "load_checkpoint",
    "metrics",
    "open_dataset",
    "open_predicted_masks",
    "train",
]


def __getattr__(name: str) -> Any:
    if name == "metrics":
        return import_module("seg_core.metrics")
    if name in _HOMES:
        return getattr(import_module(f"seg_core.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
